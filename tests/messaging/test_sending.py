"""The pump against a real PostgreSQL, Redis and the sandbox: once each, in order, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import tenancy
from compliance.models import ConsentStatus
from config.lib import redis
from config.lib.ids import new_id
from config.lib.postgres import doors
from messaging.errors import SendRefused
from messaging.messages import history
from messaging.messages.models import Message
from messaging.senders.models import Sender
from messaging.sending import queue, request, sweep
from messaging.sending.models import QueueItem, SenderUsage, UnknownMessage
from tests.messaging.pump import Pump
from tests.sandbox import SandboxProcess

READ = [f"+3461100{n:02d}01" for n in range(100)]


def test_a_queued_message_is_accepted_once_and_recorded(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    message = pump.ask(pump.person(READ[0]))

    counts = pump.run()

    assert counts == {"sent": 1}
    assert sandbox.times_accepted() == {str(message.pk): 1}
    stored = Message.across_businesses.get(pk=message.pk)
    assert stored.status == "sent"
    assert stored.wamid == sandbox.accepted()[0]["wamid"]
    assert stored.attempts == 1
    assert not QueueItem.objects.exists()


def test_the_pump_leaves_its_business_once_a_run(pump: Pump) -> None:
    for number in READ[:5]:
        pump.ask(pump.person(number))
    opened = doors.OPENED.labels(tenancy.Door.ROUTING)._value
    before = opened.get()

    assert pump.run() == {"sent": 5}

    assert opened.get() == before + 1


def test_nobody_is_written_to_without_consent(pump: Pump, sandbox: SandboxProcess) -> None:
    stranger = pump.person(READ[0], agreed=False)

    with pytest.raises(SendRefused) as refused:
        pump.ask(stranger)

    assert refused.value.code == "consent_missing"
    assert not Message.across_businesses.exists()


def test_a_stop_beats_a_message_that_is_queued_already(pump: Pump, sandbox: SandboxProcess) -> None:
    person = pump.person(READ[0])
    message = pump.ask(person)
    pump.consent(person, ConsentStatus.OPTED_OUT)

    counts = pump.run()

    assert counts == {"skipped": 1}
    assert sandbox.accepted() == []
    stored = Message.across_businesses.get(pk=message.pk)
    assert (stored.status, stored.error_reason) == ("skipped", "opted_out")


def test_messages_to_one_person_leave_in_the_order_they_were_queued(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    people = [pump.person(number) for number in READ[:3]]
    asked = [pump.ask(person) for _ in range(4) for person in people]
    sandbox.fault(latency_ms=20, jitter_ms=20)

    pump.run()

    accepted = [row["biz_opaque_callback_data"] for row in sandbox.accepted()]
    for person in people:
        own = [str(one.pk) for one in asked if one.contact_id == person.pk]
        assert [id_ for id_ in accepted if id_ in own] == own


def test_a_person_is_not_in_two_requests_at_once(pump: Pump, sandbox: SandboxProcess) -> None:
    person = pump.person(READ[0])
    first, second = pump.ask(person), pump.ask(person)

    claimed = queue.claim(sender_id=pump.sender.pk, owner=new_id(), limit=10, now=timezone.now())
    later = queue.claim(sender_id=pump.sender.pk, owner=new_id(), limit=10, now=timezone.now())

    assert [row.message_id for row in claimed] == [first.pk]
    assert later == []
    assert QueueItem.objects.filter(message_id=second.pk, lease_until=None).exists()


def test_a_refusal_of_metas_server_is_tried_again_until_it_is_taken(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    message = pump.ask(pump.person(READ[0]))
    sandbox.fault(http_5xx_before=1.0, http_5xx_meta_body=True)

    # Short: waits are drawn, and one run long enough may use up every try.
    first = pump.run(seconds=0.05)
    waiting = Message.across_businesses.get(pk=message.pk)
    sandbox.behave()
    pump.run(clock=_later([timedelta(minutes=20)]))

    stored = Message.across_businesses.get(pk=message.pk)
    assert set(first) <= {"queued", "more"}
    assert (waiting.status, waiting.attempts) == ("queued", first["queued"])
    assert waiting.next_attempt_at is not None
    assert (stored.status, stored.attempts) == ("sent", first["queued"] + 1)
    assert sandbox.times_accepted() == {str(message.pk): 1}


def _later(waits: list[timedelta]) -> Callable[[], datetime]:
    """Return a clock that is ahead by these waits, so that a retry is due."""
    ahead = sum(waits, timedelta())

    def clock() -> datetime:
        return timezone.now() + ahead

    return clock


def test_a_lost_answer_leaves_the_outcome_unknown_and_is_never_sent_again(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    message = pump.ask(pump.person(READ[0]))
    sandbox.fault(drop_connection_after=1.0)

    first = pump.run()
    sandbox.behave()
    second = pump.run(clock=_later([timedelta(hours=1)]))

    assert first == {"unknown": 1}
    assert second == {}
    assert sandbox.times_accepted() == {str(message.pk): 1}
    assert UnknownMessage.objects.filter(message_id=message.pk).exists()


def test_a_final_refusal_names_its_code_and_reason(pump: Pump, sandbox: SandboxProcess) -> None:
    pump.template.name = "not_at_meta"
    pump.template.save(update_fields=["name", "updated_at"])
    message = pump.ask(pump.person(READ[0]))

    pump.run()

    stored = Message.across_businesses.get(pk=message.pk)
    assert (stored.status, stored.error_code) == ("failed", 132001)
    with tenancy.scope(pump.business):
        assert [line.status for line in history.of(message.pk)] == ["failed"]


def test_a_worker_that_dies_before_sending_gives_its_rows_back(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    message = pump.ask(pump.person(READ[0]))
    long_ago = timezone.now() - timedelta(hours=1)
    queue.claim(sender_id=pump.sender.pk, owner=new_id(), limit=10, now=timezone.now())
    QueueItem.objects.update(lease_until=long_ago)

    counts = sweep.run(now=timezone.now())
    pump.run()

    assert counts["released"] == 1
    assert sandbox.times_accepted() == {str(message.pk): 1}


def test_a_worker_that_dies_while_sending_leaves_the_outcome_unknown(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    message = pump.ask(pump.person(READ[0]))
    owner = new_id()
    queue.claim(sender_id=pump.sender.pk, owner=owner, limit=10, now=timezone.now())
    assert queue.mark_leaving([message.pk], owner=owner, now=timezone.now()) == {message.pk}
    QueueItem.objects.update(lease_until=timezone.now() - timedelta(hours=1))

    counts = sweep.run(now=timezone.now())
    pump.run()

    assert counts["unknown"] == 1
    assert pump.status_of(message) == "unknown"
    assert sandbox.accepted() == []


def test_a_scheduled_message_waits_for_its_time(pump: Pump, sandbox: SandboxProcess) -> None:
    now = timezone.now()
    person = pump.person(READ[0])
    with tenancy.scope(pump.business):
        message = request.template(
            sender=pump.sender,
            contact=person,
            template=pump.template,
            variables={},
            now=now,
            options=request.Options(scheduled_at=now + timedelta(hours=2)),
        )
    pump.run()
    before = sandbox.accepted()
    sweep.run(now=now + timedelta(hours=2, seconds=1))
    pump.run(clock=_later([timedelta(hours=3)]))

    assert before == []
    assert message.status == "scheduled"
    assert sandbox.times_accepted() == {str(message.pk): 1}


def test_a_paused_sender_sends_nothing_and_loses_nothing(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    message = pump.ask(pump.person(READ[0]))
    Sender.across_businesses.update(paused_at=timezone.now())

    paused = pump.run()
    Sender.across_businesses.update(paused_at=None)
    resumed = pump.run()

    assert paused == {}
    assert resumed == {"sent": 1}
    assert sandbox.times_accepted() == {str(message.pk): 1}


def test_the_rate_of_a_sender_holds_over_several_workers(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    Sender.across_businesses.update(per_second=20)
    for number in READ[:60]:
        pump.ask(pump.person(number))

    threads = [threading.Thread(target=_run_and_close, args=(pump,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = sandbox.accepted()
    moments = [datetime.fromisoformat(row["accepted_at"]) for row in rows]
    windows = [
        sum(start <= one < start + timedelta(seconds=1) for one in moments) for start in moments
    ]
    assert len(rows) == 60
    # Twenty a second, and the burst of a tenth that may have been saved up.
    assert max(windows) <= 20 + 2 + 1


def _run_and_close(pump: Pump) -> None:
    try:
        pump.run()
    finally:
        connection.close()


def test_the_pair_limit_lets_a_burst_through_and_then_one_in_six_seconds(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    person = pump.person(READ[0])
    for _ in range(60):
        pump.ask(person)

    began = timezone.now()
    counts = pump.run(seconds=60)

    # Forty-five at once, and one more for every six seconds a slow machine took.
    assert 45 <= counts["sent"] <= 45 + (timezone.now() - began).total_seconds() / 6
    waiting = QueueItem.objects.order_by("message_id").first()
    assert waiting is not None
    assert waiting.not_before > timezone.now()


def test_losing_redis_delays_but_neither_loses_nor_exceeds(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    Sender.across_businesses.update(per_day=3)
    people = [pump.person(number) for number in READ[:5]]
    for person in people[:2]:
        pump.ask(person)
    pump.run()
    for person in people[2:]:
        pump.ask(person)

    for key in redis.client().scan_iter(match=redis.key("*")):
        redis.client().delete(key)
    deadline = timezone.now() + timedelta(seconds=20)
    while len(sandbox.accepted()) < 3 and timezone.now() < deadline:
        pump.run()
    pump.run()

    assert len(sandbox.accepted()) == 3
    assert QueueItem.objects.count() == 2


def test_people_outside_a_window_are_limited_by_the_portfolio(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    account = pump.sender.account
    account.messaging_limit = "TIER_2"
    account.save(update_fields=["messaging_limit"])
    people = [pump.person(number) for number in READ[:4]]
    for person in people:
        pump.ask(person)
    pump.run()
    pump.ask(people[0])
    pump.run()

    addresses = {row["to"] for row in sandbox.accepted()}
    assert len(addresses) == 2
    assert len(sandbox.accepted()) == 3


def test_a_cancelled_message_never_leaves(pump: Pump, sandbox: SandboxProcess) -> None:
    message = pump.ask(pump.person(READ[0]))
    with tenancy.scope(pump.business):
        request.cancel(message, now=timezone.now())

    pump.run()

    assert sandbox.accepted() == []
    assert pump.status_of(message) == "cancelled"


def test_an_opt_out_commits_only_after_what_was_under_way_has_landed(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    person = pump.person(READ[0])
    pump.ask(person)
    sandbox.fault(latency_ms=1500)
    sending = threading.Thread(target=_run_and_close, args=(pump,))

    sending.start()
    while not QueueItem.objects.filter(is_in_flight=True).exists():
        connection.close()
    pump.consent(person, ConsentStatus.OPTED_OUT)
    committed_at = timezone.now()
    sending.join()

    accepted_at = datetime.fromisoformat(sandbox.accepted()[0]["accepted_at"])
    assert accepted_at < committed_at
    assert not QueueItem.objects.exists()


def test_no_message_is_marked_as_leaving_while_its_person_opts_out(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    person = pump.person(READ[0])
    message = pump.ask(person)
    owner = new_id()
    queue.claim(sender_id=pump.sender.pk, owner=owner, limit=10, now=timezone.now())
    marked: list[set[UUID]] = []

    with transaction.atomic():
        pump.consent(person, ConsentStatus.OPTED_OUT)
        other = threading.Thread(target=_mark_and_close, args=(message.pk, owner, marked))
        other.start()
        other.join()

    assert marked == [set()]


def _mark_and_close(message_id: UUID, owner: UUID, marked: list[set[UUID]]) -> None:
    try:
        marked.append(queue.mark_leaving([message_id], owner=owner, now=timezone.now()))
    finally:
        connection.close()


def test_a_worker_that_dies_while_sending_has_used_its_limits(
    pump: Pump, sandbox: SandboxProcess
) -> None:
    message = pump.ask(pump.person(READ[0]))
    owner = new_id()
    queue.claim(sender_id=pump.sender.pk, owner=owner, limit=10, now=timezone.now())
    queue.mark_leaving([message.pk], owner=owner, now=timezone.now())
    QueueItem.objects.update(lease_until=timezone.now() - timedelta(hours=1))

    sweep.run(now=timezone.now())

    assert SenderUsage.objects.get(sender=pump.sender).sent == 1
