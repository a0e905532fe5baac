"""Failed messages, tried again because a person asked for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from config.lib import moments
from config.lib.errors import Conflict
from messaging.errors import SENTENCES, Refusal
from messaging.messages import history, status
from messaging.messages.models import Message
from messaging.meta.errors import describe
from messaging.sending import gate, queue, request

BATCH = 500
TOO_EARLY: Final = "too_early"


class NotRetryable(Conflict):
    """The message did not fail, or trying again cannot help."""

    code = "not_retryable"


@dataclass(frozen=True, slots=True)
class Retried:
    """How many were queued again, and why the others were not."""

    requeued: int = 0
    not_retryable: dict[str, int] = field(default_factory=dict)


def one(message: Message, *, now: datetime, by: object = "") -> Message:
    """Queue one failed message again. Raises `NotRetryable` with the reason."""
    with transaction.atomic():
        held: Message = Message.objects.select_for_update().get(pk=message.pk)
        reason = _why_not(held, now)
        if reason:
            raise NotRetryable(_sentence(reason, held), extra={"reason": reason})
        _queue_again([held], now=now, by=by)
    return held


def earliest(message: Message) -> datetime | None:
    """Return when a failed message may be tried again: its error says how long to wait."""
    if message.error_code is None or message.failed_at is None:
        return None
    return message.failed_at + timedelta(seconds=describe(message.error_code).wait_seconds)


def find_refusal(message: Message, *, now: datetime) -> str:
    """Say in a sentence why its error forbids another try now; empty when it does not."""
    reason = _of_error(message, now)
    return _sentence(reason, message) if reason else ""


def many(messages: Iterable[Message], *, now: datetime, by: object = "") -> Retried:
    """Queue those of the messages again that may succeed now, in batches."""
    requeued, refused = 0, Counter[str]()
    page: list[Message] = []
    for message in messages:
        page.append(message)
        if len(page) == BATCH:
            requeued += _page(page, refused, now, by)
            page = []
    requeued += _page(page, refused, now, by)
    return Retried(requeued=requeued, not_retryable=dict(refused))


def _page(page: list[Message], refused: Counter[str], now: datetime, by: object) -> int:
    with transaction.atomic():
        ids = [message.pk for message in page]
        rows = Message.objects.select_for_update(of=("self",)).filter(pk__in=ids)
        held = list(rows.select_related("sender", "contact", "template").order_by("pk"))
        again = []
        for message in held:
            reason = _why_not(message, now)
            if reason:
                refused[reason] += 1
            else:
                again.append(message)
        _queue_again(again, now=now, by=by)
    return len(again)


def _why_not(message: Message, now: datetime) -> str | None:
    if not message.is_retryable:
        return "not_failed"
    return _of_error(message, now) or gate.find_refusal(
        sender=message.sender,
        contact=message.contact,
        category=message.category,
        template=message.template,
        now=now,
    )


def _of_error(message: Message, now: datetime) -> str | None:
    if message.error_code is None:
        return None
    if not describe(message.error_code).retryable:
        return message.error_reason or str(message.error_code)
    due = earliest(message)
    return TOO_EARLY if due and now < due else None


def _sentence(reason: str, message: Message) -> str:
    if reason in list(Refusal):
        return SENTENCES[Refusal(reason)]
    if reason == "not_failed":
        return "Only a failed message can be tried again."
    due = earliest(message)
    if reason == TOO_EARLY and due:
        return f"It is too early: this error allows another try from {moments.text(due)}."
    return "Trying again cannot help with this error."


def _queue_again(messages: list[Message], *, now: datetime, by: object) -> None:
    if not messages:
        return
    entries, changes = [], []
    for message in messages:
        before, message.status = message.status, Message.Status.QUEUED
        message.failed_at = message.next_attempt_at = None
        entries.append(
            history.Entry(
                business_id=message.business_id,
                message_id=message.pk,
                status="queued",
                source="operator",
                at=now,
                detail=f"tried again by {by}" if by else "tried again",
            )
        )
        changes.append(request.changed(message, before=before, now=now))
    Message.objects.bulk_update(messages, ["status", "failed_at", "next_attempt_at"])
    history.append(entries)
    request.enqueue(messages, priority=queue.SINGLE, not_before=now)
    status.announce(changes)
