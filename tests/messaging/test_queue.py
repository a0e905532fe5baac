"""The queue and the loop over it: when to stop looking, whose row it is, what a failure leaves."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts import businesses, tenancy
from config.lib import redis
from config.lib.ids import new_id
from messaging.campaigns.models import Campaign
from messaging.messages.models import Message
from messaging.sending import deliver, queue, request, sweep
from messaging.sending.models import QueueItem
from tests.messaging.pump import Pump
from tests.sandbox import SandboxProcess

ANA, BEA = "+34611000001", "+34611000101"


def test_the_lane_of_replies_rests_while_only_a_campaign_waits(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    pump.ask(pump.person(ANA))
    QueueItem.objects.update(priority=queue.CAMPAIGN)

    counts = deliver.run(pump.sender.pk, clock=timezone.now, seconds=1, priority=queue.SINGLE)

    assert not counts
    assert QueueItem.objects.count() == 1


def test_a_message_behind_one_that_waits_keeps_no_worker_busy(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    person = pump.person(ANA)
    first = pump.ask(person)
    pump.ask(person)
    QueueItem.objects.filter(pk=first.pk).update(not_before=timezone.now() + timedelta(hours=1))

    counts = pump.run(seconds=1)

    assert not counts
    assert sandbox.accepted() == []


def test_a_suspended_business_sends_nothing_and_loses_nothing(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    message = pump.ask(pump.person(ANA))
    businesses.suspend(business=pump.business, by=None)

    pump.run()
    assert sandbox.accepted() == []
    assert pump.status_of(message) == "queued"

    businesses.resume(business=pump.business, by=None)
    pump.run()
    assert sandbox.times_accepted() == {str(message.pk): 1}


def test_a_used_up_hour_leaves_the_rest_of_the_queue_alone(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    pump.sender.per_hour = 5
    pump.sender.save(update_fields=["per_hour"])
    for number in range(40):
        pump.ask(pump.person(f"+346110{number:02d}001"))

    counts = pump.run()

    assert counts["sent"] == 5
    assert QueueItem.objects.filter(not_before__lte=timezone.now()).exists()


def test_a_lost_wake_up_of_a_reply_is_made_good_in_its_own_lane(pump: Pump) -> None:
    pump.ask(pump.person(ANA))
    marks = [redis.key("woken", lane, pump.sender.pk) for lane in ("reply", "bulk")]
    redis.client().delete(*marks)

    sweep.wake_senders(now=timezone.now())

    assert redis.client().exists(*marks) == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_answer_is_recorded_although_the_database_dropped_the_worker_meanwhile(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    pump.sender.per_second = 1
    pump.sender.save(update_fields=["per_second"])
    messages = [pump.ask(pump.person(ANA)), pump.ask(pump.person(BEA))]
    sandbox.fault(latency_ms=2500)
    sending = threading.Thread(target=_run_and_close, args=(pump,))

    sending.start()
    while not QueueItem.objects.filter(is_in_flight=True).exists():
        connection.close()
    _drop_other_connections()
    sending.join()

    assert [pump.status_of(one) for one in messages] == ["sent", "queued"]


def _run_and_close(pump: Pump) -> None:
    try:
        pump.run()
    finally:
        connection.close()


def _drop_other_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user "
            "AND pid <> pg_backend_pid()"
        )


def test_a_row_without_a_message_leaves_the_queue(pump: Pump, sandbox: SandboxProcess) -> None:
    message = pump.ask(pump.person(ANA))
    Message.across_businesses.filter(pk=message.pk).delete()

    pump.run(seconds=1)

    assert not QueueItem.objects.exists()


def test_a_worker_that_lost_its_lease_sets_nothing_aside(pump: Pump) -> None:
    message = pump.ask(pump.person(ANA))
    late = _claim(pump)
    QueueItem.objects.update(lease_until=None, lease_owner=None)
    owner = _claim(pump)
    assert queue.mark_leaving([message.pk], owner=owner, now=timezone.now()) == {message.pk}

    queue.hold([message.pk], owner=late)
    queue.drop([message.pk], owner=late)

    row = QueueItem.objects.get()
    assert (row.is_held, row.is_in_flight, row.lease_owner) == (False, True, owner)


def test_a_message_that_was_queued_anew_stays_in_the_queue(pump: Pump) -> None:
    message = pump.ask(pump.person(ANA))
    owner = _claim(pump)

    queue.drop([message.pk], owner=owner)

    assert QueueItem.objects.filter(pk=message.pk).exists()


@pytest.mark.parametrize("status", ["paused", "cancelled"])
def test_nothing_of_a_stopped_campaign_is_marked_as_leaving(pump: Pump, status: str) -> None:
    message = pump.ask(pump.person(ANA))
    with tenancy.scope(pump.business):
        campaign = Campaign.objects.create(
            business=pump.business,
            name="Sale",
            sender=pump.sender,
            template=pump.template,
            status=status,
        )
    Message.across_businesses.filter(pk=message.pk).update(campaign=campaign)
    owner = _claim(pump)

    assert queue.mark_leaving([message.pk], owner=owner, now=timezone.now()) == set()


def test_a_message_that_was_settled_meanwhile_is_not_marked_as_leaving(pump: Pump) -> None:
    message = pump.ask(pump.person(ANA))
    owner = _claim(pump)
    Message.across_businesses.filter(pk=message.pk).update(status="delivered")

    assert queue.mark_leaving([message.pk], owner=owner, now=timezone.now()) == set()


def test_a_lease_that_ran_out_is_not_marked_as_leaving(pump: Pump) -> None:
    message = pump.ask(pump.person(ANA))
    owner = _claim(pump)
    QueueItem.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert queue.mark_leaving([message.pk], owner=owner, now=timezone.now()) == set()


def test_a_message_that_was_settled_meanwhile_is_not_cancelled(pump: Pump) -> None:
    message = pump.ask(pump.person(ANA))
    Message.across_businesses.filter(pk=message.pk).update(status="delivered")

    with tenancy.scope(pump.business), pytest.raises(request.AlreadySent):
        request.cancel(message, now=timezone.now())

    assert pump.status_of(message) == "delivered"


def _claim(pump: Pump) -> UUID:
    owner = new_id()
    queue.claim(sender_id=pump.sender.pk, owner=owner, limit=10, now=timezone.now())
    return owner
