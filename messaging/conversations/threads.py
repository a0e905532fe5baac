"""What happens to threads: one per sender and contact, made by the first message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts import tenancy
from config.lib.ids import new_id
from messaging.conversations.models import Conversation

Key = tuple[UUID, UUID]

# Takes rows in order of their key, so that two workers cannot wait for each other.
_NOTE = """
INSERT INTO messaging_conversation AS held
    (id, business_id, sender_id, contact_id, status, is_standby, unread,
     last_inbound_at, last_message_at)
SELECT id, %s, sender_id, contact_id, 'open', false, unread, last_inbound_at, last_message_at
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::int[], %s::timestamptz[], %s::timestamptz[])
    AS told (id, sender_id, contact_id, unread, last_inbound_at, last_message_at)
ORDER BY sender_id, contact_id
ON CONFLICT (sender_id, contact_id) DO UPDATE SET
    unread = held.unread + excluded.unread,
    last_inbound_at = GREATEST(held.last_inbound_at, excluded.last_inbound_at),
    last_message_at = GREATEST(held.last_message_at, excluded.last_message_at),
    status = CASE WHEN excluded.unread > 0 THEN 'open' ELSE held.status END
RETURNING sender_id, contact_id, id
"""


@dataclass(frozen=True, slots=True)
class Note:
    """A message that stands in a thread. `unread` counts it for the operators."""

    sender_id: UUID
    contact_id: UUID
    at: datetime
    opens_window: bool = False
    is_unread: bool = False

    @property
    def key(self) -> Key:
        return self.sender_id, self.contact_id


def note(notes: Sequence[Note]) -> dict[Key, UUID]:
    """Move threads forward by messages of any age, made if missing; return their ids.

    Times only grow, so messages may come in any order; the caller notes each message once. An
    unread message opens a closed thread.
    """
    if not notes:
        return {}
    sums = _sum(notes)
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            [
                tenancy.current_id(),
                [new_id() for _ in sums],
                [one.sender_id for one in sums],
                [one.contact_id for one in sums],
                [one.unread for one in sums],
                [one.last_inbound_at for one in sums],
                [one.last_message_at for one in sums],
            ],
        )
        return {(sender, contact): id_ for sender, contact, id_ in cursor.fetchall()}


def mark_read(conversation: Conversation) -> None:
    """Count nothing as unread any more."""
    Conversation.objects.filter(pk=conversation.pk).update(unread=0)
    conversation.unread = 0


def set_standby(*, sender_id: UUID, contact_id: UUID, is_standby: bool) -> None:
    """Say whether Meta's agent holds the conversation."""
    Conversation.objects.filter(sender_id=sender_id, contact_id=contact_id).update(
        is_standby=is_standby
    )


def list_newest_first() -> QuerySet[Conversation]:
    """Return the threads of the business in scope as the inbox shows them."""
    threads: QuerySet[Conversation] = Conversation.objects.select_related("contact", "sender")
    return threads.order_by("-last_message_at", "-id")


@dataclass(slots=True)
class _Sum:
    sender_id: UUID
    contact_id: UUID
    last_message_at: datetime
    last_inbound_at: datetime | None = None
    unread: int = 0


def _sum(notes: Sequence[Note]) -> list[_Sum]:
    sums: dict[Key, _Sum] = {}
    for one in notes:
        held = sums.setdefault(one.key, _Sum(one.sender_id, one.contact_id, one.at))
        held.last_message_at = max(held.last_message_at, one.at)
        held.unread += one.is_unread
        if one.opens_window:
            held.last_inbound_at = max(held.last_inbound_at or one.at, one.at)
    return list(sums.values())
