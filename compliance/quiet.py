"""Quiet hours: when a person sleeps, by the clock where they are. Pure.

A night begins and ends at times of the wall clock. Where the clock is changed in between, both
readings of an hour that comes twice belong to the night, and so does an hour that is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final

# So that an hour is left that is day in every zone of the widest country.
LONGEST_NIGHT: Final = timedelta(hours=12)
_DAY: Final = timedelta(days=1)
# Nights end; this many are looked at before one zone alone decides.
_NIGHTS: Final = 12


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of the clock to another, usually over midnight."""

    begin: time
    end: time

    @property
    def length(self) -> timedelta:
        """Return how long the night is on a day without a change of the clock."""
        span = _since_midnight(self.end) - _since_midnight(self.begin)
        return span if span > timedelta(0) else span + _DAY


def until(hours: QuietHours, zones: Sequence[tzinfo], now: datetime) -> datetime | None:
    """Return when a person may be written to, None when it is now.

    With several zones the answer is an instant that is day in all of them. Should there be none,
    the first zone decides alone.
    """
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    found = _until(hours, tuple(zones), minute)
    return found if found is None or found > now else None


@lru_cache(maxsize=4096)
def _until(hours: QuietHours, zones: tuple[tzinfo, ...], minute: datetime) -> datetime | None:
    """Return the answer for the whole minute: nights begin and end at whole minutes."""
    at = minute
    for _ in range(_NIGHTS):
        ends = [end for zone in zones if (end := _night_end(hours, zone, at))]
        if not ends:
            return at if at > minute else None
        at = max(ends)
    return _night_end(hours, zones[0], minute)


def _night_end(hours: QuietHours, zone: tzinfo, at: datetime) -> datetime | None:
    """Return the end of the night this instant falls into in this zone."""
    today = at.astimezone(zone).date()
    for day in (today - _DAY, today):
        begin, end = _night(hours, zone, day)
        if begin <= at < end:
            return end
    return None


def _night(hours: QuietHours, zone: tzinfo, day: date) -> tuple[datetime, datetime]:
    """Return the night that begins on this day."""
    morning = day if hours.end > hours.begin else day + _DAY
    return min(_readings(day, hours.begin, zone)), max(_readings(morning, hours.end, zone))


def _readings(day: date, clock: time, zone: tzinfo) -> list[datetime]:
    """Return the instants a clock shows this: two where an hour comes twice or is left out."""
    return [
        datetime.combine(day, clock.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)
    ]


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
