"""What became of messages over a period: counted where they lie, over the ids of the period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts import tenancy
from config.lib.errors import InvalidInput
from messaging.messages.periods import first_id
from messaging.meta.errors import describe

LONGEST: Final = timedelta(days=92)
MOST_GROUPS: Final = 500
MOST_ERRORS: Final = 10


class Group(StrEnum):
    """What the counts are broken down by."""

    DAY = "day"
    SENDER = "sender"
    TEMPLATE = "template"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant to before another; days are those of the time zone."""

    start: datetime
    end: datetime
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise InvalidInput("The period ends before it begins.", attr="to")
        if self.end - self.start > LONGEST:
            raise InvalidInput(f"A period has at most {LONGEST.days} days.", attr="from")


@dataclass(frozen=True, slots=True)
class Counts:
    """Outgoing messages by outcome.

    `sent` were accepted by Meta, `delivered` and `read` are parts of them. Seconds run from being
    sent and are None where nothing was measured.
    """

    key: str | None
    total: int
    pending: int
    sent: int
    delivered: int
    read: int
    failed: int
    skipped: int
    cancelled: int
    unknown: int
    delivered_p50: float | None
    delivered_p95: float | None
    read_p50: float | None
    read_p95: float | None

    @property
    def delivery_rate(self) -> float | None:
        """Delivered of those sent or failed."""
        return _rate(self.delivered, self.sent + self.failed)

    @property
    def read_rate(self) -> float | None:
        """Read of those delivered."""
        return _rate(self.read, self.delivered)

    @property
    def failure_rate(self) -> float | None:
        """Failed of those sent or failed."""
        return _rate(self.failed, self.sent + self.failed)


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How many messages failed or were skipped for one reason, and what helps."""

    code: int | str
    title: str
    advice: str
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """The sums of a period, the same by group, and the most frequent errors."""

    total: Counts
    groups: list[Counts]
    errors: list[ErrorCount]


def report(*, period: Period, by: Group, only: Mapping[str, UUID] | None = None) -> Report:
    """Count the messages of the business in scope.

    `only` narrows by `sender_id`, `template_id` or `campaign_id`. Groups come largest first, days
    in their order.
    """
    where, values = _where(period, only or {})
    total, *groups = _counts(where, values, by, period.time_zone)
    return Report(total=total, groups=groups, errors=_errors(where, values))


_SECONDS: Final = "GREATEST(0, extract(epoch FROM {} - sent_at)::float8)"
_PERCENTILES: Final = (
    "percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY {seconds}) "
    "FILTER (WHERE {column} IS NOT NULL AND sent_at IS NOT NULL)"
)
_COUNTS: Final = f"""
    count(*),
    count(*) FILTER (WHERE status IN ('scheduled', 'queued', 'sending')),
    count(*) FILTER (WHERE status IN ('sent', 'delivered', 'read')),
    count(*) FILTER (WHERE status IN ('delivered', 'read')),
    count(*) FILTER (WHERE status = 'read'),
    count(*) FILTER (WHERE status = 'failed'),
    count(*) FILTER (WHERE status = 'skipped'),
    count(*) FILTER (WHERE status = 'cancelled'),
    count(*) FILTER (WHERE status = 'unknown'),
    {_PERCENTILES.format(seconds=_SECONDS.format("delivered_at"), column="delivered_at")},
    {_PERCENTILES.format(seconds=_SECONDS.format("read_at"), column="read_at")}
"""
_KEYS: Final = {
    Group.DAY: "(created_at AT TIME ZONE %(zone)s)::date",
    Group.SENDER: "sender_id",
    Group.TEMPLATE: "template_id",
    Group.CAMPAIGN: "campaign_id",
}


def _where(period: Period, only: Mapping[str, UUID]) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {
        "business": tenancy.current_id(),
        "first": first_id(period.start),
        "end": first_id(period.end),
    }
    clauses = [
        "business_id = %(business)s",
        "direction = 'outbound'",
        "id >= %(first)s",
        "id < %(end)s",
    ]
    for name in ("sender_id", "template_id", "campaign_id"):
        if name in only:
            clauses.append(f"{name} = %({name})s")
            values[name] = only[name]
    return " AND ".join(clauses), values


def _counts(where: str, values: dict[str, Any], by: Group, zone: str) -> list[Counts]:
    """Return the total, then the groups."""
    order = "key" if by is Group.DAY else "count(*) DESC, key"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT key::text, {_COUNTS} FROM (SELECT *, {_KEYS[by]} AS key "  # noqa: S608  # ours
            f"FROM messaging_message WHERE {where}) AS m "
            "GROUP BY GROUPING SETS ((), (key)) HAVING grouping(key) = 1 OR key IS NOT NULL "
            f"ORDER BY grouping(key) DESC, {order} LIMIT {MOST_GROUPS + 1}",
            {**values, "zone": zone},
        )
        return [_read(row) for row in cursor.fetchall()]


def _read(row: tuple[Any, ...]) -> Counts:
    *counts, delivered, read = row
    return Counts(*counts, *(delivered or (None, None)), *(read or (None, None)))


def _errors(where: str, values: dict[str, Any]) -> list[ErrorCount]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT error_code, error_reason, max(error_title), count(*) "  # noqa: S608  # ours
            f"FROM messaging_message WHERE {where} AND status IN ('failed', 'skipped') "
            "GROUP BY error_code, error_reason ORDER BY count(*) DESC, error_code, error_reason "
            f"LIMIT {MOST_ERRORS}",
            values,
        )
        return [_error(*row) for row in cursor.fetchall()]


def _error(code: int | None, reason: str, title: str, count: int) -> ErrorCount:
    if code is None:
        return ErrorCount(reason, title or reason, "", count)
    known = describe(code)
    return ErrorCount(code, title or known.title, known.advice, count)


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
