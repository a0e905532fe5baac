"""Read single values out of Meta's JSON without ever raising.

Meta sends numbers as strings and strings as numbers, null for a list, and objects of the wrong
kind. What cannot be read is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from messaging.meta.facts import Json, MetaError

_NOTHING: Final[dict[str, Any]] = {}
_YEAR_2100: Final = 4_102_444_800
_LARGEST_CODE: Final = 2**31 - 1


def text_of(value: object) -> str:
    """Return a string or number as text."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def integer_of(value: object) -> int | None:
    """Return a number, also one written as a string."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return None


def object_of(value: object) -> dict[str, Any]:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def objects_of(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list; a lone object counts as a list of one."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for row in value:
            if isinstance(row, dict):
                yield row


def time_of(value: object) -> datetime | None:
    """Return Unix seconds (or milliseconds), as number or string, as an instant."""
    if type(value) is str and len(value) == 10 and value.isascii() and value.isdigit():
        return datetime.fromtimestamp(int(value), UTC)
    seconds = integer_of(value)
    if seconds is None or seconds <= 0:
        return None
    if seconds < _YEAR_2100:
        return datetime.fromtimestamp(seconds, UTC)
    if seconds < _YEAR_2100 * 1000:
        return datetime.fromtimestamp(seconds / 1000, UTC)
    return None


def phone_of(value: object) -> str:
    """Return a WhatsApp id (digits) as E.164 with "+"; empty for what is no phone."""
    text = text_of(value)
    digits = text[1:] if text.startswith("+") else text
    if digits.isascii() and digits.isdigit() and 5 <= len(digits) <= 20:
        return "+" + digits
    return ""


def _code_of(value: object) -> int | None:
    """Return an error's number; Meta has none that a 32-bit integer does not hold."""
    code = integer_of(value)
    return code if code is not None and -_LARGEST_CODE <= code <= _LARGEST_CODE else None


def errors_of(value: object) -> tuple[MetaError, ...]:
    """Return the rows of an `errors` array."""
    if not value:
        return ()
    return tuple(_error(row) for row in objects_of(value))


def _error(row: Json) -> MetaError:
    return MetaError(
        code=_code_of(row.get("code")),
        title=text_of(row.get("title")) or text_of(row.get("message")),
        details=text_of(object_of(row.get("error_data")).get("details")),
        href=text_of(row.get("href")),
    )
