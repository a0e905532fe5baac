"""Reports, from the rows of a business to a file, as clients and the admin get them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import openpyxl
import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.test import AsyncRequestFactory, RequestFactory
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Business, Role
from analytics import periods
from analytics.models import MessageHour
from analytics.periods import Period
from compliance.models import AuditEntry
from config.lib import ids
from config.lib.errors import InvalidInput, NotFound
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.messages.models import CampaignTally, Message
from messaging.senders.models import Sender
from reports import catalog, downloads, rows
from reports.rows import Selection
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.messaging import ContactFactory, MessageFactory, SenderFactory
from tests.factories.templates import TemplateFactory

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
DAY = "from=2026-11-17&to=2026-11-17&tz=UTC"


def period() -> Period:
    return periods.read(
        start="2026-11-17",
        end="2026-11-17",
        zone="UTC",
        granularity=None,
        default_zone="UTC",
        now=NOON,
    )


def message(sender: Sender, seconds: int = 0, **values: Any) -> Message:
    at = NOON + timedelta(seconds=seconds)
    made: Message = MessageFactory.create(
        id=ids.derived_id(at, str(sender.pk), str(seconds)),
        business=sender.business,
        sender=sender,
        created_at=at,
        **{"contact": ContactFactory.create(business=sender.business), **values},
    )
    return made


def campaign(sender: Sender, **values: Any) -> Campaign:
    template = TemplateFactory.create(
        account=sender.account, business=sender.business, name="spring"
    )
    made: Campaign = Campaign.across_businesses.create(
        business=sender.business,
        name="Spring sale",
        sender=sender,
        template=template,
        launched_at=NOON,
        **values,
    )
    return made


def read(answer: Any) -> list[dict[str, str]]:
    raw = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(raw, newline="")))


def test_messages_of_the_period_come_once_each_oldest_first(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE", 3)
    made = [message(sender, seconds) for seconds in range(10)]
    message(sender, 24 * 3600)
    message(SenderFactory.create())
    prepared = catalog.prepare("messages", Selection(period=period()))

    found = read(downloads.as_csv(RequestFactory().get("/"), prepared))

    assert [row["Id"] for row in found] == [str(one.pk) for one in made]
    assert found[0]["Address"] == made[0].contact.phone
    assert found[0]["Our number"] == sender.phone


def test_a_stream_is_of_its_business_whatever_is_in_scope_when_it_is_sent(sender: Sender) -> None:
    mine = message(sender)
    other = SenderFactory.create()
    message(other)
    prepared = catalog.prepare("messages", Selection(period=period()))
    answer = downloads.as_csv(RequestFactory().get("/"), prepared)

    with tenancy.scope(other.business):
        found = read(answer)

    assert [row["Id"] for row in found] == [str(mine.pk)]


def test_outcomes_name_everyone_of_the_audience_with_the_reason(sender: Sender) -> None:
    sale = campaign(sender)
    sent = message(sender, 1, campaign=sale, status="read", read_at=NOON)
    failed = message(
        sender,
        2,
        campaign=sale,
        status="failed",
        error_code=131026,
        error_title="Cannot receive",
        contact=ContactFactory.create(business=sender.business, name='=cmd("x")'),
    )
    refused = ContactFactory.create(business=sender.business)
    waiting = ContactFactory.create(business=sender.business)
    for contact, message_id, code in (
        (sent.contact, sent.pk, ""),
        (failed.contact, failed.pk, ""),
        (refused, None, "opted_out"),
        (waiting, None, ""),
    ):
        CampaignRecipient.objects.create(
            campaign=sale, contact=contact, message_id=message_id, skip_code=code
        )
    prepared = catalog.campaign_outcomes(sale, period=period())

    found = {row["Phone number"]: row for row in read(downloads.as_csv(_plain(), prepared))}

    assert len(found) == 4
    assert found[sent.contact.phone]["Outcome"] == "read"
    assert found[failed.contact.phone]["What it means"] == "Cannot receive"
    assert found[failed.contact.phone]["Name"].startswith("'=")
    assert found[refused.phone]["Reason"] == "opted_out"
    assert found[refused.phone]["What it means"]
    assert found[waiting.phone]["Outcome"] == "waiting"


@pytest.mark.parametrize(
    ("by", "first"), [("day", "2026-11-17"), ("sender", None), ("template", "spring")]
)
def test_delivery_is_counted_from_the_roll_ups(sender: Sender, by: str, first: str | None) -> None:
    template = TemplateFactory.create(
        account=sender.account, business=sender.business, name="spring"
    )
    for metric, count in (("sent", 10), ("delivered", 5)):
        MessageHour.objects.create(
            business=sender.business,
            hour=NOON,
            sender_id=sender.pk,
            template_id=template.pk,
            category="marketing",
            metric=metric,
            count=count,
        )
    prepared = catalog.prepare("delivery", Selection(period=period(), by=by))

    (row,) = read(downloads.as_csv(_plain(), prepared))

    assert next(iter(row.values())) == (first or sender.phone)
    assert (row["Sent"], row["Delivered"], row["Delivery rate"]) == ("10", "5", "0.5000")


def test_delivery_by_campaign_adds_up_where_its_messages_stand(sender: Sender) -> None:
    sale = campaign(sender)
    for status, count in (("sent", 1), ("delivered", 2), ("read", 3), ("skipped", 4)):
        CampaignTally.objects.create(campaign=sale, status=status, count=count)
    prepared = catalog.prepare("delivery", Selection(period=period(), by="campaign"))

    (row,) = read(downloads.as_csv(_plain(), prepared))

    assert row["Campaign"] == "Spring sale"
    assert [row[name] for name in ("Queued", "Sent", "Delivered", "Read", "Skipped")] == [
        "6",
        "6",
        "5",
        "3",
        "4",
    ]


def test_a_report_that_cannot_be_made_is_refused_before_anything_is_sent(
    business: Business,
) -> None:
    with tenancy.across(tenancy.Door.COMMAND):
        other = campaign(SenderFactory.create())

    for name, selection, error in (
        ("nonsense", Selection(period=period()), InvalidInput),
        ("campaign_outcomes", Selection(period=period()), InvalidInput),
        ("campaign_outcomes", Selection(period=period(), campaign_id=other.pk), NotFound),
        ("delivery", Selection(period=period(), by="mood"), InvalidInput),
    ):
        with pytest.raises(error):
            catalog.prepare(name, selection)


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_a_client_takes_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "PAGE", 2)
    sender = SenderFactory.create()
    for seconds in range(5):
        message(sender, seconds)
    with tenancy.scope(sender.business):
        prepared = catalog.prepare("messages", Selection(period=period()))

    answer: Any = downloads.as_csv(_plain(), prepared)
    stream = iter(answer.streaming_content)
    next(stream), next(stream)

    assert connection.connection is None
    assert len(list(stream)) == 2


@pytest.mark.django_db(transaction=True)
async def test_under_asgi_pages_are_read_as_the_client_takes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from asgiref.sync import sync_to_async

    monkeypatch.setattr(rows, "PAGE", 2)
    prepared = await sync_to_async(_five_messages)()
    request = AsyncRequestFactory().get("/")
    assert isinstance(request, ASGIRequest)

    answer: Any = downloads.as_csv(request, prepared)
    chunks = [chunk async for chunk in answer]

    assert answer.is_async
    assert len(chunks) == 4
    assert b"".join(chunks).count(b"\r\n") == 6


def _five_messages() -> catalog.Prepared:
    sender = SenderFactory.create()
    for seconds in range(5):
        message(sender, seconds)
    with tenancy.scope(sender.business):
        return catalog.prepare("messages", Selection(period=period()))


def _plain() -> Any:
    return RequestFactory().get("/")


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_both_formats_come_over_the_api_and_leave_a_trace(cast: Cast) -> None:
    sender = SenderFactory.create(business=cast.business)
    made = message(sender)
    message(SenderFactory.create(business=cast.other_business))
    client = client_of(cast.alice)

    as_csv: Any = client.get(f"/api/reports/export/csv?report=messages&{DAY}")
    as_xlsx: Any = client.get(f"/api/reports/export/excel?report=messages&{DAY}")

    assert [row["Id"] for row in read(as_csv)] == [str(made.pk)]
    assert "messages-2026-11-17" in as_csv["Content-Disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(as_xlsx.streaming_content))).active
    assert sheet is not None
    assert [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] == [str(made.pk)]
    assert AuditEntry.objects.filter(action="report.exported").count() == 2


@pytest.mark.parametrize("route", ["csv", "excel"])
@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("", "report"),
        ("report=nonsense", "report"),
        ("report=delivery&status=sent", "status"),
        ("report=messages&by=day", "by"),
        ("report=messages&campaign=1", "campaign"),
        ("report=messages&status=lost", "status"),
        ("report=messages&from=x", "from"),
        ("report=campaign_outcomes", "campaign"),
    ],
)
def test_what_means_nothing_is_refused(cast: Cast, route: str, query: str, attr: str) -> None:
    answer = client_of(cast.alice).get(f"/api/reports/export/{route}?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr


def test_another_business_campaign_is_not_there_and_agents_see_no_reports(cast: Cast) -> None:
    foreign: UUID = campaign(SenderFactory.create(business=cast.other_business)).pk
    path = f"/api/reports/export/csv?report=campaign_outcomes&campaign={foreign}"

    assert client_of(cast.alice).get(path).status_code == 404
    assert client_of(cast.bob).get(path).status_code == 403
    assert client_of(cast.charlie).get(path).status_code == 200
    assert client_of(cast.add(Role.ANALYST)).get(path).status_code == 404
    assert APIClient().get(path).status_code == 401
