"""Periods and numbers, in the zone of who asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Business
from analytics import periods, queries
from analytics.models import FailureHour, MessageHour
from analytics.periods import Granularity, Period
from config.lib.errors import InvalidInput
from messaging.senders.models import Sender

NOW = datetime(2026, 11, 18, 12, 30, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")


def read(**given: str | None) -> Period:
    words: dict[str, Any] = {"start": None, "end": None, "zone": None, "granularity": None}
    return periods.read(**{**words, **given}, default_zone="Europe/Madrid", now=NOW)


def hour(sender: Sender, at: datetime, **counts: int) -> None:
    for metric, count in counts.items():
        MessageHour.objects.create(
            business=sender.business,
            hour=at,
            sender_id=sender.pk,
            category="utility",
            metric=metric,
            count=count,
        )


def test_by_default_the_last_seven_local_days_with_today() -> None:
    period = read()

    assert period.start == datetime(2026, 11, 11, 23, tzinfo=UTC)
    assert period.end == datetime(2026, 11, 18, 13, tzinfo=UTC)
    assert len(list(period.buckets())) == 7
    assert period.previous().end == period.start


def test_a_date_is_local_and_as_the_end_includes_its_day() -> None:
    period = read(start="2026-10-25", end="2026-10-25", granularity="hour")

    # Clocks went back that night.
    assert len(list(period.buckets())) == 25
    assert period.start == datetime(2026, 10, 24, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "attr"),
    [
        ({"start": "yesterday"}, "from"),
        ({"start": "2026-13-01"}, "from"),
        ({"end": "0001-01-01"}, "to"),
        ({"start": "9999-12-31T23:59:59Z"}, "from"),
        ({"start": "2026-11-02", "end": "2026-11-01"}, "from"),
        ({"start": "2026-01-01", "granularity": "hour"}, "from"),
        ({"zone": "Mars/Olympus"}, "tz"),
        ({"zone": "../etc/passwd"}, "tz"),
        ({"granularity": "minute"}, "granularity"),
    ],
)
def test_words_that_mean_no_period_are_refused_by_name(given: dict[str, str], attr: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(**given)

    assert refused.value.attr == attr


def test_a_series_has_every_bucket_and_cuts_days_where_the_zone_does(sender: Sender) -> None:
    hour(sender, datetime(2026, 11, 16, 23, tzinfo=UTC), sent=5, delivered=4)
    hour(sender, datetime(2026, 11, 17, 22, tzinfo=UTC), sent=1)
    period = read(start="2026-11-16", end="2026-11-18")

    series = queries.series(period)

    assert [bucket.counts["sent"] for bucket in series] == [0, 6, 0]
    assert series[1].at == datetime(2026, 11, 17, tzinfo=MADRID)
    assert queries.totals(period)["sent"] == 6
    assert queries.totals(period).delivery_rate == pytest.approx(4 / 6, abs=1e-4)


@pytest.mark.parametrize("granularity", list(Granularity))
def test_every_granularity_sums_to_the_total(sender: Sender, granularity: Granularity) -> None:
    for days in range(20):
        hour(sender, datetime(2026, 10, 20, 5, tzinfo=UTC) + timedelta(days=days), sent=1)
    period = read(start="2026-10-20", end="2026-11-15", granularity=granularity.value)

    series = queries.series(period)

    assert sum(bucket.counts["sent"] for bucket in series) == 20


def test_failures_come_with_what_to_do(business: Business, sender: Sender) -> None:
    for code, reason, count in ((131026, "", 3), (None, "opted_out", 7), (None, "odd_reason", 1)):
        FailureHour.objects.create(
            business=business,
            hour=datetime(2026, 11, 17, 9, tzinfo=UTC),
            sender_id=sender.pk,
            status="failed" if code else "skipped",
            error_code=code,
            error_reason=reason,
            count=count,
        )

    found = queries.failures(read())

    assert [(one.code, one.reason, one.count) for one in found][:1] == [(None, "opted_out", 7)]
    assert found[1].code == 131026
    assert all(one.title for one in found)
    assert found[1].advice


def test_peak_hours_are_those_of_the_zone(sender: Sender) -> None:
    hour(sender, datetime(2026, 11, 15, 23, tzinfo=UTC), sent=3)

    cells = queries.week(read())

    assert len(cells) == 168
    assert [(one.weekday, one.hour) for one in queries.peaks(cells, metric="sent")] == [(1, 0)]
