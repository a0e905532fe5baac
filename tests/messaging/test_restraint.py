"""Marketing that people agreed to still waits for the morning and keeps to a measure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import tenancy
from compliance import blocks, policy
from compliance.models import Scope
from messaging.campaigns import run as campaigns
from messaging.campaigns.models import Campaign
from messaging.contacts.models import Contact
from messaging.errors import SendRefused
from messaging.messages.models import Message
from messaging.sending import frequency, request, sweep
from messaging.sending.models import QueueItem
from messaging.sending.request import Options
from templates_mgmt.models import Template
from tests.factories.campaigns import BY, advance, draft, launch, reload
from tests.messaging.pump import Pump

MADRID = ZoneInfo("Europe/Madrid")
PEOPLE = ("+34600100001", "+34600100002")


@pytest.fixture
def shop(pump: Pump) -> Pump:
    """Return the business with its template as marketing."""
    Template.across_businesses.filter(pk=pump.template.pk).update(category="marketing")
    pump.template.refresh_from_db()
    return pump


def launched(shop: Pump, **values: Any) -> Campaign:
    """Return a campaign to everybody, fanned out."""
    made = launch(draft(shop.sender, shop.template, **values))
    advance(made)
    return reload(made)


def rule(shop: Pump, **values: Any) -> None:
    with tenancy.scope(shop.business):
        policy.change(by=None, **values)


def night_now(shop: Pump, *, hours: int = 2) -> None:
    """Make it night in Madrid, since an hour and for some more."""
    local = timezone.now().astimezone(MADRID)
    begin, end = local - timedelta(hours=1), local + timedelta(hours=hours)
    rule(shop, quiet_from=_minute(begin), quiet_until=_minute(end))


def _minute(at: datetime) -> time:
    return at.time().replace(second=0, microsecond=0)


def spaniard(shop: Pump, number: str = PEOPLE[0]) -> Contact:
    contact = shop.person(number)
    Contact.across_businesses.filter(pk=contact.pk).update(country="ES", time_zone="Europe/Madrid")
    contact.refresh_from_db()
    return contact


def refused(send: Callable[[], Message]) -> str:
    with pytest.raises(SendRefused) as error:
        send()
    return error.value.refusal.value


def test_a_single_offer_at_night_is_refused_at_the_door(shop: Pump) -> None:
    person = spaniard(shop)
    night_now(shop)

    assert refused(lambda: shop.ask(person)) == "quiet_hours"
    assert not Message.across_businesses.exists()


def test_an_offer_for_a_later_time_that_is_night_is_refused_now(shop: Pump) -> None:
    person = spaniard(shop)
    night_now(shop)

    def later(**delta: float) -> Message:
        now = timezone.now()
        with tenancy.scope(shop.business):
            return request.template(
                sender=shop.sender,
                contact=person,
                template=shop.template,
                variables={},
                now=now,
                options=Options(scheduled_at=now + timedelta(**delta)),
            )

    assert refused(lambda: later(minutes=30)) == "quiet_hours"
    assert later(hours=4).status == "scheduled"


def test_other_kinds_of_message_know_no_night(pump: Pump) -> None:
    person = spaniard(pump)
    night_now(pump)

    assert pump.ask(person).status == "queued"


def test_a_campaign_waits_for_the_morning_and_blocks_nobody_meanwhile(shop: Pump) -> None:
    person = spaniard(shop)
    night_now(shop)
    launched(shop)

    shop.run()
    row = QueueItem.objects.get()
    Template.across_businesses.filter(pk=shop.template.pk).update(category="utility")
    shop.template.refresh_from_db()
    urgent = shop.ask(person)
    shop.run()

    assert (row.is_held, row.lease_until) == (True, None)
    assert row.held_until
    assert row.held_until > timezone.now() + timedelta(minutes=100)
    assert shop.status_of(urgent) == "sent"
    assert QueueItem.objects.count() == 1


def test_in_the_morning_it_goes_on(shop: Pump) -> None:
    spaniard(shop)
    night_now(shop)
    launched(shop)
    shop.run()
    morning = timezone.now() + timedelta(hours=3)

    assert sweep.free_held(now=timezone.now()) == 0
    assert sweep.free_held(now=morning) == 1
    shop.run(clock=lambda: timezone.now() + timedelta(hours=3))

    assert [one.status for one in Message.across_businesses.all()] == ["sent"]


def test_a_message_that_would_wait_past_the_last_time_is_skipped(shop: Pump) -> None:
    spaniard(shop)
    night_now(shop)
    launched(shop, not_after=timezone.now() + timedelta(hours=1))

    shop.run()

    [message] = Message.across_businesses.all()
    assert (message.status, message.error_reason) == ("skipped", "quiet_hours")
    assert not QueueItem.objects.exists()


def test_a_pause_and_a_resume_do_not_wake_who_sleeps(shop: Pump) -> None:
    spaniard(shop)
    night_now(shop)
    campaign = launched(shop)
    shop.run()

    with tenancy.scope(shop.business):
        now = timezone.now()
        campaigns.pause(campaign, reason="", by=BY, now=now)
        advance(campaign)
        campaigns.resume(campaign, by=BY, now=now)
        advance(campaign)

    row = QueueItem.objects.get()
    assert row.is_held
    assert row.held_until is not None


def test_a_campaign_for_many_zones_sends_only_where_it_is_day(shop: Pump) -> None:
    awake = shop.person("+819012345678")
    asleep = spaniard(shop)
    night_now(shop)
    Contact.across_businesses.filter(pk=awake.pk).update(country="JP", time_zone="Asia/Tokyo")
    launched(shop)

    shop.run()

    by_contact = dict(Message.across_businesses.values_list("contact_id", "status"))
    assert by_contact == {awake.pk: "sent", asleep.pk: "queued"}


def test_nobody_gets_more_marketing_than_the_cap(shop: Pump) -> None:
    person, other = shop.person(PEOPLE[0]), shop.person(PEOPLE[1])
    rule(shop, cap_messages=2, cap_days=7)
    for _ in range(2):
        shop.ask(person)
        shop.run()

    assert refused(lambda: shop.ask(person)) == "limit_reached"
    assert shop.ask(other).status == "queued"


def test_a_campaign_leaves_out_who_had_enough_and_says_so(shop: Pump) -> None:
    shop.person(PEOPLE[0])
    full = shop.person(PEOPLE[1])
    rule(shop, cap_messages=1, cap_days=7)
    shop.ask(full)
    shop.run()

    campaign = launched(shop)
    shop.run()

    assert campaign.skipped == {"frequency_cap": 1}
    assert Message.across_businesses.filter(campaign=campaign, status="sent").count() == 1


def test_two_campaigns_queued_at_once_keep_to_the_cap_together(shop: Pump) -> None:
    for number in PEOPLE:
        shop.person(number)
    rule(shop, cap_messages=1, cap_days=7)
    for _ in range(2):
        launched(shop)

    shop.run()

    found = sorted(Message.across_businesses.values_list("status", "error_reason"))
    assert found == [("sent", ""), ("sent", ""), *[("skipped", "frequency_cap")] * 2]


def test_what_left_before_the_days_counted_does_not_count(shop: Pump) -> None:
    person = shop.person(PEOPLE[0])
    rule(shop, cap_messages=1, cap_days=7)
    shop.ask(person)
    shop.run()
    long_ago = timezone.now() - timedelta(days=7, minutes=1)
    Message.across_businesses.update(sent_at=long_ago)

    assert shop.ask(person).status == "queued"


def test_two_numbers_at_once_do_not_both_take_the_last_place(shop: Pump) -> None:
    person = shop.person(PEOPLE[0])
    cap = policy.Cap(1, 7)
    barrier = threading.Barrier(2)
    got: list[set[Any]] = []

    def take() -> None:
        try:
            with tenancy.scope(shop.business), transaction.atomic():
                barrier.wait()
                got.append(frequency.claim([person.pk], cap, now=timezone.now()))
                barrier.wait()
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(len(one) for one in got) == [0, 1]


def test_a_message_under_way_counts(shop: Pump) -> None:
    person = shop.person(PEOPLE[0])
    message = shop.ask(person)
    QueueItem.objects.filter(message_id=message.pk).update(is_in_flight=True)

    with tenancy.scope(shop.business):
        assert frequency.find_over([person.pk], policy.Cap(1, 7), now=timezone.now()) == {person.pk}
        assert not frequency.find_over([person.pk], policy.Cap(2, 7), now=timezone.now())
        assert not frequency.find_over([person.pk], None, now=timezone.now())


def test_a_blocked_person_is_refused_and_a_queued_message_turned_away(shop: Pump) -> None:
    person = shop.person(PEOPLE[0])
    waiting = shop.ask(person)
    with tenancy.scope(shop.business):
        blocks.put(
            addresses=person.address_keys,
            scopes=list(Scope),
            days=30,
            source="admin",
            now=timezone.now(),
        )

    shop.run()

    assert shop.status_of(waiting) == "skipped"
    assert Message.across_businesses.get(pk=waiting.pk).error_reason == "blocked"
    assert refused(lambda: shop.ask(person)) == "blocked"
