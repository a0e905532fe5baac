"""What an entry never holds: secrets, message text, and data that tells who a person is.

The trail cannot be erased from, so what must be erasable must not get in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

from config.lib import addresses
from config.lib.logging import NOT_IN_A_UUID, redact_text

MASKED: Final = "[masked]"
MOST_ITEMS: Final = 100
MOST_CHARACTERS: Final = 1000
_DEEPEST: Final = 6
# `ES.MADRID` is no person; Meta's ids of people are longer.
_LONGEST_CODE_OF_A_PLACE: Final = 12

# Words of a field's name. A name that ends like an id or an instant says nothing by itself.
_HIDDEN_WORDS: Final = frozenset(
    {
        *("token", "tokens", "password", "secret", "secrets", "authorization"),
        *("credential", "credentials", "text", "body", "content", "caption", "header", "footer"),
        *("note", "notes", "evidence", "proof", "phone", "phones", "email", "emails"),
        *("recipient", "recipients", "address", "addresses", "bsuid", "attributes"),
    }
)
_HIDDEN_NAMES: Final = frozenset(
    {
        *("api_key", "wa_id", "to", "from", "profile_name", "first_name", "last_name"),
        *("full_name", "contact_name", "file", "filename"),
    }
)
_SHOWN_NAMES: Final = frozenset({"ip_address", "token_health"})
_SHOWN_ENDS: Final = ("_id", "_ids", "_at")
_PHONE: Final = re.compile(rf"(?:\+|\b{NOT_IN_A_UUID}00)\d(?:[ ().-]{{0,2}}\d){{6,14}}(?!\w)")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EMAIL: Final = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.\w+")
_ID: Final = re.compile(r"(?:^|_)ids?$")
_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
# What programs call things: `shipped`, `PAID`, `A-1042`, an instant. People write names otherwise.
_CODE: Final = re.compile(
    r"[a-z0-9_.:-]{1,64}|[A-Z0-9_.:-]{1,64}|(?=[A-Za-z_.:-]*[0-9])[A-Za-z0-9_.:-]{1,64}"
)


def clean(facts: Mapping[str, Any], hidden: Collection[str] = ()) -> dict[str, Any]:
    """Return the facts as plain JSON values, with what must not be kept replaced."""
    return {
        plain(str(name))[:80]: hide(value) if name in hidden else _value(str(name), value, _DEEPEST)
        for name, value in _first(facts.items())
    }


def codes_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts from outside with everything masked that is no code, number or yes and no.

    Under a name nobody knows, a text may be about anybody; so may the name.
    """
    return _codes(facts, _DEEPEST)


def code(value: str) -> str:
    """Return a text from outside if it is a code, else what stands for it.

    An id that reads as a phone number or as Meta's id of a person keeps its end only.
    """
    if not value:
        return value
    if not _CODE.fullmatch(value):
        return MASKED
    return addresses.mask(value) if _is_address(value) else value


def _is_address(value: str) -> bool:
    if addresses.is_bsuid(value):
        return len(value) > _LONGEST_CODE_OF_A_PLACE
    if not value.isdecimal():
        return False
    try:
        addresses.parse_phone(value)
    except addresses.InvalidAddress:
        return False
    return True


def _codes(facts: Mapping[str, Any], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for number, (name, value) in enumerate(facts.items(), 1):
        is_plain = not name or (_NAME.fullmatch(name) and redact_text(name) == name)
        made[name if is_plain else f"[masked {number}]"] = _code_of(name, value, depth)
    return made


def _code_of(name: str, value: Any, depth: int) -> Any:
    if not depth:
        return MASKED
    if isinstance(value, Mapping):
        return _codes(value, depth - 1)
    if isinstance(value, list):
        return [_code_of(name, item, depth - 1) for item in value]
    if isinstance(value, str):
        return code(value)
    is_phone = isinstance(value, int) and redact_text(str(value)) != str(value)
    return MASKED if is_phone and not _ID.search(name) else value


def is_hidden(name: str) -> bool:
    """Say whether a field of this name is masked whatever it holds."""
    name = name.lower()
    if name in _HIDDEN_NAMES:
        return True
    if name in _SHOWN_NAMES or name.endswith(_SHOWN_ENDS):
        return False
    return "api_key" in name or not _HIDDEN_WORDS.isdisjoint(re.split(r"[\W_]+", name))


def hide(value: object) -> str | None:
    """Return what stands for a value in the trail: nothing for nothing."""
    return None if value in (None, "", {}, []) else MASKED


def _value(name: str, value: Any, depth: int) -> Any:
    if is_hidden(name):
        return hide(value)
    if value is None or isinstance(value, bool | int | float):
        return value if not isinstance(value, float) or value == value else None
    if isinstance(value, str):
        return shown(name, value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _nested(name, value, depth)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return shown(name, str(value))


def _nested(name: str, value: Any, depth: int) -> Any:
    if not depth:
        return "[…]"
    if isinstance(value, Mapping):
        return {
            plain(str(key))[:80]: _value(str(key), held, depth - 1)
            for key, held in _first(value.items())
        }
    items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
    shown = [_value(name, item, depth - 1) for item in _first(items)]
    return [*shown, f"[{len(items) - len(shown)} more]"] if len(items) > len(shown) else shown


def _first(items: Iterable[Any]) -> list[Any]:
    return [item for item, _ in zip(items, range(MOST_ITEMS), strict=False)]


def shown(name: str, value: str) -> str:
    """Return a text with phone numbers, e-mails and tokens in it masked; a UUID as it is."""
    if _UUID.fullmatch(value):
        return value
    text = _PHONE.sub(lambda found: addresses.mask(found[0]), plain(value))
    text = _EMAIL.sub(MASKED, text)
    if not (_ID.search(name) and text.isdecimal()):
        text = redact_text(text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def plain(value: str) -> str:
    """Return the text without what PostgreSQL or UTF-8 cannot hold."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode()
