"""The queue of a sender: put, claim, mark as leaving, give back.

A row is due when it is the earliest of its contact (rows of paused campaigns aside), not leased
and past `not_before`; so messages to one person leave in the order they were queued. A claim is a
lease: a worker that dies gives its rows back when the lease ends. A row is marked in flight, in a
transaction of its own, before its request leaves: only such a row can have reached Meta.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from compliance.policy import Cap
from messaging.sending import frequency, gate

REPLY: Final = 0
SINGLE: Final = 5
CAMPAIGN: Final = 9


@dataclass(frozen=True, slots=True)
class Item:
    """A message to put in the queue."""

    message_id: UUID
    business_id: UUID
    sender_id: UUID
    contact_id: UUID
    priority: int
    not_before: datetime
    campaign_id: UUID | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row this worker holds until its lease ends."""

    message_id: UUID
    contact_id: UUID
    attempts: int


def put(items: Sequence[Item]) -> None:
    """Queue messages. One that goes before campaigns takes earlier ones of its contact along."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_queueitem (message_id, business_id, sender_id, contact_id, "
            "campaign_id, priority, not_before, attempts) SELECT * FROM unnest(%s::uuid[], "
            "%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::smallint[], "
            "%s::timestamptz[], %s::smallint[]) ON CONFLICT (message_id) DO NOTHING",
            [
                [item.message_id for item in items],
                [item.business_id for item in items],
                [item.sender_id for item in items],
                [item.contact_id for item in items],
                [item.campaign_id for item in items],
                [item.priority for item in items],
                [item.not_before for item in items],
                [item.attempts for item in items],
            ],
        )
        urgent = [item for item in items if item.priority < CAMPAIGN]
        if urgent:
            cursor.execute(
                "UPDATE messaging_queueitem AS q SET priority = t.priority "
                "FROM unnest(%s::uuid[], %s::uuid[], %s::smallint[]) "
                "AS t(sender_id, contact_id, priority) WHERE q.sender_id = t.sender_id "
                "AND q.contact_id = t.contact_id AND q.priority > t.priority AND NOT q.is_held",
                [
                    [item.sender_id for item in urgent],
                    [item.contact_id for item in urgent],
                    [item.priority for item in urgent],
                ],
            )


_CLAIM: Final = """
WITH due AS (
    SELECT q.message_id FROM messaging_queueitem q
    WHERE q.sender_id = %(sender)s AND NOT q.is_held AND q.lease_until IS NULL
      AND q.not_before <= %(now)s AND q.priority <= %(priority)s
      AND NOT EXISTS (
          SELECT 1 FROM messaging_queueitem earlier
          WHERE earlier.sender_id = q.sender_id AND earlier.contact_id = q.contact_id
            AND NOT earlier.is_held AND earlier.message_id < q.message_id)
    ORDER BY q.priority, q.message_id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE messaging_queueitem q SET lease_until = %(until)s, lease_owner = %(owner)s
FROM due WHERE q.message_id = due.message_id
RETURNING q.message_id, q.contact_id, q.attempts
"""


def claim(
    *,
    sender_id: UUID,
    owner: UUID,
    limit: int,
    now: datetime,
    priority: int = CAMPAIGN,
) -> list[Claimed]:
    """Lease up to `limit` due rows of a sender, one a contact at most, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "sender": sender_id,
                "owner": owner,
                "limit": limit,
                "now": now,
                "priority": priority,
                "until": now + timedelta(seconds=settings.SEND_LEASE_SECONDS),
            },
        )
        rows = [Claimed(*row) for row in cursor.fetchall()]
    return sorted(rows, key=lambda row: row.message_id)


def mark_leaving(
    claimed: Sequence[UUID],
    *,
    owner: UUID,
    now: datetime,
    capped: Mapping[UUID, UUID] | None = None,
    cap: Cap | None = None,
) -> set[UUID]:
    """Mark claimed rows as in flight, unless an opt-out of their person came or is coming.

    The consent locks of the persons, shared with other workers, keep an opt-out from committing
    between the last look at the consent and the mark; an opt-out that holds one just now turns
    the row away. So do a campaign that was stopped, a message that was settled and a lease that
    ran out since the gate looked. Of `capped`, messages by their contact, those leave whose person
    may get one more under `cap`. Returns the ids that may leave.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK, [list(claimed)])
        free = [message_id for message_id, is_free in cursor.fetchall() if is_free]
        if cap and capped:
            people = frequency.claim(set(capped.values()), cap, now=now)
            free = [one for one in free if one not in capped or capped[one] in people]
        cursor.execute(_MARK, {"ids": free, "owner": owner, "now": now})
        return {message_id for (message_id,) in cursor.fetchall()}


def release(message_ids: Sequence[UUID], *, owner: UUID, not_before: datetime) -> None:
    """Give claimed rows back, to be claimed again from `not_before` on."""
    if not message_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_queueitem SET lease_until = NULL, lease_owner = NULL, "
            "is_in_flight = false, not_before = %s WHERE message_id = ANY(%s) AND lease_owner = %s",
            [not_before, list(message_ids), owner],
        )


def hold(message_ids: Sequence[UUID], *, owner: UUID) -> None:
    """Set claimed rows of a paused campaign aside until it goes on, and end their lease."""
    hold_until(message_ids, owner=owner, until=None)


def hold_until(message_ids: Sequence[UUID], *, owner: UUID, until: datetime | None) -> None:
    """Set claimed rows aside until a time, and end their lease; they block nobody meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_queueitem SET is_held = true, held_until = %s, lease_until = NULL, "
            "lease_owner = NULL WHERE message_id = ANY(%s) AND lease_owner = %s",
            [until, list(message_ids), owner],
        )


def free_held(*, now: datetime, limit: int) -> int:
    """Let rows be claimed again whose time has come; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_queueitem SET is_held = false, held_until = NULL "
            "WHERE message_id IN (SELECT message_id FROM messaging_queueitem "
            "WHERE held_until <= %s ORDER BY held_until LIMIT %s FOR UPDATE SKIP LOCKED)",
            [now, limit],
        )
        freed: int = cursor.rowcount
    return freed


def drop(message_ids: Sequence[UUID], *, owner: UUID) -> None:
    """Take claimed rows out whose message was settled without them, or is gone.

    A message queued anew since the gate looked keeps its row, which is free when the lease ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM messaging_queueitem q WHERE message_id = ANY(%s) AND lease_owner = %s "
            "AND NOT EXISTS (SELECT 1 FROM messaging_message m "
            "WHERE m.id = q.message_id AND m.status = 'queued')",
            [list(message_ids), owner],
        )


# What a claim would take if it were due: a row behind another of its contact is not awaited.
_NEXT_DUE: Final = """
SELECT min(q.not_before) FROM messaging_queueitem q
WHERE q.sender_id = %(sender)s AND NOT q.is_held AND q.lease_until IS NULL
  AND q.not_before <= %(by)s AND q.priority <= %(priority)s
  AND NOT EXISTS (
      SELECT 1 FROM messaging_queueitem earlier
      WHERE earlier.sender_id = q.sender_id AND earlier.contact_id = q.contact_id
        AND NOT earlier.is_held AND earlier.message_id < q.message_id)
"""


def next_due_at(sender_id: UUID, *, by: datetime, priority: int = CAMPAIGN) -> datetime | None:
    """Return when the next claim would find a row; None when none would until `by`."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_DUE, {"sender": sender_id, "by": by, "priority": priority})
        found: datetime | None = cursor.fetchone()[0]
    return found


# The lock names are those of `compliance.consent.lock`.
_LOCK: Final = """
SELECT q.message_id,
       pg_try_advisory_xact_lock_shared(hashtextextended(q.business_id || ':' || c.phone_key, 1))
           IS NOT FALSE
       AND pg_try_advisory_xact_lock_shared(hashtextextended(q.business_id || ':' || c.bsuid, 1))
           IS NOT FALSE
FROM messaging_queueitem q JOIN messaging_contact c ON c.id = q.contact_id
WHERE q.message_id = ANY(%s)
"""


def _mark_sql() -> str:
    rule = gate.consent_rule()
    return (
        "UPDATE messaging_queueitem q SET is_in_flight = true FROM messaging_message m "  # noqa: S608  # fragments of ours
        "JOIN messaging_contact c ON c.id = m.contact_id "
        "LEFT JOIN messaging_conversation t "
        "ON t.sender_id = m.sender_id AND t.contact_id = m.contact_id "
        "LEFT JOIN messaging_campaign k ON k.id = m.campaign_id "
        f"{rule.joins} WHERE q.message_id = m.id AND m.id = ANY(%(ids)s) "
        "AND q.lease_owner = %(owner)s AND q.lease_until > %(now)s AND m.status = 'queued' "
        "AND (k.status IN ('paused', 'cancelled')) IS NOT TRUE "
        f"AND {rule.code} IS NULL RETURNING q.message_id"
    )


_MARK: Final = _mark_sql()
