"""The rows of each report, a page at a time.

A page is one short query that goes on behind the last key, so memory does not grow with the
report and no transaction stays open while somebody downloads. Rows are of the business in scope
whenever a page is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from analytics import queries
from analytics.periods import Period
from analytics.queries import Counts, Filters
from config.lib import ids
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts.models import Contact
from messaging.errors import SENTENCES, Refusal
from messaging.messages.models import CampaignTally, Message
from messaging.senders.models import Sender
from reports.columns import Cell, Pages, Row
from templates_mgmt.models import Template

PAGE: Final = 2000
_WEEKDAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a report is of."""

    period: Period
    by: str = "day"
    sender_id: UUID | None = None
    template_id: UUID | None = None
    campaign_id: UUID | None = None
    category: str | None = None
    status: str | None = None
    direction: str | None = None

    @property
    def filters(self) -> Filters:
        """Return what the roll-ups can be narrowed to."""
        return Filters(self.sender_id, self.template_id, self.category)


def delivery(selection: Selection) -> Pages:
    """Give counts and rates by day, number or template from the roll-ups, or by campaign."""
    period, filters = selection.period, selection.filters
    if selection.by == "campaign":
        yield from _by_campaign(selection)
    elif selection.by == "sender":
        found = queries.by_sender(period, filters)
        yield [(one.phone, one.name, *_counts(one.counts)) for one in found]
    elif selection.by == "template":
        templates = queries.by_template(period, filters)
        yield [(one.name, one.language, one.category, *_counts(one.counts)) for one in templates]
    else:
        days = queries.series(period, filters)
        yield [(day.at.date().isoformat(), *_counts(day.counts)) for day in days]


def peak_hours(selection: Selection) -> Pages:
    """Give the volume of every hour of the week."""
    yield [
        (
            _WEEKDAYS[cell.weekday - 1],
            cell.hour,
            *(cell.counts[metric] for metric in ("sent", "delivered", "read", "received")),
        )
        for cell in queries.week(selection.period, selection.filters)
    ]


_MESSAGE_COLUMNS: Final = (
    "id",
    "direction",
    "type",
    "status",
    "address",
    "sender_id",
    "template_id",
    "campaign_id",
    "category",
    "error_code",
    "error_title",
    "created_at",
    "sent_at",
    "delivered_at",
    "read_at",
    "failed_at",
)


def messages(selection: Selection) -> Pages:
    """Give every message made in the period, oldest first."""
    given = {
        "sender_id": selection.sender_id,
        "template_id": selection.template_id,
        "campaign_id": selection.campaign_id,
        "category": selection.category,
        "status": selection.status,
        "direction": selection.direction,
    }
    conditions = {name: value for name, value in given.items() if value is not None}
    first, last = map(ids.floor_of, (selection.period.start, selection.period.end))
    after = None
    while True:
        found = _objects(Message).filter(id__gte=first, id__lt=last, **conditions)
        found = found.filter(id__gt=after) if after else found
        page = list(found.order_by("id").values_list(*_MESSAGE_COLUMNS)[:PAGE])
        if page:
            after = page[-1][0]
            yield _message_rows(page)
        if len(page) < PAGE:
            return


def campaign_outcomes(selection: Selection) -> Pages:
    """Give what became of everyone in a campaign's audience."""
    after: UUID | None = None
    everyone = Q(campaign_id=selection.campaign_id)
    while True:
        found = CampaignRecipient.objects.using(queries.database()).filter(everyone)
        found = found.filter(contact_id__gt=after) if after else found
        page = list(found.order_by("contact_id")[:PAGE])
        if page:
            after = page[-1].contact_id
            yield _outcome_rows(page)
        if len(page) < PAGE:
            return


def _by_campaign(selection: Selection) -> Pages:
    """Give the campaigns launched in the period; sums are of where their messages stand now."""
    given = {
        "sender_id": selection.sender_id,
        "template_id": selection.template_id,
        "template__category": selection.category,
    }
    conditions = {name: value for name, value in given.items() if value is not None}
    after = None
    while True:
        found = _objects(Campaign).filter(
            launched_at__gte=selection.period.start,
            launched_at__lt=selection.period.end,
            **conditions,
        )
        found = found.filter(id__gt=after) if after else found
        page = list(found.select_related("template").order_by("id")[:PAGE])
        if page:
            after = page[-1].pk
            yield _campaign_rows(page)
        if len(page) < PAGE:
            return


def _campaign_rows(page: Sequence[Campaign]) -> list[Row]:
    standing: dict[UUID, dict[str, int]] = {campaign.pk: {} for campaign in page}
    tallies = CampaignTally.objects.using(queries.database()).filter(campaign_id__in=standing)
    for campaign_id, status, count in tallies.values_list("campaign_id", "status", "count"):
        standing[campaign_id][status] = count
    return [
        (campaign.name, campaign.template.name, *_counts(_reached(standing[campaign.pk])))
        for campaign in page
    ]


def _reached(standing: dict[str, int]) -> Counts:
    """Return how many got how far, from how many stand where."""
    read = standing.get("read", 0)
    delivered = read + standing.get("delivered", 0)
    sent = delivered + standing.get("sent", 0)
    # Queued counts every message of the campaign; people skipped at the door have none.
    queued = sum(count for status, count in standing.items() if status != "skipped")
    return Counts({**standing, "queued": queued, "sent": sent, "delivered": delivered})


def _counts(counts: Counts) -> tuple[Cell, ...]:
    metrics = ("queued", "sent", "delivered", "read", "failed", "skipped", "unknown", "cancelled")
    return (*(counts[metric] for metric in metrics), counts.delivery_rate, counts.read_rate)


def _message_rows(page: Sequence[tuple[Any, ...]]) -> list[Row]:
    phones = _named(Sender, "phone", (row[5] for row in page))
    templates = _named(Template, ("name", "language"), (row[6] for row in page))
    campaigns = _named(Campaign, "name", (row[7] for row in page))
    return [
        (
            *(str(row[0]), *row[1:5]),
            *phones.get(row[5], ("",)),
            *templates.get(row[6], ("", "")),
            *campaigns.get(row[7], ("",)),
            *row[8:],
        )
        for row in page
    ]


def _named(
    model: type[Any], columns: str | tuple[str, ...], ids_: Iterable[UUID | None]
) -> dict[UUID | None, tuple[Any, ...]]:
    names = (columns,) if isinstance(columns, str) else columns
    wanted = {id_ for id_ in ids_ if id_ is not None}
    found = _objects(model).filter(pk__in=wanted).values_list("pk", *names) if wanted else ()
    return {id_: tuple(values) for id_, *values in found}


def _outcome_rows(page: Sequence[CampaignRecipient]) -> list[Row]:
    people = _objects(Contact).in_bulk([one.contact_id for one in page])
    found = _objects(Message).in_bulk([one.message_id for one in page if one.message_id])
    return [
        _outcome_row(one, people.get(one.contact_id), found.get(one.message_id)) for one in page
    ]


def _outcome_row(one: CampaignRecipient, person: Contact | None, message: Message | None) -> Row:
    who = (person.name, person.phone, person.bsuid) if person else ("", "", "")
    if message is None:
        outcome = "skipped" if one.skip_code else "waiting"
        return (*who, outcome, one.skip_code, _sentence(one.skip_code), *[None] * 7, "")
    return (
        *who,
        message.status,
        message.error_reason,
        message.error_title or _sentence(message.error_reason),
        message.error_code,
        message.attempts,
        message.created_at,
        message.sent_at,
        message.delivered_at,
        message.read_at,
        message.failed_at,
        str(message.pk),
    )


def _sentence(code: str) -> str:
    return SENTENCES[Refusal(code)] if code in list(Refusal) else ""


def _objects(model: type[Any]) -> QuerySet[Any]:
    found: QuerySet[Any] = model.objects.using(queries.database())
    return found
