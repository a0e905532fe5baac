"""Small pieces of pages; whatever comes from outside is escaped."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from config.lib import moments

_MISSING: Final = "—"
_TONES: Final = frozenset({"success", "warning", "danger", "info", "primary", "muted"})


def badge(text: object, tone: str = "muted", *, title: str = "") -> SafeString:
    """Return a coloured word: success, warning, danger, info, primary or muted."""
    tone = tone if tone in _TONES else "muted"
    return format_html(
        '<span class="sb-badge sb-badge-{}" title="{}">{}</span>', tone, title, str(text)
    )


def code(text: object) -> SafeString:
    """Return an id or code in fixed width."""
    return format_html('<code class="sb-code">{}</code>', str(text))


def json_block(value: Any) -> SafeString:
    """Return a value as readable JSON, escaped, that can be scrolled with the keyboard."""
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False, default=str)
    return text_block(text)


def text_block(text: str) -> SafeString:
    """Return text as it is, escaped, in fixed width."""
    return format_html('<pre class="sb-json" tabindex="0">{}</pre>', text)


def ago(at: datetime | None, now: datetime, *, never: str = "never") -> SafeString | str:
    """Return how long ago something was, with the instant as a tooltip."""
    if at is None:
        return never
    if at > now:
        return format_html('<span title="{}">in {}</span>', exact(at), _short(now, at))
    if now - at < timedelta(seconds=60):
        words = f"{max(0, int((now - at).total_seconds()))} s ago"
    else:
        words = f"{_short(at, now)} ago"
    return format_html('<span title="{}">{}</span>', exact(at), words)


def exact(at: datetime) -> str:
    """Return an instant to the second, with its zone."""
    return moments.text(at, with_seconds=True)


def bar(done: int, total: int, *, tone: str = "primary", label: str = "") -> SafeString:
    """Return a progress bar that screen readers can read."""
    percent = 0 if total <= 0 else min(100, max(0, round(100 * done / total)))
    return format_html(
        '<div class="sb-bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        'aria-valuenow="{0}" aria-label="{1}"><div class="sb-bar-fill sb-bar-{2}" '
        'style="width:{0}%"></div></div><span class="sb-bar-text">{0} %</span>',
        percent,
        label or "Progress",
        tone if tone in _TONES else "primary",
    )


def link(url: str, text: object) -> SafeString:
    """Return a link within the admin."""
    return format_html('<a class="sb-link" href="{}">{}</a>', url, str(text))


def size(count: int | None) -> str:
    """Return a number of bytes for people."""
    if count is None:
        return _MISSING
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"


def tier(value: str) -> str:
    """Return a messaging limit as people say it: `TIER_100K` is 100K."""
    word = value.removeprefix("TIER_")
    return word if word[:1].isdigit() else word.replace("_", " ").capitalize() or _MISSING


def _short(start: datetime, end: datetime) -> str:
    return timesince(start, end, depth=1).replace("\xa0", " ")
