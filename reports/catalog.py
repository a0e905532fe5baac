"""Every report by name: its columns, the filters it takes, and how its rows are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounts import tenancy
from analytics.periods import Period
from config.lib.errors import InvalidInput, NotFound
from messaging.campaigns.models import Campaign
from messaging.messages.models import Message
from reports import rows
from reports.columns import Column, Pages, instants, numbers, percents, text
from reports.rows import Selection


class UnknownReport(InvalidInput):
    """There is no report of this name."""

    code = "unknown_report"


@dataclass(frozen=True, slots=True)
class Report:
    """A report: `read` gives its rows in pages, each by a query of its own."""

    name: str
    title: str
    columns: Callable[[Selection], tuple[Column, ...]]
    filters: frozenset[str]
    read: Callable[[Selection], Pages]
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A report somebody asked for, checked and ready to be read, in the business it is of."""

    report: Report
    selection: Selection
    business_id: UUID

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns of this selection."""
        return self.report.columns(self.selection)

    @property
    def stem(self) -> str:
        """Return the name of its file, without what says the format."""
        period = self.selection.period
        days = [at.astimezone(period.zone).date() for at in (period.start, period.end)]
        if self.selection.campaign_id:
            return f"{self.report.name}-{self.selection.campaign_id}"
        return f"{self.report.name}-{days[0]}-{days[1]}"


BY: Final[Mapping[str, tuple[Column, ...]]] = {
    "day": text("Day"),
    "sender": text("Number", "Name"),
    "template": text("Template", "Language", "Category"),
    "campaign": text("Campaign", "Template"),
}
DIRECTIONS: Final = frozenset(Message.Direction.values)
STATUSES: Final = frozenset(Message.Status.values)

_COUNTS: Final = (
    *numbers("Queued", "Sent", "Delivered", "Read", "Failed", "Skipped", "Unknown", "Cancelled"),
    *percents("Delivery rate", "Read rate"),
)
_MESSAGES: Final = (
    *text("Id", "Direction", "Type", "Status", "Address", "Our number", "Template", "Language"),
    *text("Campaign", "Category"),
    *numbers("Error code"),
    *text("Error"),
    *instants("Created", "Sent", "Delivered", "Read", "Failed"),
)
_OUTCOMES: Final = (
    *text("Name", "Phone number", "Meta user id", "Outcome", "Reason", "What it means"),
    *numbers("Error code", "Attempts"),
    *instants("Queued", "Sent", "Delivered", "Read", "Failed"),
    *text("Message id"),
)

REPORTS: Final[dict[str, Report]] = {
    report.name: report
    for report in (
        Report(
            "delivery",
            "Delivery",
            lambda selection: (*BY[selection.by], *_COUNTS),
            frozenset({"by", "sender", "template", "category"}),
            rows.delivery,
        ),
        Report(
            "messages",
            "Messages",
            lambda _: _MESSAGES,
            frozenset({"sender", "template", "campaign", "category", "status", "direction"}),
            rows.messages,
        ),
        Report(
            "campaign_outcomes",
            "Outcomes of a campaign",
            lambda _: _OUTCOMES,
            frozenset({"campaign"}),
            rows.campaign_outcomes,
            required=frozenset({"campaign"}),
        ),
        Report(
            "peak_hours",
            "Peak hours",
            lambda _: (*text("Weekday"), *numbers("Hour", "Sent", "Delivered", "Read", "Received")),
            frozenset({"sender", "template", "category"}),
            rows.peak_hours,
        ),
    )
}


def get(name: str) -> Report:
    """Return the report of this name; raises `UnknownReport`."""
    if name not in REPORTS:
        known = ", ".join(sorted(REPORTS))
        raise UnknownReport(f"There is no such report. Known reports: {known}.", attr="report")
    return REPORTS[name]


def prepare(name: str, selection: Selection) -> Prepared:
    """Check what is asked of the business in scope; raises `InvalidInput` or `NotFound`."""
    report = get(name)
    if "campaign" in report.required and selection.campaign_id is None:
        raise InvalidInput("This report is of one campaign: name it.", attr="campaign")
    if selection.by not in BY:
        raise InvalidInput(f"by is one of {', '.join(BY)}.", attr="by")
    campaign_id = selection.campaign_id
    if campaign_id and not Campaign.objects.filter(pk=campaign_id).exists():
        raise NotFound("There is no such campaign.")
    return Prepared(report, selection, tenancy.current_id())


def campaign_outcomes(campaign: Campaign, *, period: Period) -> Prepared:
    """Return the report of what became of everyone in a campaign, shown in the period's zone."""
    return prepare("campaign_outcomes", Selection(period=period, campaign_id=campaign.pk))
