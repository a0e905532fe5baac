"""A campaign that a second person agreed to goes out exactly as it was, or not at all."""

from __future__ import annotations

import itertools
import threading
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import approvals, holdings, tenancy
from accounts.access import Access
from accounts.approvals import ApprovalRequired, ApprovalVoid
from accounts.models import Approval, Business, Role, SecurityPolicy, User
from config.lib.errors import InvalidInput
from messaging.campaigns import fanout, run
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.campaigns.recipients import Recipient
from messaging.campaigns.verdicts import PAGE
from messaging.contacts.models import Contact, ContactList, ListEntry
from messaging.messages.models import Message
from templates_mgmt.models import Template
from tests.factories.accounts import MembershipFactory, UserFactory
from tests.factories.campaigns import advance, crowd, draft, reload
from tests.factories.cast import client_of
from tests.factories.compliance import opt_out
from tests.factories.templates import TemplateFactory
from tests.messaging.pump import TEMPLATE, Pump

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/whatsapp/bulk-send"
GREETING = [{"type": "BODY", "text": "Hello {{1}}", "example": {"body_text": [["Ana"]]}}]
NAMED = {"1": {"field": "name", "default": "friend"}}


@pytest.fixture
def people(pump: Pump) -> dict[str, Access]:
    """Return two managers of a business that wants two people for every campaign."""
    demand(pump.business)
    return {name: manager(pump.business, name) for name in ("mara", "nils")}


def demand(business: Business, **limits: Any) -> None:
    with tenancy.scope(business):
        SecurityPolicy.objects.create(business=business, two_person=["campaign"], **limits)


def manager(business: Business, name: str) -> Access:
    user: User = UserFactory.create(email=f"{name}@example.com", name=name.title())
    MembershipFactory.create(business=business, user=user, role=Role.MANAGER)
    return Access(user, None, business, holdings.effective(user, business))


def greeting(pump: Pump) -> Template:
    template: Template = TemplateFactory.create(
        account=pump.sender.account, name="greeting", components=GREETING
    )
    return template


def to_list(pump: Pump, size: int = 3) -> tuple[Campaign, ContactList]:
    """Return a draft to a list, in which each reads their name."""
    found = ContactList.across_businesses.create(business=pump.business, name="Autumn")
    for contact_id in crowd(pump.business, size):
        put_on(found, contact_id)
    audience = {"list": str(found.pk)}
    return draft(pump.sender, greeting(pump), audience=audience, variables=NAMED), found


def put_on(found: ContactList, contact_id: Any) -> None:
    ListEntry.across_businesses.create(
        business_id=found.business_id, list=found, contact_id=contact_id
    )


def launch(campaign: Campaign, by: Access) -> Campaign:
    with tenancy.scope(campaign.business_id):
        return run.launch(campaign, by=run.Actor.of(by), now=timezone.now())


def get_approved(campaign: Campaign, people: dict[str, Access]) -> Approval:
    """Have Mara ask and Nils approve."""
    with pytest.raises(ApprovalRequired):
        launch(campaign, people["mara"])
    with tenancy.scope(campaign.business_id):
        row: Approval = Approval.objects.get(status="open")
        return approvals.approve(approval=row, by=people["nils"], now=timezone.now())


def sent(campaign: Campaign) -> int:
    return Message.across_businesses.filter(campaign_id=campaign.pk).count()


def test_an_approved_campaign_goes_out(pump: Pump, people: dict[str, Access]) -> None:
    campaign, _ = to_list(pump)
    row = get_approved(campaign, people)

    launch(campaign, people["mara"])
    advance(campaign)

    assert (reload(campaign).status, sent(campaign)) == ("running", 3)
    row = Approval.across_businesses.get(pk=row.pk)
    assert row.status == "used"
    assert ["People", "3"] in row.summary
    assert ["Text", "Hello {{1}}"] in row.summary


def test_without_the_rule_nobody_is_asked(pump: Pump) -> None:
    mara = manager(pump.business, "mara")
    campaign, _ = to_list(pump)

    launch(campaign, mara)

    assert reload(campaign).approved is None


def test_a_small_campaign_needs_nobody(pump: Pump) -> None:
    demand(pump.business, campaign_people=3)
    mara = manager(pump.business, "mara")
    campaign, _ = to_list(pump, 3)
    other = draft(pump.sender, pump.template, audience={"all": True})
    crowd(pump.business, 1, first=50)

    launch(campaign, mara)

    assert reload(campaign).status == "launching"
    with pytest.raises(ApprovalRequired):
        launch(other, mara)


def change_name(pump: Pump, found: ContactList) -> None:
    contact = Contact.across_businesses.filter(business=pump.business).order_by("pk")[1]
    Contact.across_businesses.filter(pk=contact.pk).update(name="Somebody Else")


def change_phone(pump: Pump, found: ContactList) -> None:
    contact = Contact.across_businesses.filter(business=pump.business).order_by("pk")[1]
    Contact.across_businesses.filter(pk=contact.pk).update(phone="+34699000111")


def add_one(pump: Pump, found: ContactList) -> None:
    put_on(found, crowd(pump.business, 1, first=70)[0])


def drop_one(pump: Pump, found: ContactList) -> None:
    entry = ListEntry.across_businesses.filter(list=found).first()
    assert entry is not None
    entry.delete()


def exchange_one(pump: Pump, found: ContactList) -> None:
    drop_one(pump, found)
    add_one(pump, found)


def change_template(pump: Pump, found: ContactList) -> None:
    changed = [{**GREETING[0], "text": "Hello {{1}}, buy now"}]
    Template.across_businesses.filter(name="greeting").update(components=changed)


CHANGES = {
    "a value": (change_name, ["the recipients' values"]),
    "an address": (change_phone, ["the recipients"]),
    "one more": (add_one, ["the recipients", "the recipients' values"]),
    "one less": (drop_one, ["the recipients", "the recipients' values"]),
    "another one": (exchange_one, ["the recipients", "the recipients' values"]),
    "the template": (change_template, ["the template"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_after_the_approval_refuses_the_launch_and_is_named(
    pump: Pump, people: dict[str, Access], change: str
) -> None:
    campaign, found = to_list(pump)
    get_approved(campaign, people)
    do, names = CHANGES[change]
    do(pump, found)

    with pytest.raises(ApprovalVoid) as refused:
        launch(campaign, people["mara"])

    assert refused.value.extra["changed"] == names
    assert "changed after Nils approved it" in refused.value.detail
    assert (reload(campaign).status, sent(campaign)) == ("draft", 0)
    statuses = Approval.across_businesses.order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["void", "open"]


PLANS: dict[str, dict[str, Any]] = {
    "the variables": {"variables": {"1": {"field": "name", "default": "neighbour"}}},
    "the last time to send": {"not_after": timezone.now() + timedelta(days=2)},
    "the recipients": {"audience": {"all": True}},
}


@pytest.mark.parametrize("part", PLANS)
def test_a_change_of_the_plan_voids_the_approval_at_once(
    pump: Pump, people: dict[str, Access], part: str
) -> None:
    campaign, _ = to_list(pump)
    crowd(pump.business, 1, first=90)
    row = get_approved(campaign, people)

    with tenancy.scope(pump.business):
        plan = {"audience": campaign.audience, "variables": campaign.variables} | PLANS[part]
        template = Template.objects.get(name="greeting")
        run.update(
            campaign,
            run.Plan(name="Other", sender=pump.sender, template=template, **plan),
            by=run.Actor.of(people["mara"]),
            now=timezone.now(),
        )

    assert Approval.across_businesses.get(pk=row.pk).status == "void"
    with pytest.raises(ApprovalVoid, match=part.capitalize()):
        launch(campaign, people["mara"])


def test_another_name_of_the_campaign_is_no_change(pump: Pump, people: dict[str, Access]) -> None:
    campaign, _ = to_list(pump)
    get_approved(campaign, people)
    Campaign.across_businesses.update(name="Winter")

    assert launch(campaign, people["mara"]).status == "launching"


def test_a_value_given_for_one_person_is_part_of_it(pump: Pump, people: dict[str, Access]) -> None:
    named = [Recipient(f"+3461234500{n}", {"1": f"Person {n}"}) for n in range(3)]
    campaign = draft(pump.sender, greeting(pump), recipients=named)
    get_approved(campaign, people)
    line = CampaignRecipient.objects.filter(campaign=campaign).first()
    assert line is not None
    CampaignRecipient.objects.filter(pk=line.pk).update(values={"1": "Person X"})

    with pytest.raises(ApprovalVoid) as refused:
        launch(campaign, people["mara"])

    assert refused.value.extra["changed"] == ["the recipients' values"]


def test_consent_that_is_withdrawn_changes_no_approval(
    pump: Pump, people: dict[str, Access]
) -> None:
    campaign, _ = to_list(pump)
    get_approved(campaign, people)
    opt_out(pump.business, "+34600000001")

    launch(campaign, people["mara"])
    advance(campaign)

    assert sent(campaign) == 2


def test_the_approver_does_not_launch_it(pump: Pump, people: dict[str, Access]) -> None:
    campaign, _ = to_list(pump)
    get_approved(campaign, people)

    with pytest.raises(ApprovalRequired, match="somebody else"):
        launch(campaign, people["nils"])


def test_what_changes_after_the_launch_is_not_sent(pump: Pump, people: dict[str, Access]) -> None:
    campaign, found = to_list(pump)
    get_approved(campaign, people)
    launch(campaign, people["mara"])
    change_name(pump, found)

    advance(campaign)

    held = reload(campaign)
    assert (held.status, sent(campaign)) == ("paused", 0)
    assert "approval no longer fits" in held.pause_reason


def test_the_rest_of_a_stopped_campaign_is_asked_for_again(
    pump: Pump, people: dict[str, Access]
) -> None:
    campaign, found = to_list(pump)
    get_approved(campaign, people)
    launch(campaign, people["mara"])
    change_name(pump, found)
    advance(campaign)

    def resume() -> None:
        with tenancy.scope(pump.business):
            run.resume(campaign, by=run.Actor.of(people["mara"]), now=timezone.now())

    with pytest.raises(ApprovalRequired):
        resume()
    with tenancy.scope(pump.business):
        row = Approval.objects.get(status="open")
        approvals.approve(approval=row, by=people["nils"], now=timezone.now())
    resume()
    advance(campaign)

    assert sent(campaign) == 3


def to_many(pump: Pump) -> Campaign:
    """Return a draft to more people than are read, and queued, at once."""
    crowd(pump.business, 2 * PAGE + 500)
    return draft(pump.sender, greeting(pump), audience={"all": True}, variables=NAMED)


def advance_once(campaign: Campaign) -> None:
    """Queue one page."""
    moments = itertools.chain([0, 0, 0], itertools.repeat(99))
    now = timezone.now()
    with tenancy.scope(campaign.business_id):
        fanout.advance(
            campaign.pk, clock=lambda: now + timedelta(seconds=next(moments)), seconds=60
        )


def test_many_people_are_compared_page_by_page(pump: Pump, people: dict[str, Access]) -> None:
    campaign = to_many(pump)
    get_approved(campaign, people)
    launch(campaign, people["mara"])
    advance_once(campaign)
    last = Contact.across_businesses.filter(business=pump.business).order_by("-pk").first()
    assert last is not None
    Contact.across_businesses.filter(pk=last.pk).update(name="Somebody Else")

    advance(campaign)

    held = reload(campaign)
    assert held.approved is not None
    assert len(held.approved["pages"]) == 3
    assert (held.status, sent(campaign)) == ("paused", 2 * PAGE)


def test_a_paused_campaign_that_is_as_approved_goes_on_without_asking(
    pump: Pump, people: dict[str, Access]
) -> None:
    campaign = to_many(pump)
    get_approved(campaign, people)
    launch(campaign, people["mara"])
    advance_once(campaign)

    with tenancy.scope(pump.business):
        mara = run.Actor.of(people["mara"])
        run.pause(campaign, reason="Lunch", by=mara, now=timezone.now())
        run.resume(campaign, by=mara, now=timezone.now())
    advance(campaign)

    assert sent(campaign) == 2 * PAGE + 500


def test_a_change_that_waits_for_the_launch_stops_it_afterwards(
    pump: Pump, people: dict[str, Access]
) -> None:
    """The change is written before the launch looks and committed after the launch did."""
    campaign, found = to_list(pump)
    get_approved(campaign, people)
    is_written, may_commit = threading.Event(), threading.Event()

    def change() -> None:
        with tenancy.scope(pump.business), transaction.atomic():
            change_name(pump, found)
            is_written.set()
            may_commit.wait(20)
        connection.close()

    other = threading.Thread(target=change)
    other.start()
    assert is_written.wait(20)
    launch(campaign, people["mara"])
    may_commit.set()
    other.join()
    advance(campaign)

    assert (reload(campaign).status, sent(campaign)) == ("paused", 0)


def test_a_change_of_the_plan_waits_for_the_launch(pump: Pump, people: dict[str, Access]) -> None:
    """Whichever of the two takes the campaign's row first: what leaves is what was approved."""
    campaign, _ = to_list(pump)
    get_approved(campaign, people)
    barrier = threading.Barrier(2)
    outcomes: dict[str, str] = {}

    def attempt(name: str, step: Any) -> None:
        barrier.wait()
        try:
            step()
            outcomes[name] = "done"
        except Exception as error:
            outcomes[name] = getattr(error, "code", type(error).__name__)
        finally:
            connection.close()

    def change() -> None:
        with tenancy.scope(pump.business):
            run.update(
                campaign,
                run.Plan(
                    name="Autumn",
                    sender=pump.sender,
                    template=campaign.template,
                    audience=campaign.audience,
                    variables={"1": {"value": "you"}},
                ),
                by=run.Actor.of(people["mara"]),
                now=timezone.now(),
            )

    steps = {"launch": lambda: launch(campaign, people["mara"]), "change": change}
    threads = [threading.Thread(target=attempt, args=pair) for pair in steps.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes in (
        {"launch": "done", "change": "already_launched"},
        {"launch": "approval_void", "change": "done"},
    )


def test_a_planned_campaign_starts_as_approved(pump: Pump, people: dict[str, Access]) -> None:
    campaign, _ = to_list(pump)
    at = timezone.now() + timedelta(hours=1)

    held = plan_approved(campaign, people, at)

    assert start(held, at) == "launching"


def test_a_planned_campaign_that_changed_does_not_start(
    pump: Pump, people: dict[str, Access]
) -> None:
    campaign, found = to_list(pump)
    at = timezone.now() + timedelta(hours=1)
    held = plan_approved(campaign, people, at)
    change_name(pump, found)

    assert start(held, at) == "paused"
    held = reload(campaign)
    assert "changed after Nils approved it" in held.pause_reason
    assert [one.status for one in Approval.across_businesses.all()] == ["void"]


def test_a_campaign_cannot_be_planned_past_the_end_of_an_approval(
    pump: Pump, people: dict[str, Access]
) -> None:
    campaign, _ = to_list(pump)

    with tenancy.scope(pump.business), pytest.raises(InvalidInput, match="7 days"):
        run.schedule(
            campaign,
            at=timezone.now() + timedelta(days=8),
            by=run.Actor.of(people["mara"]),
            now=timezone.now(),
        )


def plan_approved(campaign: Campaign, people: dict[str, Access], at: Any) -> Campaign:
    def plan() -> None:
        run.schedule(campaign, at=at, by=run.Actor.of(people["mara"]), now=timezone.now())

    with tenancy.scope(campaign.business_id):
        with pytest.raises(ApprovalRequired):
            plan()
        row = Approval.objects.get(status="open")
        approvals.approve(approval=row, by=people["nils"], now=timezone.now())
        plan()
    return reload(campaign)


def start(campaign: Campaign, at: Any) -> str:
    with tenancy.scope(campaign.business_id), transaction.atomic():
        run.start_or_pause(campaign, latest=at - timedelta(hours=1), now=at)
    return str(reload(campaign).status)


def test_who_approves_a_request_that_is_out_of_date_is_told(
    pump: Pump, people: dict[str, Access]
) -> None:
    campaign, found = to_list(pump)
    with pytest.raises(ApprovalRequired):
        launch(campaign, people["mara"])
    add_one(pump, found)

    with tenancy.scope(pump.business):
        row = Approval.objects.get()
        with pytest.raises(approvals.Stale, match="The recipients"):
            approvals.approve(approval=row, by=people["nils"], now=timezone.now())
        assert Approval.objects.get().status == "void"


@pytest.mark.parametrize("headers", [{}, {"HTTP_IDEMPOTENCY_KEY": "once"}])
def test_the_routes_ask_approve_and_launch(
    pump: Pump, people: dict[str, Access], headers: dict[str, Any]
) -> None:
    crowd(pump.business, 3)
    mara, nils = client_of(user_of(people, "mara")), client_of(user_of(people, "nils"))
    body = {"name": "Autumn", "template": {"name": TEMPLATE, "language": "en_US"}}

    refused = mara.post(URL, body | {"audience": {"all": True}}, **headers)
    error = refused.json()["errors"][0]
    control = f"{URL}/{error['extra']['id']}/control"
    early = mara.post(control, {"action": "launch"})
    approved = nils.post(f"/api/approvals/{error['extra']['approval']}/approve")
    launched = mara.post(control, {"action": "launch"})

    assert (refused.status_code, error["code"]) == (409, "approval_required")
    assert (early.status_code, approved.status_code) == (409, 200)
    assert (launched.status_code, launched.json()["status"]) == (200, "launching")


def test_the_route_says_what_changed(pump: Pump, people: dict[str, Access]) -> None:
    campaign, found = to_list(pump)
    get_approved(campaign, people)
    change_name(pump, found)

    refused = client_of(user_of(people, "mara")).post(
        f"{URL}/{campaign.pk}/control", {"action": "launch"}
    )

    error = refused.json()["errors"][0]
    assert (refused.status_code, error["code"]) == (409, "approval_void")
    assert error["extra"]["changed"] == ["the recipients' values"]
    assert error["detail"].startswith("The recipients' values were changed after Nils approved")


def test_a_campaign_refused_for_another_reason_leaves_no_draft(
    pump: Pump, people: dict[str, Access]
) -> None:
    body = {"name": "Autumn", "template": {"name": TEMPLATE, "language": "en_US"}}

    refused = client_of(user_of(people, "mara")).post(URL, body | {"audience": {"all": True}})

    assert refused.json()["errors"][0]["code"] == "audience_empty"
    assert not Campaign.across_businesses.exists()


def test_the_page_says_who_is_waited_for_and_what_changed(
    pump: Pump, people: dict[str, Access]
) -> None:
    campaign, found = to_list(pump)
    mara, nils = page_of(user_of(people, "mara")), page_of(user_of(people, "nils"))
    url = reverse("admin:messaging_campaign_change", args=[campaign.pk])

    seen = [text_of(mara, url)]
    mara.post(reverse("admin:messaging_campaign_launch", args=[campaign.pk]), {"when": "now"})
    seen += [text_of(mara, url), text_of(nils, url)]
    row = Approval.across_businesses.get()
    question = text_of(nils, reverse("admin:accounts_approval_change", args=[row.pk]))
    nils.post(reverse("admin:accounts_approval_approve", args=[row.pk]))
    seen.append(text_of(mara, url))
    change_name(pump, found)
    seen.append(text_of(mara, url))

    assert [one for one, text in zip(STATES, seen, strict=True) if one not in text] == []
    assert "Hello {{1}}" in question
    assert "List “Autumn”" in question


STATES = [
    "Needs approval.",
    "Waits for approval.",
    "Waits for you.",
    "Approved by Nils.",
    "No longer what was approved.",
]


def user_of(people: dict[str, Access], name: str) -> User:
    user = people[name].user
    assert user is not None
    return user


def page_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(client: Client, url: str) -> str:
    return unescape(client.get(url).content.decode())
