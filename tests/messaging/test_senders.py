"""Our numbers: pauses, cooldowns, what Meta says about them and their account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from messaging.senders import accounts, pauses, quality, routing
from messaging.senders.models import Sender, SenderEvent
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.messaging import SenderFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def sender() -> Sender:
    sender: Sender = SenderFactory.create()
    return sender


def kinds() -> list[str]:
    return [one.kind for one in SenderEvent.across_businesses.order_by("id")]


def test_a_pause_stops_and_a_resume_starts(sender: Sender) -> None:
    assert pauses.pause(sender, reason="Holiday", now=NOW)
    assert sender.is_paused_at(NOW)
    assert not pauses.pause(sender, reason="Holiday", now=NOW)

    assert pauses.resume(sender, now=NOW)
    assert not sender.is_paused_at(NOW)
    assert not pauses.resume(sender, now=NOW)
    assert kinds() == ["paused", "resumed"]


def test_a_pause_ends_by_itself(sender: Sender) -> None:
    pauses.pause(sender, reason="Lunch", until=NOW + timedelta(hours=1), now=NOW)

    assert sender.is_paused_at(NOW)
    assert not sender.is_paused_at(NOW + timedelta(hours=1))


def test_an_operator_does_not_overwrite_metas_pause(sender: Sender) -> None:
    pauses.pause(sender, reason="Blocked", by_meta=True, now=NOW)

    assert not pauses.pause(sender, reason="Lunch", until=NOW + timedelta(hours=1), now=NOW)
    sender.refresh_from_db()
    assert sender.pause_reason == "Blocked"


def test_a_shorter_cooldown_does_not_cut_a_longer_one(sender: Sender) -> None:
    pauses.cooldown(sender, seconds=60, cause="Too fast", now=NOW)
    pauses.cooldown(sender, seconds=5, cause="Too fast", now=NOW)

    sender.refresh_from_db()
    assert sender.cooldown_until == NOW + timedelta(seconds=60)
    assert kinds() == ["cooldown"]


def test_a_restriction_pauses_every_number_until_it_ends(sender: Sender) -> None:
    other = SenderFactory.create(business=sender.business, account=sender.account)
    until = NOW + timedelta(days=3)
    standing = accounts.Standing(
        "ACCOUNT_RESTRICTION", restrictions=[("RESTRICTED_BIZ_INITIATED_MESSAGING", until)]
    )
    accounts.apply(sender.account, standing, at=NOW)

    for one in (sender, other):
        one.refresh_from_db()
        assert one.paused_until == until
        assert one.paused_by_meta

    accounts.apply(sender.account, accounts.Standing("ACCOUNT_RECONNECTED"), at=NOW)
    sender.refresh_from_db()
    assert not sender.is_paused_at(NOW)


def test_lifting_a_restriction_leaves_an_operators_pause(sender: Sender) -> None:
    pauses.pause(sender, reason="Holiday", now=NOW)

    accounts.apply(sender.account, accounts.Standing("ACCOUNT_RECONNECTED"), at=NOW)

    sender.refresh_from_db()
    assert sender.is_paused_at(NOW)


def test_news_that_decides_nothing_pauses_nobody() -> None:
    limited = accounts.Standing(
        "ACCOUNT_RESTRICTION", restrictions=[("RESTRICTED_ADD_PHONE_NUMBER_ACTION", None)]
    )
    assert not accounts.decides(limited)
    assert not accounts.decides(accounts.Standing("ACCOUNT_VIOLATION"))
    assert accounts.decides(accounts.Standing("DISABLED_UPDATE", "DISABLE"))
    assert not accounts.decides(accounts.Standing("DISABLED_UPDATE", "SCHEDULE_FOR_DISABLE"))


@pytest.mark.parametrize(
    ("limit", "tier"),
    [
        ("TIER_10K", "TIER_10K"),
        ("250", "TIER_250"),
        ("2000", "TIER_2K"),
        ("100000", "TIER_100K"),
        ("-1", "TIER_UNLIMITED"),
        ("", ""),
        ("many", ""),
    ],
)
def test_a_limit_comes_as_a_name_or_a_number(limit: str, tier: str) -> None:
    assert accounts.tier_of(limit) == tier


def test_a_limit_belongs_to_the_portfolio() -> None:
    first = WhatsAppAccountFactory.create(portfolio_id="77")
    second = WhatsAppAccountFactory.create(business=first.business, portfolio_id="77")
    third = WhatsAppAccountFactory.create(portfolio_id="78")

    accounts.set_limit(first, "TIER_10K")

    for account, expected in ((first, "TIER_10K"), (second, "TIER_10K"), (third, "TIER_250")):
        account.refresh_from_db()
        assert account.messaging_limit == expected


def test_more_throughput_and_a_new_name_are_taken_over(sender: Sender) -> None:
    quality.apply(sender, quality.Change("throughput", "THROUGHPUT_UPGRADE"))
    quality.apply(sender, quality.Change("name", "APPROVED", name="Flores"))
    quality.apply(sender, quality.Change("name", "REJECTED", name="Spam"))

    sender.refresh_from_db()
    assert (sender.throughput, sender.verified_name) == ("high", "Flores")


def test_metas_news_is_shown_once(sender: Sender) -> None:
    change = quality.Change("security", "PIN_CHANGED", digest="d")
    quality.record(sender, change, at=NOW)
    quality.record(sender, change, at=NOW)

    assert kinds() == ["status"]


def test_a_number_is_found_by_metas_id_and_by_any_spelling(sender: Sender) -> None:
    sender.phone = "+5511987654321"
    sender.save(update_fields=["phone"])

    assert routing.find(sender.phone_number_id) == sender
    assert routing.find("1") is None
    assert routing.find_account(sender.account.waba_id) == sender.account
    assert routing.find_by_phone(sender.account, "+551187654321") == sender
