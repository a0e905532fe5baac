"""Messages whose outcome is unknown: silence, a person's word, and a status at the same time."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import tenancy
from config.lib.ids import new_id
from messaging.messages.models import Message
from messaging.senders.models import SenderActivity
from messaging.sending import queue, reconcile, sweep
from messaging.sending.models import QueueItem, UnknownMessage
from tests.factories.accounts import BusinessFactory
from tests.factories.messaging import SenderFactory
from tests.messaging.pump import Pump

PERSON = "+34611000001"


@pytest.fixture
def silent(pump: Pump) -> Message:
    """Return a message whose outcome stayed unknown while Meta spoke about later ones."""
    message = pump.ask(pump.person(PERSON))
    owner = new_id()
    queue.claim(sender_id=pump.sender.pk, owner=owner, limit=1, now=timezone.now())
    queue.mark_leaving([message.pk], owner=owner, now=timezone.now())
    now = timezone.now()
    sweep.settle_expired(now=now + timedelta(hours=1))
    UnknownMessage.objects.update(since=now - timedelta(hours=2))
    SenderActivity.objects.create(
        sender=pump.sender,
        business_id=pump.sender.business_id,
        last_status_message_id=new_id(),
        last_status_at=now,
    )
    return message


def test_a_silent_utility_message_is_queued_once_more(pump: Pump, silent: Message) -> None:
    counts = reconcile.run(now=timezone.now())

    assert counts["resent"] == 1
    assert pump.status_of(silent) == "queued"
    assert QueueItem.objects.get().pk == silent.pk
    assert not UnknownMessage.objects.exists()


def test_marketing_waits_for_a_person(pump: Pump, silent: Message) -> None:
    Message.across_businesses.update(category="marketing")

    reconcile.run(now=timezone.now())

    assert pump.status_of(silent) == "unknown"
    assert UnknownMessage.objects.get().needs_decision


@pytest.mark.parametrize("is_asked_for", [False, True])
def test_a_status_that_comes_at_the_same_time_wins_without_a_deadlock(
    pump: Pump, silent: Message, is_asked_for: bool
) -> None:
    failures: list[Exception] = []
    other = threading.Thread(target=_settle, args=(pump, silent, is_asked_for, failures))

    with transaction.atomic():
        held = Message.across_businesses.select_for_update().get(pk=silent.pk)
        other.start()
        _wait_until_somebody_waits()
        held.status = "delivered"
        held.save(update_fields=["status"])
        UnknownMessage.objects.filter(pk=silent.pk).delete()
    other.join()

    assert [type(one) for one in failures] == [reconcile.NotUnknown] * is_asked_for
    assert pump.status_of(silent) == "delivered"
    assert not QueueItem.objects.exists()


def _settle(pump: Pump, message: Message, is_asked_for: bool, failures: list[Exception]) -> None:
    try:
        if is_asked_for:
            with tenancy.scope(pump.business):
                reconcile.resend(message, now=timezone.now())
        else:
            reconcile.run(now=timezone.now())
    except Exception as error:
        failures.append(error)
    finally:
        connection.close()


def _wait_until_somebody_waits() -> None:
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            )
            if cursor.fetchone()[0]:
                return


def test_a_row_that_cannot_be_settled_keeps_no_other_sender_waiting(pump: Pump) -> None:
    now = timezone.now()
    other = SenderFactory.create(business=pump.business)
    doomed, fine = pump.ask(pump.person(PERSON)), pump.ask(pump.person("+34611000002"))
    expired = {"is_in_flight": True, "lease_owner": new_id(), "lease_until": now}
    QueueItem.objects.update(**expired)
    # Of a business that does not know its sender: nothing can be done about it here.
    QueueItem.objects.filter(pk=doomed.pk).update(business_id=BusinessFactory.create().pk)
    QueueItem.objects.filter(pk=fine.pk).update(sender=other)
    Message.across_businesses.filter(pk=fine.pk).update(sender=other)

    counts = sweep.run(now=now + timedelta(hours=1))

    assert counts["unknown"] == 1
    assert pump.status_of(fine) == "unknown"
    assert QueueItem.objects.get().pk == doomed.pk
