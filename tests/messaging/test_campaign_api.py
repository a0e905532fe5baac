"""The bulk-send routes: what a program that starts campaigns sees."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Role, User
from compliance.models import AuditEntry
from messaging.campaigns import outcomes, settle
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts.models import Contact
from messaging.messages.models import Message
from templates_mgmt.models import Template
from tests.factories.accounts import MembershipFactory, UserFactory
from tests.factories.campaigns import advance, crowd, draft, launch, reload
from tests.factories.cast import client_of
from tests.factories.compliance import opt_in
from tests.messaging.pump import TEMPLATE, Pump
from tests.sandbox import SandboxProcess

URL = "/api/whatsapp/bulk-send"


def _member(pump: Pump, role: Role) -> User:
    user = UserFactory.create()
    MembershipFactory.create(business=pump.business, user=user, role=role)
    return user


@pytest.fixture
def alice(pump: Pump) -> APIClient:
    """Return the client of the business's owner."""
    return client_of(_member(pump, Role.OWNER))


def _body(**fields: Any) -> dict[str, Any]:
    return {"name": "Autumn", "template": {"name": TEMPLATE, "language": "en_US"}, **fields}


def test_a_campaign_to_recipients_goes_out_and_says_who_was_skipped(
    pump: Pump, sandbox: SandboxProcess, alice: APIClient
) -> None:
    opt_in(pump.business, "+34611000001")
    to = ["+34 611 00 00 01", "0034611000001", "nobody", "+34611000002"]

    answer = alice.post(URL, _body(recipients=[{"to": one} for one in to]))
    campaign = Campaign.across_businesses.get(pk=answer.json()["id"])
    advance(campaign)
    pump.run()

    assert answer.status_code == 202
    assert answer.json() == {
        "id": str(campaign.pk),
        "status": "launching",
        "total": 4,
        "accepted": 1,
        "skipped": {"duplicate": 1, "invalid_recipient": 1, "consent_missing": 1},
        "estimated_cost": None,
        "estimated_duration_s": 1,
    }
    assert len(sandbox.accepted()) == 1


def test_a_dry_run_counts_and_writes_nothing(pump: Pump, alice: APIClient) -> None:
    opt_in(pump.business, "+34611000001")
    to = ["+34611000001", "+34611000001", "nobody", "+34611000002"]

    answer = alice.post(URL, _body(recipients=[{"to": one} for one in to], dry_run=True))

    body = answer.json()
    assert answer.status_code == 200
    assert body["skipped"] == {"duplicate": 1, "invalid_recipient": 1, "consent_missing": 1}
    assert (body["id"], body["total"], body["accepted"]) == (None, 4, 1)
    assert [one["code"] for one in body["skipped_sample"]] == [
        "duplicate",
        "invalid_recipient",
        "consent_missing",
    ]
    assert body["samples"][0]["preview"]["body"] == "Thanks for your order."
    assert not Campaign.across_businesses.exists()
    assert not Contact.across_businesses.exists()
    assert not AuditEntry.objects.filter(action__startswith="campaign").exists()


def test_a_dry_run_counts_a_template_that_is_not_approved(pump: Pump, alice: APIClient) -> None:
    crowd(pump.business, 3)
    Template.across_businesses.update(status="pending")

    dry = alice.post(URL, _body(audience={"all": True}, dry_run=True))
    wet = alice.post(URL, _body(audience={"all": True}))

    assert dry.json()["skipped"] == {"template_not_approved": 3}
    assert (wet.status_code, wet.json()["errors"][0]["code"]) == (409, "template_not_approved")
    assert not Campaign.across_businesses.exists()


def test_the_same_key_starts_one_campaign(pump: Pump, alice: APIClient) -> None:
    crowd(pump.business, 3)
    body = _body(audience={"all": True})

    first = alice.post(URL, body, headers={"Idempotency-Key": "k1"})
    again = alice.post(URL, body, headers={"Idempotency-Key": "k1"})

    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Campaign.across_businesses.count() == 1


def test_progress_and_control(pump: Pump, sandbox: SandboxProcess, alice: APIClient) -> None:
    crowd(pump.business, 5)
    campaign = launch(draft(pump.sender, pump.template))
    url = f"{URL}/{campaign.pk}"

    paused = alice.post(f"{url}/control", {"action": "pause"})
    repeated = alice.post(f"{url}/control", {"action": "pause"})
    resumed = alice.post(f"{url}/control", {"action": "resume"})
    advance(campaign)
    pump.run()
    settle.sweep(now=timezone.now())
    done = alice.get(url).json()
    too_late = alice.post(f"{url}/control", {"action": "cancel"})

    assert [one.json()["status"] for one in (paused, repeated)] == ["paused", "paused"]
    assert resumed.json()["status"] == "running"
    assert (done["status"], done["percent"], done["total"]) == ("completed", 100, 5)
    assert done["counts"]["sent"] == 5
    assert done["waiting"] == 0
    assert (too_late.status_code, too_late.json()["errors"][0]["code"]) == (409, "campaign_over")


def test_a_scheduled_campaign_waits_for_its_time(pump: Pump, alice: APIClient) -> None:
    crowd(pump.business, 2)

    answer = alice.post(URL, _body(audience={"all": True}, scheduled_at="2099-01-01T08:00:00Z"))

    campaign = Campaign.across_businesses.get()
    assert (answer.status_code, answer.json()["status"]) == (202, "scheduled")
    assert answer.json()["accepted"] == 2
    assert (campaign.status, campaign.launched_at) == ("scheduled", None)


@pytest.mark.parametrize(
    ("fields", "attr"),
    [
        ({}, "recipients"),
        ({"recipients": [], "dry_run": True}, "recipients"),
        ({"recipients": [{"to": "+34611000001"}], "audience": {"all": True}}, "recipients"),
        ({"recipients": [{"two": "+34611000001"}]}, "recipients"),
        ({"recipients": [{"to": "1"}] * 10_001}, "recipients"),
        ({"audience": {"tag": "nope"}}, "audience.tag"),
        ({"audience": {"all": True}, "variables": {"9": "x"}}, "variables.9"),
        ({"audience": {"all": True}, "sender": "1234"}, "sender"),
        ({"audience": {"all": True}, "scheduled_at": "soon"}, "scheduled_at"),
        ({"audience": {"all": True}, "scheduled_at": "9999-12-31T23:59:59Z"}, "scheduled_at"),
        ({"audience": {"all": True}, "not_after": "2020-01-01T00:00:00Z"}, "not_after"),
        ({"audience": {"all": True}, "not_after": "9999-12-31T23:59:59Z"}, "not_after"),
        (
            {"audience": {"all": True}, "not_after": "2020-01-01T00:00:00Z", "dry_run": True},
            "not_after",
        ),
    ],
)
def test_bad_input_is_refused_by_field(
    pump: Pump, alice: APIClient, fields: dict[str, Any], attr: str
) -> None:
    crowd(pump.business, 1)

    answer = alice.post(URL, _body(**fields))

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr
    assert not Campaign.across_businesses.exists()


def test_a_draft_whose_last_time_passed_is_not_launched(pump: Pump, alice: APIClient) -> None:
    crowd(pump.business, 1)
    campaign = draft(pump.sender, pump.template)
    Campaign.across_businesses.update(not_after=timezone.now())

    answer = alice.post(f"{URL}/{campaign.pk}/control", {"action": "launch"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "not_after"
    assert reload(campaign).status == "draft"


def test_an_agent_may_look_but_not_start_or_stop(pump: Pump) -> None:
    crowd(pump.business, 2)
    campaign = launch(draft(pump.sender, pump.template))
    bob = client_of(_member(pump, Role.AGENT))

    started = bob.post(URL, _body(audience={"all": True}))
    stopped = bob.post(f"{URL}/{campaign.pk}/control", {"action": "cancel"})

    assert (started.status_code, stopped.status_code) == (403, 403)
    assert bob.get(f"{URL}/{campaign.pk}").status_code == 200
    assert reload(campaign).status == "running"


def test_another_businesss_campaign_is_not_there(pump: Pump) -> None:
    crowd(pump.business, 2)
    campaign = launch(draft(pump.sender, pump.template))
    charlie = UserFactory.create()
    MembershipFactory.create(user=charlie, role=Role.OWNER)
    client = client_of(charlie)

    assert client.get(f"{URL}/{campaign.pk}").status_code == 404
    control = client.post(f"{URL}/{campaign.pk}/control", {"action": "cancel"})
    assert control.status_code == 404
    assert reload(campaign).status == "running"


def test_a_campaign_of_one_business_leaves_the_others_people_alone(pump: Pump) -> None:
    crowd(pump.business, 2)
    other = UserFactory.create()
    membership = MembershipFactory.create(user=other, role=Role.OWNER)
    theirs = crowd(membership.business, 2)

    campaign = launch(draft(pump.sender, pump.template))

    assert campaign.total == 2
    assert not CampaignRecipient.objects.filter(contact_id__in=theirs).exists()
    assert not Message.across_businesses.filter(business=membership.business).exists()


def test_outcomes_download_as_lines_no_spreadsheet_runs(pump: Pump) -> None:
    pump.person("+34611000001", name="=cmd()")
    campaign = launch(draft(pump.sender, pump.template))

    header, line = outcomes.csv_lines(campaign)

    assert header.startswith("\ufeffcontact,name,address,outcome,code")
    assert ",'=cmd(),+34611000001,queued," in line
