"""How much marketing a person got lately, against the most their business allows itself.

What left counts, by when it left: sent, or of unknown outcome, or just under way. Asked of a whole
batch at once, by the index of a person's messages. A claim of the last place is decided under a
lock a person, so that two numbers of one business cannot both take it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from accounts import tenancy
from compliance.policy import Cap
from config.lib import ids

CAP: Final = "frequency_cap"

# A message may leave this long after it was made: scheduled, or of a campaign that was paused.
_OLDEST: Final = timedelta(days=31)

_OVER: Final = """
SELECT person.id FROM unnest(%(contacts)s::uuid[]) AS person(id)
CROSS JOIN LATERAL (
    SELECT count(*) AS sent FROM messaging_message m
    WHERE m.contact_id = person.id AND m.id > %(oldest)s AND m.direction = 'outbound'
      AND m.category = 'marketing' AND m.status IN ('sent', 'delivered', 'read', 'unknown')
      AND COALESCE(m.sent_at, m.created_at) > %(since)s
) AS past
CROSS JOIN LATERAL (
    SELECT count(*) AS leaving FROM messaging_sender s
    JOIN messaging_queueitem q ON q.sender_id = s.id AND q.contact_id = person.id
     AND NOT q.is_held AND q.is_in_flight
    JOIN messaging_message m ON m.id = q.message_id AND m.category = 'marketing'
    WHERE s.business_id = %(business)s
) AS now
WHERE past.sent + now.leaving >= %(most)s
"""


def find_over(contacts: Sequence[UUID], cap: Cap | None, *, now: datetime) -> set[UUID]:
    """Return who of these got all the marketing they may get."""
    if cap is None or not contacts:
        return set()
    since = cap.since(now)
    with connection.cursor() as cursor:
        cursor.execute(
            _OVER,
            {
                "contacts": list(contacts),
                "oldest": ids.floor_of(since - _OLDEST),
                "since": since,
                "most": cap.most,
                "business": tenancy.current_id(),
            },
        )
        return {contact_id for (contact_id,) in cursor.fetchall()}


def claim(contacts: Collection[UUID], cap: Cap, *, now: datetime) -> set[UUID]:
    """Return who may get one more; theirs alone until the transaction ends.

    Somebody whose count is being looked at elsewhere is left out, to be asked again.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM unnest(%s::uuid[]) AS person(id) "
            "WHERE pg_try_advisory_xact_lock(hashtextextended('frequency:' || id, 1))",
            [sorted(contacts)],
        )
        mine = [contact_id for (contact_id,) in cursor.fetchall()]
    return set(mine) - find_over(mine, cap, now=now)
