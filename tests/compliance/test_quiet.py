"""Quiet hours: nights by the clock where people are, also when the clock is changed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Business
from compliance import policy, quiet, zones
from compliance.quiet import QuietHours
from config.lib.errors import InvalidInput
from tests.factories.accounts import full_access

NIGHT = QuietHours(time(21), time(8))
MADRID, NEW_YORK = ZoneInfo("Europe/Madrid"), ZoneInfo("America/New_York")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def until(now: str, *names: str, hours: QuietHours = NIGHT) -> datetime | None:
    return quiet.until(hours, [ZoneInfo(name) for name in names], utc(now))


def test_a_night_goes_over_midnight_by_the_clock_of_the_person() -> None:
    assert until("2026-01-15T19:59", "Europe/Madrid") is None
    assert until("2026-01-15T20:00", "Europe/Madrid") == utc("2026-01-16T07:00")
    assert until("2026-01-16T06:59:59", "Europe/Madrid") == utc("2026-01-16T07:00")
    assert until("2026-01-16T07:00", "Europe/Madrid") is None


def test_a_night_within_a_day_ends_on_the_same_day() -> None:
    siesta = QuietHours(time(14), time(17))

    assert until("2026-01-15T13:30", "Europe/Madrid", hours=siesta) == utc("2026-01-15T16:00")
    assert until("2026-01-15T16:00", "Europe/Madrid", hours=siesta) is None


def test_the_morning_stays_at_eight_when_the_clock_goes_forward_or_back() -> None:
    assert until("2026-03-28T22:00", "Europe/Madrid") == utc("2026-03-29T06:00")
    assert until("2026-10-24T22:00", "Europe/Madrid") == utc("2026-10-25T07:00")


def test_an_hour_that_comes_twice_belongs_to_the_night_both_times() -> None:
    late = QuietHours(time(22), time(2, 30))

    assert until("2026-10-25T00:29", "Europe/Madrid", hours=late) == utc("2026-10-25T01:30")
    assert until("2026-10-25T00:45", "Europe/Madrid", hours=late) == utc("2026-10-25T01:30")
    assert until("2026-10-25T01:30", "Europe/Madrid", hours=late) is None


def test_a_night_that_ends_in_an_hour_left_out_ends_after_it() -> None:
    late = QuietHours(time(22), time(2, 30))

    assert until("2026-03-29T00:59", "Europe/Madrid", hours=late) == utc("2026-03-29T01:30")


def test_in_a_country_of_many_zones_it_must_be_day_in_all() -> None:
    everywhere = ("America/New_York", "America/Los_Angeles", "Pacific/Honolulu")

    assert until("2026-01-15T14:00", *everywhere) == utc("2026-01-15T18:00")
    assert until("2026-01-15T18:00", *everywhere) is None
    assert until("2026-01-16T02:00", *everywhere) == utc("2026-01-16T18:00")


def test_should_no_hour_be_day_everywhere_the_first_zone_decides() -> None:
    opposite = ("Pacific/Kiritimati", "Pacific/Midway", "Europe/London", "Asia/Tokyo")

    assert until("2026-01-15T14:00", *opposite) == utc("2026-01-15T18:00")


@pytest.mark.parametrize("country", ["US", "RU", "BR", "AU", "CA", "MX", "ID", "FR", "PT", "CL"])
def test_every_country_has_a_day_with_the_longest_night(country: str) -> None:
    longest = QuietHours(time(20), time(8))
    places = zones.of_country(country)
    hours = [utc("2026-07-01T00:00") + timedelta(hours=hour) for hour in range(24)]

    assert any(quiet.until(longest, places, hour) is None for hour in hours)


@given(
    minutes=st.integers(0, 6 * 366 * 24 * 60),
    zone=st.sampled_from(["Europe/Madrid", "America/Sao_Paulo", "Asia/Kolkata", "Africa/Cairo"]),
    begin=st.times(),
    length=st.integers(1, 12 * 60),
)
@settings(max_examples=500, deadline=None)
def test_what_is_let_through_is_never_inside_the_night_on_the_wall(
    minutes: int, zone: str, begin: time, length: int
) -> None:
    begin = begin.replace(second=0, microsecond=0, fold=0)
    now = utc("2024-01-01T00:00") + timedelta(minutes=minutes)
    end = (datetime.combine(now, begin) + timedelta(minutes=length)).time()
    night, place = QuietHours(begin, end), ZoneInfo(zone)

    found = quiet.until(night, [place], now)
    let_through = found or now
    clock = let_through.astimezone(place).time()

    assert found is None or now < found <= now + timedelta(hours=14)
    inside = begin <= clock < end if begin < end else clock >= begin or clock < end
    assert not inside


def test_a_person_is_in_their_own_zone_else_in_those_of_their_country_else_at_home() -> None:
    def names(**told: str) -> list[str]:
        given = {"home": "Asia/Tokyo", "phone": "", "time_zone": ""} | told
        return [str(one) for one in zones.of_person(**given)]

    assert names(time_zone="America/Lima", country="ES") == ["America/Lima"]
    assert names(time_zone="Nowhere/Land", country="PE") == ["America/Lima"]
    assert len(names(time_zone="", country="US")) > 20
    assert names(time_zone="", country="") == ["Asia/Tokyo"]
    assert names(time_zone="", country="ZZ", home="Not/AZone") == ["UTC"]
    assert names(time_zone="../../etc/passwd", country="PE") == ["America/Lima"]


def test_a_number_with_an_area_code_names_the_zone() -> None:
    def names(phone: str, country: str) -> set[str]:
        found = zones.of_person(time_zone="", phone=phone, country=country, home="UTC")
        return {str(one) for one in found}

    assert names("+12125551234", "US") == {"America/New_York"}
    assert names("+18085551234", "US") == {"Pacific/Honolulu"}
    assert names("+5511987654321", "BR") == {"America/Sao_Paulo"}
    assert names("+819012345678", "JP") == {"Asia/Tokyo"}
    assert names("+34600111222", "ES") >= {"Europe/Madrid", "Atlantic/Canary"}
    assert len(names("+999", "US")) > 20


def test_a_business_without_a_policy_has_no_quiet_hours_and_no_cap(business: Business) -> None:
    found = policy.current()

    assert (found.quiet_hours, found.cap, found.block_days, found.confirms) == (
        None,
        None,
        30,
        True,
    )
    assert (
        found.quiet_until(phone="", country="ES", time_zone="", now=utc("2026-01-15T03:00")) is None
    )


@pytest.mark.parametrize(
    ("begin", "end", "field"),
    [
        (time(21), None, "quiet_until"),
        (None, time(8), "quiet_from"),
        (time(8), time(8), "quiet_until"),
        (time(19), time(8), "quiet_until"),
    ],
)
def test_half_a_night_and_one_without_a_day_are_refused(
    business: Business, begin: time | None, end: time | None, field: str
) -> None:
    by = full_access(business)

    with pytest.raises(InvalidInput) as refused:
        policy.change(by=by, quiet_from=begin, quiet_until=end)

    assert refused.value.attr == field
    assert policy.current().quiet_hours is None


def test_a_change_of_the_policy_works_at_once_and_is_on_the_trail(business: Business) -> None:
    from compliance.models import AuditEntry

    policy.change(by=full_access(business), quiet_from=time(21), quiet_until=time(8))

    assert policy.current().quiet_hours == NIGHT
    entry = AuditEntry.objects.get(action="contact_policy.changed")
    assert entry.details["quiet_from"] == [None, "21:00"]
