"""Template tags of the operators' pages (`{% load operators %}`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.lib import addresses
from config.lib.admin import rendering

register = template.Library()

_QUALITY: Final = {"green": "success", "yellow": "warning", "red": "danger"}


@register.simple_tag
def page_url(name: str, *args: Any) -> str:
    """Return an address, empty when there is no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@register.simple_tag
def badge(text: object, tone: str = "muted") -> SafeString:
    """Show a coloured word."""
    return rendering.badge(text, tone)


@register.simple_tag
def quality(value: str, label: str) -> SafeString:
    """Show a quality rating of Meta's: a dot of its colour and the word."""
    return format_html(
        '<span class="sb-quality sb-quality-{}">{}</span>', _QUALITY.get(value, "muted"), label
    )


@register.simple_tag
def bar(done: int, total: int, label: str = "") -> SafeString:
    """Show a progress bar."""
    return rendering.bar(done, total, label=label)


@register.simple_tag
def ago(at: datetime | None, now: datetime) -> SafeString | str:
    """Show how long ago something was."""
    return rendering.ago(at, now)


@register.filter
def metric(counts: Any, name: str) -> int:
    """Return one count of several."""
    return int(counts[name])


@register.filter
def grouped(value: int | None) -> str:
    """Show a number with its thousands apart."""
    return "—" if value is None else f"{value:,}".replace(",", "\u202f")


@register.filter
def rate(value: float | None) -> str:
    """Show a part of one as a percentage."""
    return "—" if value is None else f"{value:.0%}".replace("%", "\u202f%")


@register.filter
def duration(seconds: int) -> str:
    """Show a number of seconds in the unit that fits."""
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


@register.filter
def tier(value: str) -> str:
    """Show a messaging limit of Meta's without its prefix."""
    return rendering.tier(value)


@register.filter
def masked(address: str) -> str:
    """Show an address without its middle."""
    return addresses.mask(address)
