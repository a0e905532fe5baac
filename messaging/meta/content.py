"""Check free-form content against Meta's limits before a message is accepted.

Limits: Meta's message pages, November 2025 to September 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from messaging.meta.interactive import check_interactive
from messaging.meta.report import Finding, Report

MAX_BODY: Final = 4096
MAX_CAPTION: Final = 1024
MAX_FILENAME: Final = 240
# Meta's page says 257 contacts in a message, its OpenAPI schema 5: the page is newer.
MAX_CONTACTS: Final = 257
MAX_TEMPLATE_NAME: Final = 512

_NAME_PARTS: Final = ("first_name", "last_name", "middle_name", "prefix", "suffix")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_CAPTIONED: Final = frozenset({"image", "video", "document"})


def check_content(kind: str, content: Any) -> list[Finding]:
    """Return everything wrong with the content of a message of this type; empty if nothing.

    Paths start with the type, as in the API's request body.
    """
    report = Report()
    check = _CHECKS.get(kind)
    if check is None:
        report.add("type", "unknown_type", f"The types are: {', '.join(_CHECKS)}.")
    elif kind == "contacts":
        _contacts(report, content)
    else:
        found = report.object(kind, content)
        if found is not None:
            check(report, found)
    return report.findings


def _text(report: Report, content: Mapping[str, Any]) -> None:
    report.text("text.body", content.get("body"), MAX_BODY)
    report.flag("text.preview_url", content.get("preview_url"))


def _media(kind: str) -> Callable[[Report, Mapping[str, Any]], None]:
    def check(report: Report, content: Mapping[str, Any]) -> None:
        check_source(report, kind, content)
        if kind in _CAPTIONED:
            report.text(f"{kind}.caption", content.get("caption"), MAX_CAPTION, required=False)
        elif content.get("caption"):
            report.add(f"{kind}.caption", "not_allowed", "This type has no caption.")
        if kind == "document":
            name = content.get("filename")
            report.text("document.filename", name, MAX_FILENAME, required=False)
        if kind == "audio":
            report.flag("audio.voice", content.get("voice"))

    return check


def check_source(report: Report, path: str, content: Mapping[str, Any]) -> None:
    """Require exactly one of a media id and a link."""
    has_id, has_link = bool(content.get("id")), bool(content.get("link"))
    if has_id == has_link:
        report.add(path, "id_or_link", "Give either `id` or `link`.")
    elif has_link:
        report.url(f"{path}.link", content.get("link"))
    else:
        report.text(f"{path}.id", content.get("id"), 255)


def _location(report: Report, content: Mapping[str, Any]) -> None:
    _coordinate(report, "location.latitude", content.get("latitude"), 90)
    _coordinate(report, "location.longitude", content.get("longitude"), 180)
    report.text("location.name", content.get("name"), 1000, required=False)
    report.text("location.address", content.get("address"), 1000, required=False)


def _coordinate(report: Report, path: str, value: Any, largest: int) -> None:
    if value is None or value == "":
        report.add(path, "required", "This field may not be empty.")
        return
    try:
        number = float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or isinstance(value, bool):
        report.add(path, "type", "This must be a number.")
    elif not -largest <= number <= largest:
        report.add(path, "range", f"This must lie between -{largest} and {largest}.")


def _contacts(report: Report, content: Any) -> None:
    for path, contact in report.rows("contacts", content, 1, MAX_CONTACTS):
        name = report.object(f"{path}.name", contact.get("name"))
        if name is not None:
            report.text(f"{path}.name.formatted_name", name.get("formatted_name"), 1000)
            if not any(name.get(part) for part in _NAME_PARTS):
                report.add(f"{path}.name", "name_part", "Give a first or last name as well.")
        _birthday(report, f"{path}.birthday", contact.get("birthday"))


def _birthday(report: Report, path: str, value: Any) -> None:
    if value is None:
        return
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        report.add(path, "date", "Write the date as YYYY-MM-DD.")


def _reaction(report: Report, content: Mapping[str, Any]) -> None:
    report.text("reaction.message_id", content.get("message_id"), 512)
    emoji = content.get("emoji")
    if not isinstance(emoji, str):
        report.add("reaction.emoji", "required", 'Give an emoji, or "" to take it back.')
    elif len(emoji) > 32:
        report.add("reaction.emoji", "too_long", "Give one emoji.")


def _template(report: Report, content: Mapping[str, Any]) -> None:
    report.text("template.name", content.get("name"), MAX_TEMPLATE_NAME)
    language = report.object("template.language", content.get("language"))
    if language is None:
        return
    code = report.text("template.language.code", language.get("code"), 10)
    if code and not _LANGUAGE.fullmatch(code):
        report.add("template.language.code", "language", "Write the language as es or es_MX.")
    components = content.get("components")
    if components is not None:
        for path, component in report.rows("template.components", components, 0, 20):
            report.text(f"{path}.type", component.get("type"), 50)


_CHECKS: Final[dict[str, Callable[[Report, Mapping[str, Any]], None]]] = {
    "template": _template,
    "text": _text,
    "image": _media("image"),
    "video": _media("video"),
    "audio": _media("audio"),
    "document": _media("document"),
    "sticker": _media("sticker"),
    "location": _location,
    "contacts": _contacts,
    "interactive": check_interactive,
    "reaction": _reaction,
}
