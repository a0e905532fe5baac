"""Parse a webhook body of Meta's into facts.

Nothing in a body raises, except a body that is not a JSON object: a webhook is answered 200
before it is read, so what is not understood has to be kept (`UnknownItem`), never lost.
Meta's own samples misplace `field`, omit `contacts` and change types; every read is guarded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from messaging.meta import account_events, people, statuses
from messaging.meta.facts import Notification, UnknownItem, ValueErrors
from messaging.meta.reading import errors_of, object_of, objects_of, text_of, time_of
from messaging.meta.scope import Scope

OBJECT: Final = "whatsapp_business_account"


class InvalidNotification(Exception):
    """Say that a body is not a JSON object, so nothing can be read from it."""


def parse(raw: bytes | bytearray | memoryview | dict[str, Any]) -> list[Notification]:
    """Return every fact in a body, in Meta's order. Raises only `InvalidNotification`.

    Repeated items come back repeated: whoever applies them has the key to tell.
    """
    body = raw if isinstance(raw, dict) else _loads(bytes(raw))
    if not isinstance(body, dict):
        raise InvalidNotification("The body is not a JSON object.")
    found: list[Notification] = []
    for change in _changes(body):
        found.extend(_facts(change))
    return found or [UnknownItem("", "", text_of(body.get("object")), "", body)]


@dataclass(frozen=True, slots=True)
class _Change:
    scope: Scope
    value: Any


def _changes(body: dict[str, Any]) -> Iterator[_Change]:
    kind = body.get("object")
    for entry in objects_of(body.get("entry")):
        rows = entry.get("changes")
        for row in objects_of(rows if rows is not None else entry):
            yield _change(row, entry, text_of(kind))


def _change(row: dict[str, Any], entry: dict[str, Any], kind: str) -> _Change:
    value = row.get("value")
    inner = object_of(value)
    field = row.get("field") or inner.get("field") or entry.get("field")
    if kind not in ("", OBJECT):
        field = f"{kind}.{text_of(field)}"
    metadata = object_of(inner.get("metadata"))
    scope = Scope(
        waba_id=text_of(entry.get("id")),
        phone_number_id=text_of(metadata.get("phone_number_id")),
        display_phone_number=text_of(metadata.get("display_phone_number")),
        field=text_of(field) or _guess_field(inner),
        sent_at=time_of(entry.get("time")),
    )
    return _Change(scope, value if isinstance(value, dict) else row)


def _guess_field(value: dict[str, Any]) -> str:
    for key in ("messages", "statuses"):
        if key in value:
            return "messages"
    for key in ("user_preferences", "history", "standby", "user_id_update"):
        if key in value:
            return key
    return ""


def _facts(change: _Change) -> list[Notification]:
    reader = _READERS.get(change.scope.field)
    if reader is None:
        found = _messages(change.scope, change.value) if _has_traffic(change) else []
    else:
        found = reader(change.scope, change.value)
    return found or [change.scope.unknown("", change.value)]


def _has_traffic(change: _Change) -> bool:
    return "." not in change.scope.field and any(
        key in change.value for key in ("messages", "statuses")
    )


def _messages(scope: Scope, value: dict[str, Any]) -> list[Notification]:
    found: list[Notification] = []
    rows = value.get("statuses")
    if rows:
        found.extend(statuses.read(scope, rows))
    rows = value.get("messages")
    if rows:
        found.extend(people.read_messages(scope, rows, value.get("contacts")))
    rows = value.get("message_echoes")
    if rows:
        found.extend(people.read_echoes(scope, rows))
    errors = errors_of(value.get("errors"))
    if errors:
        found.append(ValueErrors(scope.waba_id, scope.phone_number_id, scope.field, errors, value))
    return found


def _standby(scope: Scope, value: dict[str, Any]) -> list[Notification]:
    """Read conversations held by Meta Business Agent; the arrays lie one level deeper."""
    inner = value.get("standby")
    held = {**value, **inner} if isinstance(inner, dict) else value
    return _messages(scope.in_standby(), held)


Reader = Callable[[Scope, dict[str, Any]], list[Notification]]

_READERS: Final[dict[str, Reader]] = {
    "messages": _messages,
    "smb_message_echoes": _messages,
    "message_echoes": _messages,
    "standby": _standby,
    "user_preferences": people.read_preferences,
    "user_id_update": people.read_user_id_updates,
    "messaging_handovers": people.read_handover,
    "history": people.read_history,
    "smb_app_state_sync": people.read_app_state,
    **account_events.READERS,
}


def _loads(raw: bytes) -> Any:
    """Parse JSON, without what PostgreSQL cannot store: NUL and halves of surrogate pairs.

    orjson refuses a half pair; the standard library takes it. Names cut in the middle of an
    emoji do arrive, and must not cost the other 999 items of a batch.
    """
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if b"\\ud" not in raw.lower():
            raise InvalidNotification("The body is not JSON.") from error
        return _storable(_lenient_loads(raw))
    return _storable(body) if b"\\u0000" in raw else body


def _lenient_loads(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=lambda _name: None)
    except (ValueError, RecursionError) as error:
        raise InvalidNotification("The body is not JSON.") from error


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "")
    if isinstance(value, list):
        return [_storable(row) for row in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(row) for key, row in value.items()}
    return value
