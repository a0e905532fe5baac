"""The numbers: read from the hourly roll-ups, never by counting messages.

All are of the business in scope. Rates are parts of one, or None where nothing was sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count, DateTimeField, F, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import (
    ExtractHour,
    ExtractIsoWeekDay,
    TruncDay,
    TruncMonth,
    TruncWeek,
)

from analytics.models import FailureHour, MessageHour
from analytics.periods import Granularity, Period
from messaging.errors import SENTENCES, Refusal
from messaging.messages.models import Message
from messaging.meta.errors import describe
from messaging.senders.models import Sender
from templates_mgmt.models import Template

METRICS: Final = tuple(MessageHour.Metric.values)
_TRUNC: Final = {
    Granularity.DAY: TruncDay,
    Granularity.WEEK: TruncWeek,
    Granularity.MONTH: TruncMonth,
}
MOST_FAILURES: Final = 20
_REASON: Final = ("status", "error_code", "error_reason")


@dataclass(frozen=True, slots=True)
class Filters:
    """Narrow the numbers to a sender, a template or a category."""

    sender_id: UUID | None = None
    template_id: UUID | None = None
    category: str | None = None

    def given(self) -> dict[str, Any]:
        """Return the conditions that were asked for."""
        named = {
            "sender_id": self.sender_id,
            "template_id": self.template_id,
            "category": self.category,
        }
        return {name: value for name, value in named.items() if value is not None}


EVERYTHING: Final = Filters()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages reached each metric."""

    by_metric: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> int:
        return max(0, self.by_metric.get(metric, 0))

    @property
    def delivery_rate(self) -> float | None:
        """Delivered of sent."""
        return _rate(self["delivered"], self["sent"])

    @property
    def read_rate(self) -> float | None:
        """Read of delivered; people who send no read receipts count as not read."""
        return _rate(self["read"], self["delivered"])

    @property
    def failure_rate(self) -> float | None:
        """Failed of those that were sent or failed."""
        return _rate(self["failed"], max(self["sent"], self["failed"]))

    def as_dict(self) -> dict[str, int | float | None]:
        """Return every count and rate by name."""
        return {metric: self[metric] for metric in METRICS} | {
            "delivery_rate": self.delivery_rate,
            "read_rate": self.read_rate,
            "failure_rate": self.failure_rate,
        }


@dataclass(frozen=True, slots=True)
class Bucket:
    """The counts of one bucket of a chart."""

    at: datetime
    counts: Counts


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason why messages failed or were skipped, and what to do about it."""

    status: str
    code: int | None
    reason: str
    title: str
    advice: str
    count: int


@dataclass(frozen=True, slots=True)
class OfTemplate:
    """The counts of one template; the template may have been deleted since."""

    id: UUID
    name: str
    language: str
    category: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class OfSender:
    """The counts of one number of ours."""

    id: UUID
    name: str
    phone: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Cell:
    """The counts of one hour of the week; Monday is weekday 1."""

    weekday: int
    hour: int
    counts: Counts


def database() -> str:
    """Return the database that analytics and reports read from: the replica when there is one."""
    return "replica" if "replica" in settings.DATABASES else "default"


def totals(period: Period, filters: Filters = EVERYTHING) -> Counts:
    """Return the counts of a whole period."""
    return _counts(_hours(period, filters).values_list("metric").annotate(total=Sum("count")))


def series(period: Period, filters: Filters = EVERYTHING) -> list[Bucket]:
    """Return the counts bucket by bucket, empty ones included."""
    rows = _hours(period, filters).annotate(bucket=_bucket(period))
    found = _grouped(rows, "bucket")
    by_instant = {at.timestamp(): counts for (at,), counts in found.items()}
    return [Bucket(at, by_instant.get(at.timestamp(), Counts())) for at in period.buckets()]


def failures(
    period: Period, filters: Filters = EVERYTHING, *, limit: int = MOST_FAILURES
) -> list[Failure]:
    """Return why messages failed or were skipped, the most frequent reason first.

    Narrowed to a template or category, only failures are known, not skips.
    """
    if filters.template_id or filters.category:
        summed = _failed_messages(period, filters)
    else:
        summed = _failed_hours(period, filters)
    rows = summed.filter(total__gt=0).order_by("-total", *_REASON)[:limit]
    return [explain(*row) for row in rows.values_list(*_REASON, "total")]


def _failed_hours(period: Period, filters: Filters) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = FailureHour.objects.using(database()).filter(
        hour__gte=period.start, hour__lt=period.end, **filters.given()
    )
    summed: QuerySet[Any, Any] = rows.values(*_REASON).annotate(total=Sum("count"))
    return summed


def _failed_messages(period: Period, filters: Filters) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = Message.objects.using(database()).filter(
        failed_at__gte=period.start,
        failed_at__lt=period.end,
        status=Message.Status.FAILED,
        **filters.given(),
    )
    summed: QuerySet[Any, Any] = rows.values(*_REASON).annotate(total=Count("id"))
    return summed


def explain(status: str, code: int | None, reason: str, count: int) -> Failure:
    """Return a reason with its sentence and what to do about it."""
    if code is not None:
        info = describe(code)
        return Failure(status, code, reason or info.reason, info.title, info.advice, count)
    if reason in list(Refusal):
        return Failure(status, None, reason, SENTENCES[Refusal(reason)], _ADVICE[reason], count)
    return Failure(status, None, reason, _words(reason), "", count)


def by_template(period: Period, filters: Filters = EVERYTHING) -> list[OfTemplate]:
    """Return the counts of each template that was used, the most sent first."""
    found = _grouped(_hours(period, filters).exclude(template_id=None), "template_id")
    known = Template.objects.using(database()).in_bulk([id_ for (id_,) in found])
    rows = []
    for (id_,), counts in found.items():
        one = known.get(id_)
        if one is None:
            rows.append(OfTemplate(id_, "deleted", "", "", counts))
        else:
            rows.append(OfTemplate(id_, one.name, one.language, one.category, counts))
    return sorted(rows, key=lambda row: (-row.counts["sent"], row.name, row.id))


def by_sender(period: Period, filters: Filters = EVERYTHING) -> list[OfSender]:
    """Return the counts of each number, the most sent first."""
    found = _grouped(_hours(period, filters), "sender_id")
    known = Sender.objects.using(database()).in_bulk([id_ for (id_,) in found])
    rows = []
    for (id_,), counts in found.items():
        one = known.get(id_)
        name, phone = (one.verified_name or one.phone, one.phone) if one else ("removed", "")
        rows.append(OfSender(id_, name, phone, counts))
    return sorted(rows, key=lambda row: (-row.counts["sent"], row.name, row.id))


def week(period: Period, filters: Filters = EVERYTHING) -> list[Cell]:
    """Return volume by weekday and hour in the period's zone: 168 cells, Monday midnight first."""
    rows = _hours(period, filters).annotate(
        weekday=ExtractIsoWeekDay("hour", tzinfo=period.zone),
        # Not `hour`, which is the column.
        of_day=ExtractHour("hour", tzinfo=period.zone),
    )
    found = _grouped(rows, "weekday", "of_day")
    return [
        Cell(weekday, hour, found.get((weekday, hour), Counts()))
        for weekday in range(1, 8)
        for hour in range(24)
    ]


def peaks(cells: Iterable[Cell], *, metric: str, limit: int = 5) -> list[Cell]:
    """Return the cells with most of a metric; cells without any are left out."""
    busy = [cell for cell in cells if cell.counts[metric]]
    return sorted(busy, key=lambda cell: (-cell.counts[metric], cell.weekday, cell.hour))[:limit]


def _hours(period: Period, filters: Filters) -> QuerySet[MessageHour]:
    rows: QuerySet[MessageHour] = MessageHour.objects.using(database()).filter(
        hour__gte=period.start, hour__lt=period.end, **filters.given()
    )
    return rows


def _bucket(period: Period) -> Combinable:
    if period.granularity is Granularity.HOUR:
        return F("hour")
    trunc = _TRUNC[period.granularity]
    return trunc("hour", tzinfo=period.zone, output_field=DateTimeField())


def _grouped(rows: QuerySet[Any], *names: str) -> dict[tuple[Any, ...], Counts]:
    sums: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    for *key, metric, total in rows.values_list(*names, "metric").annotate(total=Sum("count")):
        sums[tuple(key)][metric] = total
    return {key: Counts(by_metric) for key, by_metric in sums.items()}


def _counts(rows: Iterable[tuple[str, int]]) -> Counts:
    return Counts(dict(rows))


def _rate(part: int, whole: int) -> float | None:
    return round(min(part / whole, 1.0), 4) if whole else None


def _words(reason: str) -> str:
    return reason.replace("_", " ").capitalize() or "No reason given"


_ADVICE: Final[dict[str, str]] = {
    "consent_missing": "Record their consent, or leave them out of the audience.",
    "opted_out": "Nothing to do: they asked not to be written to.",
    "blocked": "Nothing to do: they are left alone for a time; the block ends by itself.",
    "outside_service_window": "Send an approved template instead.",
    "template_not_approved": "Wait for Meta's approval, or choose another template.",
    "template_paused": "Choose another template; Meta pauses those that people report.",
    "sender_paused": "Resume the number once the reason of its pause is gone.",
    "limit_reached": "Send the rest later, or raise the limit if Meta's is higher.",
    "invalid_recipient": "Correct the number of the contact.",
    "quiet_hours": "Send at another hour.",
    "frequency_cap": "Send later, or raise the limit in the contact policy.",
}
