"""Check a template against Meta's rules before Meta does: every finding at once. Pure.

Rules: Meta's template pages of 2025 and 2026 and their error codes; the ratio of words to
variables is unpublished, so that one is a rule of thumb. Paths point into the API's request
(`components.1.buttons.0.url`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from templates_mgmt.buttons import check_buttons
from templates_mgmt.definition import AUTHENTICATION, MEDIA_FORMATS, Finding, objects
from templates_mgmt.languages import LANGUAGES
from templates_mgmt.wording import check_text, is_text

__all__ = ["Finding", "validate"]

CATEGORIES: Final = ("MARKETING", "UTILITY", "AUTHENTICATION")
MAX_HEADER: Final = 60
MAX_BODY: Final = 1024
MAX_OFFER_BODY: Final = 600
MAX_CARD_BODY: Final = 160
MAX_FOOTER: Final = 60
MAX_OFFER_TEXT: Final = 16
CARDS: Final = (2, 10)
CODE_MINUTES: Final = (1, 90)

# Lifetime of an undelivered message, seconds, by category. -1 means 30 days.
TTL: Final = {
    "AUTHENTICATION": (30, 900),
    "UTILITY": (30, 43200),
    "MARKETING": (43200, 2592000),
}
_NAME: Final = re.compile(r"[a-z0-9_]{1,512}")
_ONCE: Final = ("HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER")
_KNOWN: Final = frozenset({*_ONCE, "CALL_PERMISSION_REQUEST", "TAP_TARGET_CONFIGURATION"})
_HEADER_FORMATS: Final = ("TEXT", *MEDIA_FORMATS, "LOCATION", "PRODUCT")

Json = Mapping[str, Any]
Placed = tuple[str, Json]


def validate(
    *,
    name: Any,
    language: Any,
    category: Any,
    components: Any,
    parameter_format: Any = "positional",
    message_send_ttl_seconds: Any = None,
) -> list[Finding]:
    """Return everything Meta would refuse in a new template; empty if nothing is known to be."""
    found = [*_identity(name, language, category), *_format(parameter_format)]
    category = category.upper() if isinstance(category, str) else ""
    found.extend(_ttl(message_send_ttl_seconds, category))
    if not isinstance(components, list):
        return [*found, Finding("components", "type", "This must be a list of objects.")]
    named = isinstance(parameter_format, str) and parameter_format.upper() == "NAMED"
    parts, misplaced = _parts(components)
    return [*found, *misplaced, *_structure(parts, category, named)]


def _identity(name: Any, language: Any, category: Any) -> Iterator[Finding]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield Finding(
            "name",
            "name",
            "The name may hold lower-case letters, digits and underscores, up to 512.",
            "Write it like order_update.",
        )
    if not isinstance(language, str) or language not in LANGUAGES:
        yield Finding(
            "language", "language", "Meta has no such template language.", "Write es or es_MX."
        )
    if not isinstance(category, str) or category.upper() not in CATEGORIES:
        yield Finding("category", "category", f"The categories are: {', '.join(CATEGORIES)}.")


def _format(value: Any) -> Iterator[Finding]:
    if not isinstance(value, str) or value.upper() not in ("POSITIONAL", "NAMED"):
        yield Finding("parameter_format", "choice", "The format is positional or named.")


def _ttl(value: Any, category: str) -> Iterator[Finding]:
    if value is None or category not in TTL:
        return
    least, most = TTL[category]
    if value == -1 and category != "MARKETING":
        return
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        yield Finding(
            "message_send_ttl_seconds", "range", f"This must lie between {least} and {most}."
        )


def _parts(components: list[Any]) -> tuple[dict[str, Placed], list[Finding]]:
    """Sort the components by type; what is no component, unknown or double is a finding."""
    parts: dict[str, Placed] = {}
    found = []
    for index, row in enumerate(components):
        path = f"components.{index}"
        kind = row.get("type") if isinstance(row, dict) else None
        if not isinstance(kind, str):
            found.append(Finding(path, "type", "A component is an object with a type."))
        elif kind.upper() not in _KNOWN:
            found.append(Finding(f"{path}.type", "unknown_type", "Meta has no such component."))
        elif kind.upper() in parts:
            found.append(Finding(path, "unique", f"There may be one {kind.upper()}."))
        else:
            parts[kind.upper()] = (path, row)
    return parts, found


def _structure(parts: Mapping[str, Placed], category: str, named: bool) -> Iterator[Finding]:
    if "BODY" not in parts:
        yield Finding("components", "body_missing", "A template needs a BODY.", "Add a BODY.")
    if category == AUTHENTICATION:
        yield from _authentication(parts)
        return
    if "HEADER" in parts:
        yield from _header(*parts["HEADER"], category, named)
    if "BODY" in parts:
        longest = MAX_OFFER_BODY if "LIMITED_TIME_OFFER" in parts else MAX_BODY
        path, body = parts["BODY"]
        yield from check_text(path, body, "body_text", longest, named=named)
    if "FOOTER" in parts:
        yield from _footer(*parts["FOOTER"])
    if "BUTTONS" in parts:
        yield from check_buttons(*parts["BUTTONS"])
    if "CAROUSEL" in parts:
        yield from _carousel(parts, category, named)
    if "LIMITED_TIME_OFFER" in parts:
        yield from _offer(parts, category)


def _header(path: str, part: Json, category: str, named: bool) -> Iterator[Finding]:
    kind = part.get("format")
    if not isinstance(kind, str) or kind.upper() not in _HEADER_FORMATS:
        formats = ", ".join(_HEADER_FORMATS)
        yield Finding(f"{path}.format", "choice", f"The formats are: {formats}.")
    elif kind.upper() == "TEXT":
        yield from check_text(path, part, "header_text", MAX_HEADER, named=named)
        yield from _header_text(path, part.get("text"))
    elif kind.upper() in MEDIA_FORMATS:
        yield from _media_example(path, part)
        if kind.upper() == "GIF" and category != "MARKETING":
            yield Finding(f"{path}.format", "category", "A GIF header is for marketing only.")


def _header_text(path: str, text: Any) -> Iterator[Finding]:
    if not is_text(text):
        return
    if len(set(re.findall(r"\{\{[^{}]*\}\}", text))) > 1:
        yield Finding(f"{path}.text", "variables", "A header may hold one variable.")
    if re.search(r"[*~`\n]|(?<!\w)_\w", text):
        yield Finding(
            f"{path}.text",
            "markdown",
            "A header has no formatting and no line breaks.",
            "Remove * _ ~ ` and line breaks.",
        )


def _media_example(path: str, part: Json) -> Iterator[Finding]:
    example = part.get("example")
    handle = example.get("header_handle") if isinstance(example, dict) else None
    if not handle:
        yield Finding(
            f"{path}.example",
            "example",
            "A media header needs a sample file for Meta's review.",
            "Upload a sample.",
        )


def _footer(path: str, part: Json) -> Iterator[Finding]:
    text = part.get("text")
    if not is_text(text):
        yield Finding(f"{path}.text", "required", "The footer needs text.")
        return
    if len(text) > MAX_FOOTER:
        detail = f"{len(text)} characters; Meta allows {MAX_FOOTER}."
        yield Finding(f"{path}.text", "too_long", detail, "Shorten the footer.")
    if "{{" in text:
        yield Finding(f"{path}.text", "variables", "A footer may not hold variables.")


def _carousel(parts: Mapping[str, Placed], category: str, named: bool) -> Iterator[Finding]:
    path, part = parts["CAROUSEL"]
    if category != "MARKETING":
        yield Finding(path, "category", "A carousel is for marketing only.")
    cards = part.get("cards")
    rows = list(objects(cards))
    if not CARDS[0] <= len(rows) <= CARDS[1]:
        detail = f"{len(rows)} cards; Meta allows {CARDS[0]} to {CARDS[1]}."
        yield Finding(f"{path}.cards", "count", detail)
    shapes = {_shape(row) for row in rows}
    if len(shapes) > 1:
        yield Finding(f"{path}.cards", "same_shape", "All cards need the same components.")
    for index, row in enumerate(rows):
        yield from _card(f"{path}.cards.{index}", row, named)


def _shape(card: Json) -> tuple[str, ...]:
    shape = []
    for part in objects(card.get("components")):
        kinds = [str(button.get("type")).upper() for button in objects(part.get("buttons"))]
        shape.append(":".join([str(part.get("type")).upper(), *kinds]))
    return tuple(shape)


def _card(path: str, card: Json, named: bool) -> Iterator[Finding]:
    found: set[str] = set()
    for index, part in enumerate(objects(card.get("components"))):
        at = f"{path}.components.{index}"
        kind = str(part.get("type")).upper()
        found.add(kind)
        if kind == "HEADER":
            yield from _card_header(at, part)
        elif kind == "BODY":
            yield from check_text(at, part, "body_text", MAX_CARD_BODY, named=named)
        elif kind == "BUTTONS":
            yield from check_buttons(at, part, most=2)
        else:
            yield Finding(f"{at}.type", "unknown_type", "A card has a header, body and buttons.")
    if "HEADER" not in found:
        yield Finding(path, "header_missing", "A card needs a header.")


def _card_header(path: str, part: Json) -> Iterator[Finding]:
    kind = str(part.get("format")).upper()
    if kind not in ("IMAGE", "VIDEO", "PRODUCT"):
        yield Finding(f"{path}.format", "choice", "A card's header is IMAGE, VIDEO or PRODUCT.")
    elif kind != "PRODUCT":
        yield from _media_example(path, part)


def _offer(parts: Mapping[str, Placed], category: str) -> Iterator[Finding]:
    path, part = parts["LIMITED_TIME_OFFER"]
    if category != "MARKETING":
        yield Finding(path, "category", "A limited-time offer is for marketing only.")
    offer = part.get("limited_time_offer")
    text = offer.get("text") if isinstance(offer, dict) else None
    if not is_text(text):
        yield Finding(f"{path}.limited_time_offer.text", "required", "The offer needs a text.")
    elif len(text) > MAX_OFFER_TEXT:
        detail = f"{len(text)} characters; Meta allows {MAX_OFFER_TEXT}."
        yield Finding(f"{path}.limited_time_offer.text", "too_long", detail)
    if "FOOTER" in parts:
        yield Finding(parts["FOOTER"][0], "not_allowed", "A limited-time offer has no footer.")
    header = parts.get("HEADER")
    if header and str(header[1].get("format")).upper() not in ("IMAGE", "VIDEO"):
        yield Finding(header[0], "choice", "The header of an offer is IMAGE or VIDEO.")


def _authentication(parts: Mapping[str, Placed]) -> Iterator[Finding]:
    """Check the little an author decides: Meta writes the text of authentication templates."""
    for kind in ("HEADER", "CAROUSEL", "LIMITED_TIME_OFFER"):
        if kind in parts:
            detail = "Authentication templates have no such component."
            yield Finding(parts[kind][0], "not_allowed", detail, "Remove it.")
    if "BODY" in parts:
        yield from _authentication_body(*parts["BODY"])
    if "FOOTER" in parts:
        yield from _expiration(*parts["FOOTER"])
    yield from _otp_button(parts)


def _authentication_body(path: str, part: Json) -> Iterator[Finding]:
    if part.get("text"):
        detail = "Meta writes the text of authentication templates."
        yield Finding(f"{path}.text", "not_allowed", detail, "Remove the text.")
    recommendation = part.get("add_security_recommendation")
    if recommendation is not None and not isinstance(recommendation, bool):
        yield Finding(f"{path}.add_security_recommendation", "type", "This is true or false.")


def _expiration(path: str, part: Json) -> Iterator[Finding]:
    if part.get("text"):
        detail = "The footer of an authentication template is Meta's."
        yield Finding(f"{path}.text", "not_allowed", detail, "Give code_expiration_minutes.")
    minutes = part.get("code_expiration_minutes")
    least, most = CODE_MINUTES
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not least <= minutes <= most:
        detail = f"This must lie between {least} and {most}."
        yield Finding(f"{path}.code_expiration_minutes", "range", detail)


def _otp_button(parts: Mapping[str, Placed]) -> Iterator[Finding]:
    path, part = parts.get("BUTTONS", ("components", {}))
    kinds = [str(row.get("type")).upper() for row in objects(part.get("buttons"))]
    if kinds != ["OTP"]:
        yield Finding(
            path,
            "otp_button",
            "An authentication template has one OTP button and no other.",
            "Add a button of type OTP.",
        )
    else:
        yield from check_buttons(path, part)
