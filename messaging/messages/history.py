"""The log of a message: what happened to it, when, and who says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import QuerySet

from config.lib import ids
from messaging.messages.models import Message, MessageEvent


@dataclass(frozen=True, slots=True)
class Entry:
    """One line to write. `error` is `{"code", "title", "details"}` or None."""

    business_id: UUID
    message_id: UUID
    status: str
    source: str
    at: datetime
    detail: str = ""
    error: Mapping[str, Any] | None = None


def append(entries: Sequence[Entry]) -> None:
    """Write lines to the log, in one statement."""
    if not entries:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_messageevent (id, business_id, message_id, status, source, "
            "occurred_at, recorded_at, error, detail) SELECT id, business_id, message_id, status, "
            "source, occurred_at, occurred_at, error::jsonb, detail FROM unnest(%s::uuid[], "
            "%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], "
            "%s::text[]) AS t(id, business_id, message_id, status, source, occurred_at, error, "
            "detail)",
            [
                ids.new_ids(len(entries)),
                [entry.business_id for entry in entries],
                [entry.message_id for entry in entries],
                [entry.status for entry in entries],
                [entry.source for entry in entries],
                [entry.at for entry in entries],
                [orjson.dumps(entry.error).decode() if entry.error else None for entry in entries],
                [entry.detail[:300] for entry in entries],
            ],
        )


def of(message_id: UUID) -> QuerySet[MessageEvent]:
    """Return the lines of one message of the business in scope, oldest first."""
    rows: QuerySet[MessageEvent] = MessageEvent.objects.filter(message_id=message_id)
    return rows.order_by("occurred_at", "id")


def story(message: Message) -> list[MessageEvent]:
    """Return all that happened to a message, oldest first, from the request or its arrival.

    Two lines are not stored, for every message has them: that it was written, and that Meta took
    it, as long as Meta's own `sent` has not come.
    """
    stored = list(of(message.pk))
    if message.direction == Message.Direction.INBOUND:
        at = message.occurred_at or message.created_at
        return [_line(message, "received", MessageEvent.Source.WEBHOOK, at), *stored]
    first = "scheduled" if message.scheduled_at else "queued"
    lines = [_line(message, first, MessageEvent.Source.REQUEST, message.created_at)]
    if message.sent_at and all(line.status != "sent" for line in stored):
        lines.append(_line(message, "sent", MessageEvent.Source.PUMP, message.sent_at))
    return sorted([*lines, *stored], key=lambda line: (line.occurred_at, _STEP.get(line.status, 0)))


# Meta's times are whole seconds: what fell into one is told in the order it must have happened.
_STEP: Final = {"sending": 1, "sent": 2, "delivered": 3, "read": 4, "played": 5}


def _line(message: Message, status: str, source: MessageEvent.Source, at: datetime) -> MessageEvent:
    return MessageEvent(
        business_id=message.business_id,
        message_id=message.pk,
        status=status,
        source=source,
        occurred_at=at,
        recorded_at=at,
        detail="",  # not its db_default: the line is never stored
    )
