"""Which hours are asked for: a period in a time zone, cut into buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from config.lib.errors import InvalidInput


class Granularity(StrEnum):
    """How wide a bucket is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


# A chart of more buckets than this shows nothing, and its rows are many.
LONGEST: Final = {
    Granularity.HOUR: timedelta(days=31),
    Granularity.DAY: timedelta(days=800),
    Granularity.WEEK: timedelta(days=3660),
    Granularity.MONTH: timedelta(days=3660),
}
_DEFAULT_DAYS: Final = 7
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end` (UTC, whole hours), shown in a zone, cut by granularity."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    granularity: Granularity = Granularity.DAY

    def previous(self) -> Period:
        """Return the period of the same length that ends where this one starts."""
        return replace(self, start=self.start - (self.end - self.start), end=self.start)

    def buckets(self) -> Iterator[datetime]:
        """Yield the start of every bucket, in the zone; the first may begin before the period."""
        if self.granularity is Granularity.HOUR:
            at = self.start
            while at < self.end:
                yield at.astimezone(self.zone)
                at += timedelta(hours=1)
            return
        on = self._first_day()
        while (at := datetime.combine(on, time(), self.zone)) < self.end:
            yield at
            on = self._next_day(on)

    def _first_day(self) -> date:
        on = self.start.astimezone(self.zone).date()
        if self.granularity is Granularity.WEEK:
            return on - timedelta(days=on.weekday())
        return on.replace(day=1) if self.granularity is Granularity.MONTH else on

    def _next_day(self, on: date) -> date:
        if self.granularity is Granularity.MONTH:
            return (on.replace(day=28) + timedelta(days=4)).replace(day=1)
        return on + timedelta(days=7 if self.granularity is Granularity.WEEK else 1)


def read(
    *,
    start: str | None,
    end: str | None,
    zone: str | None,
    granularity: str | None,
    default_zone: str,
    now: datetime,
) -> Period:
    """Return the period these words mean: by default the last seven days, today included.

    `start` and `end` are instants (RFC 3339; without an offset they are local) or dates; a date
    as `end` includes that day. Both are cut to whole hours of UTC, outwards. Raises
    `InvalidInput` naming `from`, `to`, `tz` or `granularity`.
    """
    width = _granularity(granularity)
    place = _zone(zone or default_zone)
    last = _instant(end, "to", place, is_end=True) if end else now
    first = _instant(start, "from", place) if start else _days_before(last, place)
    period = Period(_floor(first), _ceiling(last), place, width)
    if first >= last:
        raise InvalidInput("from must be before to.", attr="from", code="invalid_period")
    if period.end - period.start > LONGEST[width] + timedelta(hours=2):
        days = LONGEST[width].days
        raise InvalidInput(
            f"By {width}, a period has at most {days} days.", attr="from", code="period_too_long"
        )
    return period


def _granularity(text: str | None) -> Granularity:
    try:
        return Granularity(text or Granularity.DAY)
    except ValueError as error:
        words = ", ".join(Granularity)
        raise InvalidInput(f"granularity is one of {words}.", attr="granularity") from error


def _zone(name: str) -> ZoneInfo:
    if name not in _zone_names():
        raise InvalidInput("tz is the name of a time zone, such as Europe/Madrid.", attr="tz")
    return ZoneInfo(name)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _instant(text: str, attr: str, zone: ZoneInfo, *, is_end: bool = False) -> datetime:
    try:
        at = _parsed(text, zone, is_end=is_end)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{attr} is a date or a time in RFC 3339.", attr=attr) from error
    if not _EARLIEST <= at <= _LATEST:
        raise InvalidInput(f"{attr} is out of range.", attr=attr)
    return at


def _parsed(text: str, zone: ZoneInfo, *, is_end: bool) -> datetime:
    if len(text) == 10:
        on = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
        return datetime.combine(on, time(), zone).astimezone(UTC)
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _days_before(last: datetime, zone: ZoneInfo) -> datetime:
    local = (last - timedelta(microseconds=1)).astimezone(zone)
    on = local.date() - timedelta(days=_DEFAULT_DAYS - 1)
    return datetime.combine(on, time(), zone).astimezone(UTC)


def _floor(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _ceiling(at: datetime) -> datetime:
    floor = _floor(at)
    return floor if floor == at else floor + timedelta(hours=1)
