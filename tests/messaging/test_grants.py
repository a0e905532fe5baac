"""Permissions for one sender, one campaign, one list: held there and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Role, User
from messaging.campaigns.models import Campaign
from messaging.contacts.models import ContactList
from messaging.senders.models import Sender
from tests.factories.accounts import MembershipFactory, UserFactory
from tests.factories.cast import client_of
from tests.guards.tenants import Tenant, give, make_tenant

TEXT = {"type": "text", "text": {"body": "Hello"}}


@pytest.fixture
def ours(db: None) -> Tenant:
    return make_tenant("Lilium", 7_771_301, "+34611000001")


@pytest.fixture
def other(ours: Tenant) -> dict[str, Any]:
    """Return a second sender, campaign and list of the same business."""
    sender = Sender.across_businesses.create(
        business=ours.business, account=ours.account, phone_number_id="998877", phone="+34699887766"
    )
    return {
        "sender": sender,
        "campaign": Campaign.across_businesses.create(
            business=ours.business, name="Other", sender=sender, template=ours.template
        ),
        "list": ContactList.across_businesses.create(business=ours.business, name="Other"),
    }


def analyst(ours: Tenant, *permissions: str, on: tuple[str, Any]) -> tuple[APIClient, User]:
    """Return somebody whose role sees no messages and manages nothing, with these on one object."""
    user = ours.users[Role.ANALYST]
    with tenancy.scope(ours.business):
        give(ours, Role.ANALYST, *permissions, object_=on)
    return client_of(user), user


def page_of(user: User, ours: Tenant) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["business_id"] = str(ours.business.pk)
    session.save()
    return client


def ids(answer: Any) -> set[str]:
    return {row["id"] for row in answer.json()["results"]}


def test_limits_are_changed_for_the_sender_granted_and_no_other(
    ours: Tenant, other: dict[str, Any]
) -> None:
    client, _ = analyst(
        ours, "rate_limits.view", "rate_limits.manage", on=("sender", ours.sender.pk)
    )
    mine, theirs = ours.sender.phone_number_id, other["sender"].phone_number_id

    shown = client.get("/api/whatsapp/rate-limit").json()
    changed = [
        client.put("/api/whatsapp/rate-limit", {"sender": one, "per_hour": 7}).status_code
        for one in (mine, theirs)
    ]
    paused = [
        client.post("/api/whatsapp/rate-limit/pause", {"sender": one, "reason": "x"}).status_code
        for one in (mine, theirs)
    ]

    assert [row["sender"] for row in shown] == [mine]
    assert changed == paused == [200, 400]


def test_messages_of_the_sender_granted_are_seen_and_no_others(
    ours: Tenant, other: dict[str, Any]
) -> None:
    client, _ = analyst(ours, "messages.view", on=("sender", ours.sender.pk))

    listed = client.get("/api/whatsapp/messages")

    assert ids(listed) == {str(ours.message.pk)}
    assert client.get(f"/api/whatsapp/messages/{ours.message.pk}").status_code == 200
    assert client.get(f"/api/whatsapp/bulk-send/{ours.campaign.pk}").status_code == 200
    assert client.get(f"/api/whatsapp/bulk-send/{other['campaign'].pk}").status_code == 404


def test_messages_of_another_sender_are_not_found(ours: Tenant, other: dict[str, Any]) -> None:
    client, _ = analyst(ours, "messages.view", on=("sender", other["sender"].pk))

    assert ids(client.get("/api/whatsapp/messages")) == set()
    assert client.get(f"/api/whatsapp/messages/{ours.message.pk}").status_code == 404


def test_messages_are_sent_from_the_sender_granted_only(
    ours: Tenant, other: dict[str, Any]
) -> None:
    client, _ = analyst(ours, "messages.send", on=("sender", ours.sender.pk))
    to = {"contact": str(ours.contact.pk)}

    mine, theirs = (
        client.post("/api/whatsapp/send", TEXT | to | {"sender": one.phone_number_id})
        for one in (ours.sender, other["sender"])
    )

    assert mine.status_code in {202, 409}
    assert theirs.status_code == 403
    assert "for this sender" in theirs.json()["errors"][0]["detail"]


def test_a_campaign_is_controlled_by_whom_it_was_granted_to(
    ours: Tenant, other: dict[str, Any]
) -> None:
    client, _ = analyst(ours, "messages.bulk_send", on=("campaign", ours.campaign.pk))

    mine, theirs = (
        client.post(f"/api/whatsapp/bulk-send/{one.pk}/control", {"action": "cancel"})
        for one in (ours.campaign, other["campaign"])
    )

    assert (mine.status_code, theirs.status_code) == (200, 404)


def test_a_campaign_is_begun_from_the_sender_granted_only(
    ours: Tenant, other: dict[str, Any]
) -> None:
    client, _ = analyst(ours, "messages.bulk_send", on=("sender", ours.sender.pk))
    body = {
        "name": "Autumn",
        "template": {"name": ours.template.name, "language": ours.template.language},
        "audience": {"all": True},
        "dry_run": True,
    }

    mine, theirs = (
        client.post("/api/whatsapp/bulk-send", body | {"sender": one.phone_number_id})
        for one in (ours.sender, other["sender"])
    )

    assert mine.status_code != 403
    assert theirs.status_code == 403


def test_a_list_is_filled_by_whom_it_was_granted_to(ours: Tenant, other: dict[str, Any]) -> None:
    client, _ = analyst(
        ours, "contacts.view", "contacts.manage", on=("contact_list", other["list"].pk)
    )
    add = {"add": [str(ours.contact.pk)]}

    listed = client.get("/api/lists")
    statuses = [
        client.post(f"/api/lists/{one.pk}/contacts", add).status_code
        for one in (other["list"], ours.contact_list)
    ]

    assert ids(listed) == {str(other["list"].pk)}
    assert statuses == [200, 404]
    assert client.get(f"/api/lists/{ours.contact_list.pk}").status_code == 404
    assert client.post("/api/lists", {"name": "New"}).status_code == 403
    assert client.get("/api/contacts").status_code == 403


@pytest.mark.parametrize(
    ("permission", "kind", "page"),
    [
        ("messages.view", "campaign", "messaging/campaign"),
        ("contacts.view", "contact_list", "messaging/contactlist"),
    ],
)
def test_pages_list_and_open_what_was_granted(
    ours: Tenant, other: dict[str, Any], permission: str, kind: str, page: str
) -> None:
    mine, theirs = {
        "campaign": (ours.campaign, other["campaign"]),
        "contact_list": (ours.contact_list, other["list"]),
    }[kind]
    _, user = analyst(ours, permission, on=(kind, mine.pk))
    client = page_of(user, ours)

    listed = client.get(f"/admin/{page}/").content.decode()

    assert str(mine.pk) in listed
    assert str(theirs.pk) not in listed
    assert client.get(f"/admin/{page}/{mine.pk}/change/").status_code == 200
    assert client.get(f"/admin/{page}/{theirs.pk}/change/").status_code in {403, 404}


def test_the_buttons_of_a_page_are_for_the_row_granted(ours: Tenant, other: dict[str, Any]) -> None:
    _, user = analyst(ours, "rate_limits.manage", on=("sender", ours.sender.pk))
    client = page_of(user, ours)

    mine, theirs = (
        client.post(f"/admin/messaging/sender/{one.pk}/pause/", {"reason": "x"})
        for one in (ours.sender, other["sender"])
    )

    assert (mine.status_code, theirs.status_code) == (302, 403)
    other["sender"].refresh_from_db()
    assert other["sender"].paused_at is None


def test_the_steps_of_a_campaign_offer_and_take_the_sender_granted(
    ours: Tenant, other: dict[str, Any]
) -> None:
    _, user = analyst(ours, "messages.bulk_send", "messages.view", on=("sender", ours.sender.pk))
    client = page_of(user, ours)
    step = "/admin/messaging/campaign/plan/new/message/"
    given = {"name": "Autumn", "template": str(ours.template.pk)}

    page = client.get(step)
    refused = client.post(step, given | {"sender": str(other["sender"].pk)})
    taken = client.post(step, given | {"sender": str(ours.sender.pk)})

    assert str(other["sender"].pk) not in page.content.decode()
    assert (page.status_code, refused.status_code, taken.status_code) == (200, 200, 302)


def test_filters_offer_only_what_was_granted(ours: Tenant, other: dict[str, Any]) -> None:
    _, user = analyst(ours, "messages.view", "rate_limits.view", on=("sender", other["sender"].pk))
    client = page_of(user, ours)
    Campaign.across_businesses.filter(pk=ours.campaign.pk).update(name="Winter sale")

    for page in ("message", "senderevent"):
        shown = client.get(f"/admin/messaging/{page}/")

        assert shown.status_code == 200
        assert ours.sender.phone not in shown.content.decode()
        assert "Winter sale" not in shown.content.decode()
    assert other["campaign"].name in client.get("/admin/messaging/message/").content.decode()


def test_the_preview_of_a_campaign_is_for_whom_its_sender_was_granted(
    ours: Tenant, other: dict[str, Any]
) -> None:
    _, user = analyst(ours, "messages.bulk_send", on=("sender", other["sender"].pk))
    client = page_of(user, ours)
    preview = "/admin/messaging/campaign/plan/{}/variables/preview/"
    Campaign.across_businesses.update(audience={"all": True})

    mine, theirs = (
        client.post(preview.format(one.pk), {"person": "0"})
        for one in (other["campaign"], ours.campaign)
    )

    assert theirs.status_code == 403
    assert mine.status_code == 200


def test_a_grant_in_one_business_opens_nothing_in_another(ours: Tenant) -> None:
    theirs = make_tenant("Zwetschge", 7_772_402, "+34611000002")
    user = UserFactory.create()
    MembershipFactory.create(business=theirs.business, user=user, role=Role.ANALYST)
    with tenancy.scope(ours.business):
        give(ours, Role.ANALYST, "messages.view", object_=("sender", ours.sender.pk))

    answer = client_of(user).get("/api/whatsapp/messages")

    assert answer.status_code == 403
