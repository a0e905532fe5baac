"""Messages whose outcome is unknown: what silence means, and what a person may decide.

Meta has no idempotency key, so an unanswered request is never repeated blindly. A status that
names the message settles it (`messages.status`). One that stays silent while statuses of later
messages of its sender have come in for longer than the business's window was not accepted: it is
queued again, once, if the business wants that for its category, else a person decides.

Whoever settles a message locks it first and its row among the unknown ones after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from accounts import tenancy
from accounts.models import Business
from config.lib.apart import apart
from config.lib.errors import Conflict
from messaging.messages import history, status
from messaging.messages.models import Message
from messaging.sending import queue, request
from messaging.sending.models import UnknownMessage

BATCH = 1000


class NotUnknown(Conflict):
    """The message has an outcome already."""

    code = "not_unknown"


@tenancy.across(tenancy.Door.SWEEP)
def run(*, now: datetime) -> dict[str, int]:
    """Look at every business's silent messages once; return counts."""
    resent = undecided = 0
    for business in _businesses():
        with tenancy.scope(business):
            for message_id in _silent(business, now):
                with apart("reconcile", message_id=str(message_id)):
                    is_resent = _resend(message_id, business, now)
                    resent, undecided = resent + is_resent, undecided + (not is_resent)
    return {"resent": resent, "undecided": undecided}


def resend(message: Message, *, now: datetime, by: object = "") -> None:
    """Queue an unknown message again because a person asked for it. Raises `NotUnknown`."""
    with transaction.atomic():
        held: Message = Message.objects.select_for_update().get(pk=message.pk)
        if held.status != Message.Status.UNKNOWN:
            raise NotUnknown("The message has an outcome already.")
        UnknownMessage.objects.filter(pk=held.pk).delete()
        _queue_again(held, now=now, source="operator", detail=str(by))


def _businesses() -> Iterator[Business]:
    waiting = UnknownMessage.objects.filter(needs_decision=False)
    ids = waiting.values_list("business_id", flat=True).distinct()
    yield from Business.objects.filter(pk__in=list(ids))


def _silent(business: Business, now: datetime) -> list[UUID]:
    """Return messages that would have had a status by now, had Meta taken them."""
    window = timedelta(seconds=business.reconcile_after_seconds)
    return list(
        UnknownMessage.objects.filter(
            Q(sender__activity__last_status_message_id__gt=F("message_id")),
            business_id=business.pk,
            needs_decision=False,
            since__lt=now - window,
            sender__activity__last_status_at__gt=F("since") + window,
        )
        .order_by("message_id")
        .values_list("message_id", flat=True)[:BATCH]
    )


@transaction.atomic
def _resend(message_id: UUID, business: Business, now: datetime) -> bool:
    """Queue the message again if the business wants that; else leave it to a person."""
    message: Message | None = (
        Message.objects.select_for_update().filter(pk=message_id, status="unknown").first()
    )
    row = UnknownMessage.objects.filter(pk=message_id)
    if message is None:
        row.delete()
        return False
    is_wanted = (
        business.resend_unknown_marketing
        if message.category == "marketing"
        else business.resend_unknown_utility
    )
    if not is_wanted or _was_resent(message_id):
        row.update(needs_decision=True)
        return False
    row.delete()
    _queue_again(message, now=now, source="sweep", detail="Not accepted by Meta; queued once more.")
    return True


def _was_resent(message_id: UUID) -> bool:
    return history.of(message_id).filter(status="queued", source="sweep").exists()


def _queue_again(message: Message, *, now: datetime, source: str, detail: str) -> None:
    before, message.status = message.status, Message.Status.QUEUED
    message.save(update_fields=["status"])
    history.append(
        [
            history.Entry(
                business_id=message.business_id,
                message_id=message.pk,
                status="queued",
                source=source,
                at=now,
                detail=detail,
            )
        ]
    )
    priority = queue.CAMPAIGN if message.campaign_id else queue.SINGLE
    request.enqueue([message], priority=priority, not_before=now)
    status.announce([request.changed(message, before=before, now=now)])
