"""Facts become hourly sums that stay right whatever way a message goes."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from accounts import tenancy
from accounts.models import Business
from analytics import rollups
from analytics.models import FailureHour, MessageHour
from config.lib import ids
from messaging.messages import status
from messaging.messages.models import Message, MessageEvent
from messaging.messages.status import Update, apply_batch
from messaging.senders.models import Sender
from messaging.sending import request
from messaging.signals import InboundReceived, StatusChange, inbound_received
from tests.factories.messaging import ContactFactory, MessageFactory, SenderFactory

NOON = datetime(2026, 11, 18, 12, 30, tzinfo=UTC)


def sums() -> dict[str, int]:
    """Return the sum of every metric over all hours, zeros left out."""
    found: dict[str, int] = defaultdict(int)
    for row in MessageHour.objects.all():
        found[row.metric] += row.count
    return {metric: count for metric, count in found.items() if count}


def make(sender: Sender, status_: str = "queued", **values: Any) -> Message:
    made: Message = MessageFactory.create(
        id=ids.floor_of(NOON),
        business=sender.business,
        sender=sender,
        contact=ContactFactory.create(business=sender.business),
        status=status_,
        created_at=NOON,
        **values,
    )
    return made


def move(message: Message, before: str | None, after: str, at: datetime = NOON) -> None:
    """Announce that a message moved, as whoever moved it does."""
    message.status = after
    status.announce([request.changed(message, before=before, now=at)])


def tell(message: Message, word: str, at: datetime = NOON, **values: Any) -> None:
    """Apply a status of Meta's."""
    apply_batch(
        [
            Update(
                business_id=message.business_id,
                sender_id=message.sender_id,
                wamid=message.wamid or "",
                status=word,
                at=at,
                message_id=message.pk,
                **values,
            )
        ],
        now=at,
    )


def test_each_step_counts_once_in_the_hour_it_was_reached(sender: Sender) -> None:
    message = make(sender, "sent")

    tell(message, "delivered")
    tell(message, "delivered")
    tell(message, "read", NOON + timedelta(hours=1))

    rows = {(row.hour.hour, row.metric): row.count for row in MessageHour.objects.all()}
    assert rows == {(12, "delivered"): 1, (13, "read"): 1}


def test_a_message_read_before_it_was_reported_delivered_counts_as_both(sender: Sender) -> None:
    message = make(sender, "sent")

    tell(message, "read")
    tell(message, "delivered", NOON + timedelta(hours=2))

    assert sums() == {"delivered": 1, "read": 1}


def test_a_status_for_a_message_not_yet_recorded_as_sent_counts_it_as_sent(sender: Sender) -> None:
    message = make(sender, wamid=None)
    move(message, None, "queued")

    tell(message, "read")

    assert sums() == {"queued": 1, "sent": 1, "delivered": 1, "read": 1}


@pytest.mark.parametrize("after", ["failed", "skipped", "unknown", "cancelled"])
def test_every_other_end_counts_as_what_it_is(sender: Sender, after: str) -> None:
    message = make(sender, error_reason="opted_out")

    move(message, "queued", after)

    assert sums() == {after: 1}
    assert FailureHour.objects.count() == (1 if after in {"failed", "skipped"} else 0)


def test_a_message_tried_again_leaves_the_failed_and_is_not_queued_twice(sender: Sender) -> None:
    message = make(sender)
    move(message, None, "queued")
    move(message, "queued", "sent")
    Message.objects.update(status="sent", sent_at=NOON)
    tell(message, "failed", NOON + timedelta(minutes=5), error_code=131026, error_reason="gone")
    failed = sums()
    message.refresh_from_db()

    move(message, "failed", "queued", NOON + timedelta(days=1))
    waiting = sums()
    move(message, "queued", "sent", NOON + timedelta(days=1))

    assert failed == {"queued": 1, "sent": 1, "failed": 1}
    assert waiting == {"queued": 1}
    assert sums() == {"queued": 1, "sent": 1}
    assert not FailureHour.objects.exclude(count=0).exists()
    sent = MessageHour.objects.exclude(count=0).get(metric="sent")
    assert sent.hour == datetime(2026, 11, 19, 12, tzinfo=UTC)


def test_delivery_after_a_failure_takes_the_failure_back(sender: Sender) -> None:
    message = make(sender, "sent", sent_at=NOON)
    tell(message, "failed", error_code=131026, error_reason="gone")
    tell(message, "delivered", NOON + timedelta(hours=3))

    assert sums() == {"delivered": 1}
    assert not FailureHour.objects.exclude(count=0).exists()


def test_an_unknown_outcome_that_a_status_settles_is_no_longer_unknown(sender: Sender) -> None:
    message = make(sender, "unknown", wamid=None)
    MessageEvent.objects.create(
        business=sender.business,
        message=message,
        status="unknown",
        source="pump",
        occurred_at=NOON,
        recorded_at=NOON,
    )
    move(message, "queued", "unknown")

    tell(message, "delivered", NOON + timedelta(hours=1))

    assert sums() == {"sent": 1, "delivered": 1}


def test_an_incoming_message_counts_as_received(sender: Sender) -> None:
    fact = InboundReceived(
        business_id=sender.business_id,
        sender_id=sender.pk,
        contact_id=ids.new_id(),
        conversation_id=ids.new_id(),
        message_id=ids.new_id(),
        type="text",
        at=NOON,
    )

    inbound_received.send(sender=InboundReceived, fact=fact)
    inbound_received.send(sender=InboundReceived, fact=fact)

    assert sums() == {"received": 2}


def test_a_day_counted_afresh_gives_the_same_however_often(
    business: Business, sender: Sender
) -> None:
    for step, status_ in enumerate(["sent", "delivered", "read", "failed", "skipped", "received"]):
        at = NOON + timedelta(minutes=step)
        MessageFactory.create(
            id=ids.derived_id(at, status_),
            business=business,
            sender=sender,
            contact=ContactFactory.create(business=business),
            direction="inbound" if status_ == "received" else "outbound",
            status=status_,
            created_at=at,
            sent_at=at if status_ in {"sent", "delivered", "read", "failed"} else None,
            delivered_at=at if status_ in {"delivered", "read"} else None,
            read_at=at if status_ == "read" else None,
            failed_at=at if status_ == "failed" else None,
            error_code=131026 if status_ == "failed" else None,
        )

    rollups.recompute_day(NOON.date())
    first = sums()
    rollups.recompute_day(NOON.date())

    assert first == {
        "queued": 5,
        "sent": 4,
        "delivered": 2,
        "read": 1,
        "failed": 1,
        "skipped": 1,
        "received": 1,
    }
    assert sums() == first
    assert sum(FailureHour.objects.values_list("count", flat=True)) == 2


def test_a_day_counted_afresh_leaves_other_days_and_businesses_alone(sender: Sender) -> None:
    other = SenderFactory.create()
    move(make(sender), "queued", "cancelled", NOON - timedelta(days=1))
    with tenancy.scope(other.business):
        rollups.add([_change(other, NOON)])

    rollups.recompute_day(NOON.date())

    assert sums()["cancelled"] == 1
    with tenancy.scope(other.business):
        assert sums() == {"sent": 1}


def _change(sender: Sender, at: datetime) -> StatusChange:
    return StatusChange(
        message_id=ids.new_id(),
        business_id=sender.business_id,
        sender_id=sender.pk,
        contact_id=ids.new_id(),
        campaign_id=None,
        template_id=None,
        category="utility",
        direction="outbound",
        before="queued",
        after="sent",
        error_code=None,
        error_reason="",
        queued_at=None,
        at=at,
    )


@pytest.mark.django_db(transaction=True)
def test_batches_at_the_same_time_in_any_order_neither_block_nor_lose_counts() -> None:
    sender = SenderFactory.create()
    batch = [replace(_change(sender, NOON), sender_id=id_) for id_ in ids.new_ids(500)]
    errors: list[BaseException] = []

    def write(changes: Sequence[StatusChange]) -> None:
        try:
            with tenancy.scope(sender.business):
                for _ in range(10):
                    rollups.add(changes)
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=[one]) for one in (batch, batch[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not errors
    with tenancy.scope(sender.business):
        assert sums() == {"sent": 10_000}
