"""What a pause, a resume and a cancellation do to rows already queued, some thousand at a time.

Each chunk looks at the campaign's state under its lock, so that a pause and a resume that follow
each other closely leave no row behind. Rows a worker holds are left to it: its gate reads the
state too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from messaging.campaigns.models import Campaign
from messaging.messages import history, status
from messaging.signals import StatusChange

CHUNK: Final = 5000


def hold(campaign: Campaign, *, after: UUID) -> list[UUID]:
    """Set the next free rows aside; return the ids looked at, in order."""
    return _mark(campaign.pk, after=after, is_held=True)


def release(campaign: Campaign, *, after: UUID) -> list[UUID]:
    """Let the next rows set aside be claimed again."""
    return _mark(campaign.pk, after=after, is_held=False)


def _mark(campaign_id: UUID, *, after: UUID, is_held: bool) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_queueitem SET is_held = %(held)s WHERE message_id IN ("
            "SELECT message_id FROM messaging_queueitem WHERE campaign_id = %(campaign)s "
            "AND message_id > %(after)s AND is_held <> %(held)s AND lease_until IS NULL "
            "AND held_until IS NULL "
            "ORDER BY message_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED) RETURNING message_id",
            {"held": is_held, "campaign": campaign_id, "after": after, "limit": CHUNK},
        )
        return sorted(id_ for (id_,) in cursor.fetchall())


def clear(campaign: Campaign, *, now: datetime) -> list[UUID]:
    """Take the next free rows of a cancelled campaign out and call their messages cancelled."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM messaging_queueitem WHERE message_id IN (SELECT message_id "
            "FROM messaging_queueitem WHERE campaign_id = %s AND lease_until IS NULL "
            "ORDER BY message_id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING message_id",
            [campaign.pk, CHUNK],
        )
        found = sorted(id_ for (id_,) in cursor.fetchall())
        cursor.execute(
            "UPDATE messaging_message SET status = 'cancelled' "
            "WHERE id = ANY(%s) AND status = 'queued' "
            "RETURNING id, contact_id, template_id, category, created_at",
            [found],
        )
        moved = sorted(cursor.fetchall())
    history.append(
        [
            history.Entry(
                business_id=campaign.business_id,
                message_id=message_id,
                status="cancelled",
                source="operator",
                at=now,
                detail="The campaign was cancelled.",
            )
            for message_id, *_ in moved
        ]
    )
    status.announce([_change(campaign, row, now) for row in moved])
    return found


def _change(
    campaign: Campaign, row: tuple[UUID, UUID, UUID, str, datetime], now: datetime
) -> StatusChange:
    message_id, contact_id, template_id, category, queued_at = row
    return StatusChange(
        message_id=message_id,
        business_id=campaign.business_id,
        sender_id=campaign.sender_id,
        contact_id=contact_id,
        campaign_id=campaign.pk,
        template_id=template_id,
        category=category,
        direction="outbound",
        before="queued",
        after="cancelled",
        error_code=None,
        error_reason="",
        queued_at=queued_at,
        at=now,
    )
