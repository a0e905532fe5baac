"""Statuses climb, in whatever order they come, and a repeat changes nothing."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from functools import reduce as fold
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import tenancy
from config.lib.ids import new_id
from messaging.messages import history, status, tallies
from messaging.messages.models import Message, MessageEvent
from messaging.messages.status import State, Update
from messaging.meta.client import Accepted
from messaging.sending import gate, outcomes, queue, record
from messaging.sending.models import QueueItem, UnknownMessage
from messaging.signals import MessageStatusesChanged, message_statuses_changed
from tests.factories.accounts import BusinessFactory
from tests.messaging.pump import Pump

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ID = UUID(int=7)


def told(word: str, *, after: int = 0, wamid: str = "wamid.A") -> Update:
    return Update(
        business_id=ID,
        sender_id=ID,
        wamid=wamid,
        status=word,
        at=NOON + timedelta(seconds=after),
        error_code=131026 if word == "failed" else None,
    )


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])))
def test_any_order_ends_at_read(order: tuple[str, ...]) -> None:
    seconds = {"sent": 1, "delivered": 2, "read": 3}

    end = fold(status.reduce, [told(word, after=seconds[word]) for word in order], State("sending"))

    assert end.status == "read"
    assert end.sent_at == NOON + timedelta(seconds=1)
    assert end.delivered_at == NOON + timedelta(seconds=2)
    assert end.read_at == NOON + timedelta(seconds=3)


@given(
    st.lists(st.sampled_from(["sent", "delivered", "read", "failed", "played"]), max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_does_not_matter(words: list[str], random: object) -> None:
    updates = [told(word, after=index) for index, word in enumerate(words)]
    shuffled = list(updates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives random.Random

    one = fold(status.reduce, updates, State("sending"))
    other = fold(status.reduce, shuffled, State("sending"))

    assert one == other


def test_a_failure_follows_sent_but_delivery_beats_a_failure() -> None:
    failed = fold(status.reduce, [told("sent"), told("failed", after=1)], State("sending"))
    late_sent = status.reduce(failed, told("sent", after=2))
    delivered = status.reduce(failed, told("delivered", after=3))

    assert failed.status == late_sent.status == "failed"
    assert delivered.status == "delivered"
    assert delivered.error_code == 131026


def test_a_late_status_of_an_earlier_try_does_not_touch_the_new_one() -> None:
    waiting = State("queued", wamid="wamid.OLD")

    ignored = status.reduce(waiting, told("failed", wamid="wamid.OLD"))
    accepted = status.reduce(waiting, told("sent", wamid="wamid.NEW"))

    assert ignored == waiting
    assert (accepted.status, accepted.wamid) == ("sent", "wamid.NEW")


def test_what_put_an_earlier_try_off_is_forgotten_once_meta_took_the_message() -> None:
    waiting = State("sending", error_code=131000, error_title="Something went wrong")

    read = status.reduce(waiting, told("read"))
    failed = status.reduce(waiting, told("failed"))

    assert (read.status, read.error_code, read.error_title) == ("read", None, "")
    assert (failed.status, failed.error_code) == ("failed", 131026)


@pytest.fixture
def message(pump: Pump) -> Message:
    return pump.ask(pump.person("+34611000101"))


def update_of(message: Message, word: str, *, after: int = 0, bare: bool = False) -> Update:
    return Update(
        business_id=message.business_id,
        sender_id=message.sender_id,
        message_id=None if bare else message.pk,
        wamid="wamid.A",
        status=word,
        at=NOON + timedelta(seconds=after),
    )


def test_a_status_that_comes_before_the_answer_claims_the_message(
    pump: Pump, message: Message
) -> None:
    Message.across_businesses.filter(pk=message.pk).update(status="unknown")
    UnknownMessage.objects.create(
        message_id=message.pk, business_id=pump.business.pk, sender=pump.sender, since=NOON
    )

    applied = status.apply_batch([update_of(message, "delivered")], now=timezone.now())

    stored = Message.across_businesses.get(pk=message.pk)
    assert (stored.status, stored.wamid) == ("delivered", "wamid.A")
    assert len(applied.changes) == 1
    assert not UnknownMessage.objects.exists()
    assert not QueueItem.objects.exists()


def test_the_same_batch_twice_changes_nothing(pump: Pump, message: Message) -> None:
    batch = [update_of(message, "sent"), update_of(message, "read", after=5)]
    facts: list[MessageStatusesChanged] = []

    def listen(fact: MessageStatusesChanged, **_: object) -> None:
        facts.append(fact)

    message_statuses_changed.connect(listen)
    try:
        status.apply_batch(batch, now=timezone.now())
        again = status.apply_batch(batch, now=timezone.now())
    finally:
        message_statuses_changed.disconnect(listen)

    assert again.changes == ()
    assert again.repeated == 2
    assert [(change.before, change.after) for fact in facts for change in fact.changes] == [
        ("queued", "read")
    ]
    with tenancy.scope(pump.business):
        assert [line.status for line in history.of(message.pk)] == ["sent", "read"]


def test_a_status_without_callback_data_is_found_by_its_wamid(pump: Pump, message: Message) -> None:
    status.apply_batch([update_of(message, "sent")], now=timezone.now())

    applied = status.apply_batch(
        [update_of(message, "delivered", after=1, bare=True)], now=timezone.now()
    )

    assert pump.status_of(message) == "delivered"
    assert applied.unmatched == ()


def test_a_status_of_nobodys_message_is_given_back(pump: Pump, message: Message) -> None:
    stranger = Update(
        business_id=pump.business.pk,
        sender_id=ID,
        message_id=message.pk,
        wamid="wamid.X",
        status="read",
        at=NOON,
    )

    applied = status.apply_batch([stranger], now=timezone.now())

    assert applied.unmatched == (stranger,)
    assert pump.status_of(message) == "queued"


@pytest.mark.parametrize("is_first", [True, False])
def test_another_senders_status_in_the_same_batch_moves_nothing(
    pump: Pump, message: Message, is_first: bool
) -> None:
    Message.across_businesses.filter(pk=message.pk).update(status="unknown")
    other = BusinessFactory.create()
    forged = Update(
        business_id=other.pk,
        sender_id=ID,
        message_id=message.pk,
        wamid="wamid.X",
        status="failed",
        at=NOON - timedelta(seconds=1),
    )
    ours = update_of(message, "sent")

    applied = status.apply_batch([forged, ours] if is_first else [ours, forged], now=timezone.now())

    stored = Message.across_businesses.get(pk=message.pk)
    assert (stored.status, stored.wamid) == ("sent", "wamid.A")
    assert applied.unmatched == (forged,)
    lines = MessageEvent.across_businesses.filter(message_id=message.pk)
    assert {line.business_id for line in lines} == {pump.business.pk}


def test_a_rolled_back_batch_leaves_no_trace(pump: Pump, message: Message) -> None:
    with transaction.atomic():
        status.apply_batch([update_of(message, "read")], now=timezone.now())
        transaction.set_rollback(True)

    applied = status.apply_batch([update_of(message, "read")], now=timezone.now())

    assert len(applied.changes) == 1
    assert tallies.of(ID) == {}


def test_a_status_that_overtakes_the_answer_leaves_the_try_counted(
    pump: Pump, message: Message
) -> None:
    owner = new_id()
    queue.claim(sender_id=pump.sender.pk, owner=owner, limit=1, now=timezone.now())
    (candidate,) = gate.judge([message.pk], now=timezone.now())
    status.apply_batch([update_of(message, "failed")], now=timezone.now())
    answer = outcomes.accepted(candidate, Accepted(wamid="wamid.A"), at=NOON)

    record.outcomes(
        [answer], claim=record.Claim(sender=pump.sender, owner=owner), now=timezone.now()
    )

    stored = Message.across_businesses.get(pk=message.pk)
    assert (stored.status, stored.attempts, stored.sent_at) == ("failed", 1, NOON)
