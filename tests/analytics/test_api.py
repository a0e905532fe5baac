"""The analytics routes, as a client sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Role
from analytics.models import MessageHour
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.messaging import SenderFactory
from tests.factories.templates import TemplateFactory

ROUTES = ("overview", "whatsapp", "whatsapp/hourly", "whatsapp/templates")
DAY = "from=2026-11-17&to=2026-11-17&tz=UTC"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def client(cast: Cast) -> APIClient:
    return client_of(cast.alice)


def fill(business: Any, **counts: int) -> Any:
    sender = SenderFactory.create(business=business)
    account = WhatsAppAccountFactory.create(business=business)
    template = TemplateFactory.create(account=account, business=business, name="welcome")
    for metric, count in counts.items():
        MessageHour.across_businesses.create(
            business=business,
            hour=datetime(2026, 11, 17, 9, tzinfo=UTC),
            sender_id=sender.pk,
            template_id=template.pk,
            category="marketing",
            metric=metric,
            count=count,
        )
    return sender


def get(client: APIClient, route: str, query: str = DAY) -> Any:
    return client.get(f"/api/analytics/{route}?{query}")


def test_the_numbers_are_those_of_the_business_only(cast: Cast, client: APIClient) -> None:
    sender = fill(cast.business, sent=10, delivered=8, read=4)
    fill(cast.other_business, sent=500)

    body = get(client, "whatsapp").json()

    assert body["totals"]["sent"] == 10
    assert body["totals"]["delivery_rate"] == 0.8
    assert body["totals"]["read_rate"] == 0.5
    assert [row["id"] for row in body["senders"]] == [str(sender.pk)]
    assert [row["sent"] for row in body["series"]] == [10]
    assert body["series"][0]["at"].startswith("2026-11-17T00:00:00")
    assert body["previous"] is None


def test_the_period_before_stands_beside_when_asked_for(cast: Cast, client: APIClient) -> None:
    fill(cast.business, sent=10)

    body = get(client, "overview", "from=2026-11-18&to=2026-11-18&tz=UTC&compare=previous").json()

    assert body["totals"]["sent"] == 0
    assert body["previous"]["totals"]["sent"] == 10
    assert body["previous"]["end"] == body["period"]["start"] == "2026-11-18T00:00:00Z"


def test_templates_and_hours_are_shown_by_name_and_weekday(cast: Cast, client: APIClient) -> None:
    fill(cast.business, sent=10)

    templates = get(client, "whatsapp/templates").json()["templates"]
    hourly = get(client, "whatsapp/hourly").json()

    assert [(row["name"], row["sent"]) for row in templates] == [("welcome", 10)]
    assert len(hourly["cells"]) == 168
    assert [(row["weekday"], row["hour"]) for row in hourly["busiest_sent"]] == [(2, 9)]
    assert hourly["busiest_received"] == []


def test_filters_narrow_the_numbers(cast: Cast, client: APIClient) -> None:
    sender = fill(cast.business, sent=10, failed=2)
    fill(cast.business, sent=3)

    by_sender = get(client, "whatsapp", f"{DAY}&sender={sender.pk}").json()
    by_category = get(client, "whatsapp", f"{DAY}&category=utility").json()

    assert by_sender["totals"]["sent"] == 10
    assert by_category["totals"]["sent"] == 0


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("status=sent", "status"),
        ("limit=5", "limit"),
        ("tz=Nowhere", "tz"),
        ("from=2026-11-20&to=2026-11-01", "from"),
        ("compare=next", "compare"),
        ("sender=1", "sender"),
        ("category=spam", "category"),
    ],
)
def test_what_means_nothing_is_refused(
    client: APIClient, route: str, query: str, attr: str
) -> None:
    answer = get(client, route, query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr


@pytest.mark.parametrize("route", ROUTES)
def test_only_who_may_see_analytics_does(cast: Cast, route: str) -> None:
    agent, analyst = client_of(cast.bob), client_of(cast.add(Role.ANALYST))

    assert get(agent, route).status_code == 403
    assert "analytics.view" in get(agent, route).json()["errors"][0]["detail"]
    assert get(analyst, route).status_code == 200
    assert get(APIClient(), route).status_code == 401
