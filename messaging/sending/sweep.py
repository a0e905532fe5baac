"""What time alone brings about: scheduled messages due, leases that ran out, senders to wake.

Workers look at PostgreSQL; a wake-up only says "look now". So whatever is lost with Redis or a
worker is found here, at the latest one beat later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Min

from accounts import tenancy
from config.lib.apart import apart
from messaging.messages import history, status
from messaging.messages.models import Message
from messaging.senders.models import Sender
from messaging.sending import queue, record, request, wakeups
from messaging.sending.models import QueueItem, ScheduledMessage

BATCH = 1000
_MORNING_CHUNK: Final = 5000
_MORNING_CHUNKS: Final = 20


@tenancy.across(tenancy.Door.SWEEP)
def run(*, now: datetime) -> dict[str, int]:
    """Do all of it once; return counts."""
    return {
        "released": release_expired(now=now),
        "unknown": settle_expired(now=now),
        "due": queue_scheduled(now=now),
        "mornings": free_held(now=now),
        "woken": wake_senders(now=now),
    }


@tenancy.across(tenancy.Door.SWEEP)
def release_expired(*, now: datetime) -> int:
    """Free rows whose worker died before their request left."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_queueitem SET lease_until = NULL, lease_owner = NULL "
            "WHERE message_id IN (SELECT message_id FROM messaging_queueitem "
            "WHERE lease_until < %s AND NOT is_in_flight FOR UPDATE SKIP LOCKED)",
            [now],
        )
        freed: int = cursor.rowcount
    return freed


@tenancy.across(tenancy.Door.SWEEP)
def settle_expired(*, now: datetime) -> int:
    """Call messages unknown whose worker died after their request may have left."""
    lost = QueueItem.objects.filter(lease_until__lt=now, is_in_flight=True)
    senders = set(lost.values_list("business_id", "sender_id").distinct())
    settled = 0
    for business_id, sender_id in sorted(senders):
        with apart("settle expired", sender_id=str(sender_id)):
            ids = _take_expired(sender_id, now)
            _call_unknown(ids, business_id=business_id, sender_id=sender_id, now=now)
            settled += len(ids)
    return settled


def _take_expired(sender_id: UUID, now: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM messaging_queueitem WHERE message_id IN (SELECT message_id "
            "FROM messaging_queueitem WHERE sender_id = %s AND lease_until < %s AND is_in_flight "
            "ORDER BY message_id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING message_id",
            [sender_id, now, BATCH],
        )
        return [message_id for (message_id,) in cursor.fetchall()]


def _call_unknown(
    message_ids: Sequence[UUID], *, business_id: UUID, sender_id: UUID, now: datetime
) -> None:
    with tenancy.scope(business_id):
        rows = Message.objects.select_for_update().filter(pk__in=message_ids).order_by("pk")
        lost = [one for one in rows if one.status in {"sending", "queued"}]
        for message in lost:
            message.status = Message.Status.UNKNOWN
            message.attempts += 1
            message.error_reason = "outcome_unknown"
            message.error_title = "The worker stopped before Meta's answer was stored."
        fields = ["status", "attempts", "error_reason", "error_title"]
        Message.objects.bulk_update(lost, fields)
        ids = [message.pk for message in lost]
        record.note_unknown(ids, business_id=business_id, sender_id=sender_id, now=now)
        sender = Sender.objects.select_related("account").get(pk=sender_id)
        people = {message.contact_id for message in lost}
        record.count_usage(sender, messages=len(lost), people=people, now=now)
        history.append([_entry(message, now) for message in lost])
        status.announce([request.changed(one, before="queued", now=now) for one in lost])


def _entry(message: Message, now: datetime) -> history.Entry:
    return history.Entry(
        business_id=message.business_id,
        message_id=message.pk,
        status="unknown",
        source="sweep",
        at=now,
        detail=message.error_title,
    )


@tenancy.across(tenancy.Door.SWEEP)
def queue_scheduled(*, now: datetime) -> int:
    """Move single messages whose time has come to the queue."""
    due = ScheduledMessage.objects.filter(due_at__lte=now)
    moved = 0
    for business_id in sorted(set(due.values_list("business_id", flat=True).distinct())):
        with apart("queue scheduled", business_id=str(business_id)), tenancy.scope(business_id):
            rows = due.filter(business_id=business_id).select_for_update(skip_locked=True)
            ids = [row.message_id for row in rows.order_by("message_id")[:BATCH]]
            _queue(ids, now)
            ScheduledMessage.objects.filter(message_id__in=ids).delete()
            moved += len(ids)
    return moved


def _queue(message_ids: Sequence[UUID], now: datetime) -> None:
    rows: Any = Message.objects.select_for_update().filter(
        pk__in=message_ids, status=Message.Status.SCHEDULED
    )
    due = list(rows.order_by("pk"))
    Message.objects.filter(pk__in=[one.pk for one in due]).update(status=Message.Status.QUEUED)
    request.enqueue(due, priority=queue.SINGLE, not_before=now)
    for message in due:
        message.status = Message.Status.QUEUED
    status.announce([request.changed(one, before="scheduled", now=now) for one in due])


@tenancy.across(tenancy.Door.SWEEP)
def free_held(*, now: datetime) -> int:
    """Let messages go on that waited for the morning; the rest of a great many next time."""
    total = 0
    for _ in range(_MORNING_CHUNKS):
        freed = queue.free_held(now=now, limit=_MORNING_CHUNK)
        total += freed
        if freed < _MORNING_CHUNK:
            break
    return total


@tenancy.across(tenancy.Door.SWEEP)
def wake_senders(*, now: datetime) -> int:
    """Wake a worker for every sender that has a free row due; one of replies where one waits."""
    due = QueueItem.objects.filter(is_held=False, lease_until__isnull=True, not_before__lte=now)
    senders = due.values_list("sender_id").annotate(first=Min("priority")).order_by()
    for sender_id, first in senders:
        wakeups.wake(sender_id)
        if first < queue.CAMPAIGN:
            wakeups.wake(sender_id, is_reply=True)
    return len(senders)
