"""Who decides about a campaign sees whom it would write to, as far as they may know them."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import approvals, tenancy
from accounts.access import Access
from accounts.approvals import ApprovalRequired
from accounts.models import Approval, Role, User
from messaging.campaigns.models import Campaign
from messaging.campaigns.recipients import Recipient
from messaging.contacts.models import ContactImport
from tests.factories.accounts import MembershipFactory, UserFactory
from tests.factories.campaigns import crowd, draft
from tests.factories.cast import client_of
from tests.messaging.pump import Pump
from tests.messaging.test_campaign_approval import (
    NAMED,
    add_one,
    demand,
    greeting,
    launch,
    manager,
    page_of,
    text_of,
    to_list,
    user_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(pump: Pump) -> dict[str, Access]:
    """Return two managers of a business that wants two people for every campaign."""
    demand(pump.business)
    return {name: manager(pump.business, name) for name in ("mara", "nils")}


def asked_about(campaign: Campaign, people: dict[str, Access]) -> Approval:
    with pytest.raises(ApprovalRequired):
        launch(campaign, people["mara"])
    found: Approval = Approval.across_businesses.get(status="open")
    return found


def told(row: Approval, reader: User) -> Any:
    return client_of(reader).get(f"/api/approvals/{row.pk}").json()["people"]


def test_who_decides_sees_the_first_twenty_people_and_how_many_there_are(
    pump: Pump, people: dict[str, Access]
) -> None:
    crowd(pump.business, 23)
    campaign = draft(pump.sender, greeting(pump), audience={"all": True}, variables=NAMED)
    row = asked_about(campaign, people)
    nils = user_of(people, "nils")

    found = told(row, nils)
    page = text_of(page_of(nils), reverse("admin:accounts_approval_change", args=[row.pk]))

    assert (len(found["first"]), found["total"]) == (20, 23)
    assert found["first"][0] == {"name": "Person 000000", "to": "+34•••••0000"}
    assert "the first 20 of 23" in page
    assert [one for one in found["first"] if one["name"] not in page or one["to"] not in page] == []
    assert "Person 000020" not in page
    assert "34600" not in page


@pytest.mark.parametrize("kind", ["by_hand", "list", "import"])
def test_people_named_by_hand_by_list_and_by_file_are_shown(
    pump: Pump, people: dict[str, Access], kind: str
) -> None:
    campaign, found = to_list(pump)
    if kind == "by_hand":
        named = [Recipient(f"+3461234500{n}", {"1": "you"}) for n in range(3)]
        campaign = draft(pump.sender, campaign.template, recipients=[*named, Recipient("none")])
    if kind == "import":
        held = ContactImport.across_businesses.create(
            business=pump.business, filename="a.csv", list=found
        )
        spec = {"import": str(held.pk)}
        campaign = draft(pump.sender, campaign.template, audience=spec, variables=NAMED)
    row = asked_about(campaign, people)

    shown = told(row, user_of(people, "nils"))

    assert (len(shown["first"]), shown["total"]) == (3, 3)


def test_the_people_shown_are_those_of_this_moment(pump: Pump, people: dict[str, Access]) -> None:
    campaign, found = to_list(pump)
    row = asked_about(campaign, people)
    nils = user_of(people, "nils")
    before = told(row, nils)["total"]
    add_one(pump, found)

    assert (before, told(row, nils)["total"]) == (3, 4)


def test_nobody_is_shown_of_a_request_that_has_ended(pump: Pump, people: dict[str, Access]) -> None:
    campaign, _ = to_list(pump)
    row = asked_about(campaign, people)
    nils = user_of(people, "nils")
    client_of(nils).post(f"/api/approvals/{row.pk}/reject", {"reason": "Not now."})

    assert told(row, nils) is None


@pytest.mark.parametrize(
    ("held", "sees", "names"),
    [
        ({}, False, False),
        ({"campaign": "messages.view"}, True, False),
        ({"sender": "messages.bulk_send", "contact_list": "contacts.view"}, True, True),
        ({"contact_list": "contacts.view"}, False, False),
    ],
)
def test_what_is_granted_for_single_objects_decides_who_is_shown(
    pump: Pump, people: dict[str, Access], held: dict[str, str], sees: bool, names: bool
) -> None:
    campaign, found = to_list(pump)
    row = asked_about(campaign, people)
    own = {"campaign": campaign, "sender": pump.sender, "contact_list": found}
    reader = Access(
        people["nils"].user,
        None,
        pump.business,
        frozenset(),
        {name: {kind: frozenset({str(own[kind].pk)})} for kind, name in held.items()},
    )

    with tenancy.scope(pump.business):
        shown = approvals.find_people(row, by=reader, now=timezone.now())

    assert (shown is not None) is sees
    assert all(bool(one.name) is names for one in (shown.first if shown else ()))
    assert all("•" in one.address for one in (shown.first if shown else ()))


def test_the_list_of_requests_reads_nobody(pump: Pump, people: dict[str, Access]) -> None:
    campaign, _ = to_list(pump)
    asked_about(campaign, people)

    answer = client_of(user_of(people, "nils")).get("/api/approvals").json()["results"]

    assert "people" not in answer[0]


def test_the_page_of_a_campaign_links_to_the_request_for_who_may_see_it(
    pump: Pump, people: dict[str, Access]
) -> None:
    campaign, _ = to_list(pump)
    row = asked_about(campaign, people)
    agent: User = UserFactory.create(email="olga@example.com", name="Olga")
    MembershipFactory.create(business=pump.business, user=agent, role=Role.AGENT)
    url = reverse("admin:messaging_campaign_change", args=[campaign.pk])
    link = reverse("admin:accounts_approval_change", args=[row.pk])

    seen = [link in text_of(page_of(one), url) for one in (user_of(people, "nils"), agent)]

    assert seen == [True, False]
    assert page_of(agent).get(link).status_code == 404


@pytest.mark.parametrize("step", ["approve", "reject", "withdraw"])
def test_no_answer_to_a_decision_keeps_people(
    pump: Pump, people: dict[str, Access], step: str
) -> None:
    crowd(pump.business, 3)
    campaign = draft(pump.sender, greeting(pump), audience={"all": True}, variables=NAMED)
    row = asked_about(campaign, people)
    client = client_of(user_of(people, "mara" if step == "withdraw" else "nils"))
    given = {"reason": "Not now."} if step == "reject" else {}

    first, again = (
        client.post(f"/api/approvals/{row.pk}/{step}", given, HTTP_IDEMPOTENCY_KEY="once")
        for _ in range(2)
    )

    assert (first.status_code, again["Idempotency-Replayed"]) == (200, "true")
    assert "Person" not in first.content.decode() + again.content.decode()
    assert "people" not in first.json()
