"""Temporary blocks: they end by themselves and leave what people said as it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Business
from compliance import blocks, consent, persons
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope
from config.lib.errors import InvalidInput

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PHONE = "+34600111222"
NEW_PHONE = "+34600333444"
BSUID = "ES.13491208655302741918"
IN, OUT = ConsentStatus.OPTED_IN, ConsentStatus.OPTED_OUT
MARKETING, SERVICE = Scope.MARKETING, Scope.SERVICE


def tell(status: ConsentStatus, at: datetime, *addresses: str) -> None:
    consent.record(
        addresses=addresses or [PHONE],
        scopes=list(Scope),
        status=status,
        source="api",
        occurred_at=at,
        now=max(at, NOW),
    )


def block(days: int = 30, at: datetime = NOW, *addresses: str) -> list[ConsentEvent]:
    return blocks.put(
        addresses=addresses or [PHONE],
        scopes=list(Scope),
        days=days,
        source="api",
        now=at,
    )


def refusal(at: datetime = NOW, *addresses: str, scope: Scope = MARKETING, **more: Any) -> Any:
    found = consent.check(addresses=addresses or [PHONE], scope=scope, now=at, **more)
    return found.code if isinstance(found, consent.Refused) else None


def test_a_block_ends_by_itself(business: Business) -> None:
    tell(IN, NOW - timedelta(days=9))

    block(days=30)

    assert refusal(NOW + timedelta(days=30, seconds=-1)) == "blocked"
    assert refusal(NOW + timedelta(days=30)) is None
    standing = consent.state([PHONE], now=NOW)[MARKETING]
    assert (standing.status, standing.refusal) == (IN, "blocked")
    assert standing.blocked_until == NOW + timedelta(days=30)


def test_a_block_does_not_replace_an_opt_out_nor_end_it(business: Business) -> None:
    tell(OUT, NOW - timedelta(days=1))

    block(days=1)

    assert refusal() == "opted_out"
    assert refusal(NOW + timedelta(days=2)) == "opted_out"


def test_an_opt_out_during_a_block_stays_when_the_block_ends(business: Business) -> None:
    tell(IN, NOW - timedelta(days=9))
    block(days=1)
    tell(OUT, NOW + timedelta(hours=1))

    assert refusal(NOW + timedelta(hours=2)) == "opted_out"
    assert refusal(NOW + timedelta(days=2)) == "opted_out"


def test_an_opt_in_later_than_the_block_ends_it_as_it_ends_an_opt_out(business: Business) -> None:
    block()
    tell(OUT, NOW + timedelta(hours=1))
    tell(IN, NOW + timedelta(hours=2))

    assert refusal(NOW + timedelta(hours=3)) is None


def test_an_older_opt_in_told_late_does_not_end_it(business: Business) -> None:
    block()
    tell(IN, NOW - timedelta(days=400))

    assert refusal() == "blocked"


def test_a_block_of_somebody_unknown_says_nothing_about_consent(business: Business) -> None:
    block(days=1)

    assert refusal() == "blocked"
    assert refusal(NOW + timedelta(days=2)) == "consent_missing"
    assert consent.state([PHONE], now=NOW)[MARKETING].status is None


def test_of_two_blocks_the_newer_counts_whatever_the_order(business: Business) -> None:
    block(5, NOW)
    block(90, NOW - timedelta(days=1))

    assert refusal(NOW + timedelta(days=4)) == "blocked"
    assert refusal(NOW + timedelta(days=5)) != "blocked"


def test_a_block_is_lifted_by_hand(business: Business) -> None:
    tell(IN, NOW - timedelta(days=9))
    block()

    later = NOW + timedelta(hours=1)
    blocks.lift(addresses=[PHONE], scopes=list(Scope), source="admin", now=later)

    assert refusal(later) is None
    assert Consent.objects.get(address=PHONE, scope=MARKETING).status == IN


def test_a_blocked_person_who_writes_is_answered(business: Business) -> None:
    block()
    later = NOW + timedelta(hours=1)

    assert refusal(scope=SERVICE) == "blocked"
    assert refusal(later, scope=SERVICE, last_inbound_at=NOW + timedelta(minutes=5)) is None
    assert refusal(later, last_inbound_at=NOW + timedelta(minutes=5)) == "blocked"


def test_a_block_at_one_address_covers_all(business: Business) -> None:
    tell(IN, NOW - timedelta(days=9), PHONE, BSUID)
    block(30, NOW, BSUID)

    assert refusal(NOW, PHONE, BSUID) == "blocked"
    assert refusal(NOW, PHONE) is None


@pytest.mark.parametrize("days", [0, -1, 366, 10**9])
def test_a_block_lasts_a_day_to_a_year(business: Business, days: int) -> None:
    with pytest.raises(InvalidInput):
        block(days)
    assert not ConsentEvent.objects.exists()


def test_who_changes_number_takes_opt_out_and_block_along(business: Business) -> None:
    tell(OUT, NOW - timedelta(days=9), PHONE)
    block(30, NOW, PHONE)

    persons.carry(before=[PHONE], kept=[NEW_PHONE], now=NOW)

    assert refusal(NOW, NEW_PHONE) == "opted_out"
    tell(IN, NOW - timedelta(days=8), NEW_PHONE)
    assert refusal(NOW, NEW_PHONE) == "blocked"


def test_the_words_somebody_agreed_to_go_along_to_a_new_number(business: Business) -> None:
    consent.record(
        addresses=[PHONE],
        scopes=[MARKETING],
        status=IN,
        source="api",
        occurred_at=NOW - timedelta(days=9),
        now=NOW,
        wording="Yes, send me offers",
        language="en",
    )

    persons.carry(before=[PHONE], kept=[NEW_PHONE], now=NOW)

    taken = ConsentEvent.objects.get(address=NEW_PHONE)
    assert (taken.wording, taken.language) == ("Yes, send me offers", "en")


def test_an_address_left_behind_does_not_free_from_what_was_refused_there(
    business: Business,
) -> None:
    tell(OUT, NOW - timedelta(days=9), PHONE)
    tell(IN, NOW - timedelta(days=1), BSUID)
    before = refusal(NOW, PHONE, BSUID)

    persons.carry(before=[PHONE, BSUID], kept=[BSUID, NEW_PHONE], now=NOW)

    assert before == "opted_out"
    assert refusal(NOW, BSUID, NEW_PHONE) == "opted_out"
