"""Check the values a send brings for a template's variables. Pure.

An empty string is never sent: Meta answers it with 132000 or 132012, for each message. The rule
on line breaks and spaces is Meta's, though its page no longer states it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from templates_mgmt.definition import PLACEHOLDER, Definition, Finding, Text, Variable

Values = Mapping[str, Any]

MAX_BODY: Final = 1024
MAX_HEADER: Final = 60
MAX_URL: Final = 2000
MAX_COUPON: Final = 15
MAX_CODE: Final = 15
MAX_PAYLOAD: Final = 128

_UNSENDABLE: Final = re.compile(r"[\n\r\t\x00]| {5,}")


def value_of(variable: Variable, values: Values) -> Any:
    """Return the value for a variable, or None when there is none to send."""
    value = values.get(variable.key)
    if (value is None or value == "") and variable.alias:
        value = values.get(variable.alias)
    return None if value == "" else value


def text_of(value: Any) -> str:
    """Return a value as the text Meta gets; "" for what is no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def check(definition: Definition, values: Values) -> list[Finding]:
    """Return everything wrong with the values; empty when they can be sent.

    Paths are the variables' keys. Values that the template does not use are no finding.
    """
    found = [one for variable in unique(definition) for one in _check_one(variable, values)]
    return found or list(_lengths(definition, values))


def fill(text: Text, values: Values) -> str:
    """Fill a text's placeholders; those without value stay.

    In one pass, so that a value holding `{{1}}` stays as it is.
    """
    by_name = {variable.name: variable for variable in text.variables}

    def value_for(match: re.Match[str]) -> str:
        variable = by_name.get(match[1])
        return (text_of(value_of(variable, values)) if variable else "") or match[0]

    return PLACEHOLDER.sub(value_for, text.text)


def unique(definition: Definition) -> Iterator[Variable]:
    """Yield each variable once: a code stands in the body and in the button."""
    seen: set[str] = set()
    for variable in definition.variables:
        if variable.key not in seen:
            seen.add(variable.key)
            yield variable


def _check_one(variable: Variable, values: Values) -> Iterator[Finding]:
    value = value_of(variable, values)
    if value is None:
        if variable.required:
            yield Finding(
                variable.key,
                "required",
                "This variable has no value.",
                "Give a value or a default.",
            )
        return
    yield from _CHECKS[variable.kind](variable.key, value)


def _plain(path: str, value: Any) -> Iterator[Finding]:
    text = text_of(value)
    if not text:
        yield Finding(path, "type", "The value must be text or a number.")
    elif not text.strip():
        yield Finding(path, "required", "The value is blank.", "Give a value or a default.")
    elif _UNSENDABLE.search(text):
        yield Finding(
            path,
            "whitespace",
            "Meta refuses line breaks, tabs and more than four spaces in a row.",
            "Put the value on one line.",
        )


def _short(longest: int) -> Callable[[str, Any], Iterator[Finding]]:
    def check_short(path: str, value: Any) -> Iterator[Finding]:
        yield from _plain(path, value)
        size = len(text_of(value))
        if size > longest:
            yield _too_long(path, size, longest)

    return check_short


def _url(path: str, value: Any) -> Iterator[Finding]:
    yield from _plain(path, value)
    text = text_of(value)
    if " " in text.strip():
        yield Finding(path, "url", "An address has no spaces.", "Write %20 for a space.")


def _media(path: str, value: Any) -> Iterator[Finding]:
    """Take a link, a media id, or an object with one of them."""
    if isinstance(value, dict):
        if bool(value.get("id")) == bool(value.get("link")):
            yield Finding(path, "id_or_link", "Give either `id` or `link`.")
            return
        value = value.get("id") or value.get("link")
    yield from _plain(path, value)


def _location(path: str, value: Any) -> Iterator[Finding]:
    yield from _with_keys(path, value, ("latitude", "longitude", "name", "address"))


def _product(path: str, value: Any) -> Iterator[Finding]:
    yield from _with_keys(path, value, ("product_retailer_id", "catalog_id"))


def _mpm(path: str, value: Any) -> Iterator[Finding]:
    yield from _with_keys(path, value, ("thumbnail_product_retailer_id", "sections"))


def _with_keys(path: str, value: Any, keys: tuple[str, ...]) -> Iterator[Finding]:
    if not isinstance(value, dict):
        yield Finding(path, "type", f"Give an object with {', '.join(keys)}.")
        return
    for key in keys:
        if value.get(key) in (None, "", []):
            yield Finding(f"{path}.{key}", "required", "This field may not be empty.")


def _text_or_object(path: str, value: Any) -> Iterator[Finding]:
    if not isinstance(value, dict):
        yield from _plain(path, value)


def _expiration(path: str, value: Any) -> Iterator[Finding]:
    text = text_of(value)
    if not (text.isascii() and text.isdigit() and len(text) == 13):
        yield Finding(path, "type", "Give the end of the offer in Unix milliseconds.")


_CHECKS: Final[dict[str, Callable[[str, Any], Iterator[Finding]]]] = {
    "text": _short(MAX_BODY),
    "code": _short(MAX_CODE),
    "coupon": _short(MAX_COUPON),
    "payload": _short(MAX_PAYLOAD),
    "url": _url,
    "media": _media,
    "location": _location,
    "product": _product,
    "mpm": _mpm,
    "flow": _text_or_object,
    "catalog": _text_or_object,
    "expiration": _expiration,
}


def _lengths(definition: Definition, values: Values) -> Iterator[Finding]:
    """Check what the texts come to with the values filled in (132005 at Meta)."""
    yield from _filled("body", definition.body, values, MAX_BODY)
    header = definition.header
    if header and header.format == "TEXT":
        yield from _filled("header", Text(header.text, header.variables), values, MAX_HEADER)
    for button in definition.buttons:
        variable = button.variable
        if variable and variable.kind == "url":
            size = len(button.target) + len(text_of(value_of(variable, values)))
            if size > MAX_URL:
                yield _too_long(variable.key, size, MAX_URL)


def _filled(path: str, text: Text, values: Values, longest: int) -> Iterator[Finding]:
    size = len(fill(text, values)) if text.variables else 0
    if size > longest:
        yield _too_long(path, size, longest)


def _too_long(path: str, size: int, longest: int) -> Finding:
    detail = f"{size} characters with the values filled in; Meta allows {longest}."
    return Finding(path, "too_long", detail, "Shorten the values.")
