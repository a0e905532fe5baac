"""Message rows that Meta's events make: what people wrote, and what was written elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from config.lib.ids import derived_id
from messaging.senders.models import Sender
from messaging.webhooks.people import Seen

_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)

_COLUMNS: Final = {
    "id": "uuid",
    "business_id": "uuid",
    "direction": "text",
    "type": "text",
    "status": "text",
    "category": "text",
    "sender_id": "uuid",
    "contact_id": "uuid",
    "address": "text",
    "content": "jsonb",
    "wamid": "text",
    "reply_to_wamid": "text",
    "metadata": "jsonb",
    "created_at": "timestamptz",
    "occurred_at": "timestamptz",
    "sent_at": "timestamptz",
}
_INSERT: Final = (
    f"INSERT INTO messaging_message ({', '.join(_COLUMNS)}) SELECT * FROM unnest("  # noqa: S608  # columns of ours
    + ", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())
    + ") ON CONFLICT (id) DO NOTHING RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A message to store. The id comes from Meta's facts: storing it again changes nothing."""

    sender: Sender
    seen: Seen
    direction: str
    status: str
    type: str
    wamid: str
    told_at: datetime | None
    content: Mapping[str, Any]
    reply_to_wamid: str = ""
    metadata: Mapping[str, Any] | None = None
    is_past: bool = False

    @property
    def id(self) -> UUID:
        """The id all copies of this message share."""
        return derived_id(self.told_at or _NO_TIME, self.sender.phone_number_id, self.wamid)

    @property
    def at(self) -> datetime:
        """When it was written."""
        return self.seen.at

    @property
    def is_inbound(self) -> bool:
        """Whether a person wrote it."""
        return self.direction == "inbound"


def insert(rows: Sequence[Row], contact_ids: Sequence[UUID], *, now: datetime) -> set[UUID]:
    """Store the messages that are not there yet; return the ids of the new ones."""
    if not rows:
        return set()
    pairs = sorted(zip(rows, contact_ids, strict=True), key=lambda pair: pair[0].id)
    values = [_values(row, contact_id, now) for row, contact_id in pairs]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [[one[column] for one in values] for column in _COLUMNS])
        return {id_ for (id_,) in cursor.fetchall()}


def without_known(rows: Sequence[Row]) -> list[Row]:
    """Leave out what was sent through us and only echoes back."""
    ours = [row.wamid for row in rows if not row.is_inbound]
    if not ours:
        return list(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sender_id, wamid, id FROM messaging_message "
            "WHERE wamid = ANY(%s) AND direction = 'outbound'",
            [ours],
        )
        known = {(sender, wamid): id_ for sender, wamid, id_ in cursor.fetchall()}
    return [
        row
        for row in rows
        if row.is_inbound or known.get((row.sender.pk, row.wamid), row.id) == row.id
    ]


def _values(row: Row, contact_id: UUID, now: datetime) -> dict[str, Any]:
    person = row.seen.person
    return {
        "id": row.id,
        "business_id": row.sender.business_id,
        "direction": row.direction,
        "type": row.type[:24],
        "status": row.status,
        "category": "service",
        "sender_id": row.sender.pk,
        "contact_id": contact_id,
        "address": (person.number or person.bsuid)[:140],
        "content": orjson.dumps(row.content).decode(),
        "wamid": row.wamid[:255],
        "reply_to_wamid": row.reply_to_wamid[:255],
        "metadata": orjson.dumps(row.metadata).decode() if row.metadata else None,
        "created_at": now,
        "occurred_at": row.at,
        "sent_at": None if row.is_inbound else row.at,
    }
