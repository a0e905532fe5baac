"""The steps of a campaign, from the message to the launch, and who may take them."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.urls import reverse

from accounts import tenancy
from accounts.models import Role
from messaging.campaigns.models import Campaign
from messaging.contacts import lists
from messaging.senders.models import Sender
from templates_mgmt.models import Template
from tests.factories.cast import Cast, make_cast
from tests.factories.compliance import opt_in
from tests.factories.messaging import ContactFactory, SenderFactory
from tests.factories.templates import TemplateFactory

pytestmark = pytest.mark.django_db
LINK = {
    "type": "URL",
    "text": "See",
    "url": "https://shop.example/{{1}}",
    "example": ["https://shop.example/spring"],
}
COUPON = {"type": "COPY_CODE", "text": "Copy", "example": ["SPRING20"]}


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def owner(cast: Cast) -> Client:
    return client_of(cast.alice)


def client_of(user: object) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")  # type: ignore[arg-type]  # our user
    return client


def page(name: str, *args: object) -> str:
    return reverse(f"admin:messaging_campaign_{name}", args=args)


def stage(cast: Cast, people: int = 3) -> tuple[Sender, Template]:
    """Give the business a number, a template and people, the last of whom never agreed."""
    sender = SenderFactory.create(business=cast.business)
    template = TemplateFactory.create(account=sender.account)
    for number in range(people):
        contact = ContactFactory.create(business=cast.business, name=f"Person{number} Test")
        if number < people - 1:
            opt_in(cast.business, *contact.address_keys)
    return sender, template


def plan(client: Client, sender: Sender, template: Template) -> None:
    client.get(page("add"))
    client.post(
        page("plan", "new", "message"),
        {"name": "Sale", "sender": sender.pk, "template": template.pk},
    )
    client.post(page("plan", "new", "audience"), {"source": "all"})


def test_a_campaign_is_planned_tried_and_launched(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)

    done = owner.post(
        page("plan", "new", "variables"), {"source-1": "first_name", "text-1": "friend"}
    )

    campaign: Campaign = Campaign.across_businesses.get()
    assert done["Location"] == page("check", campaign.pk)
    assert campaign.variables == {"1": {"field": "first_name", "default": "friend"}}
    tried = owner.get(page("check_result", campaign.pk)).json()["html"]["dry-run"]
    assert '<b id="dry-accepted">2</b>' in tried
    assert "has not agreed" in tried

    owner.post(page("launch", campaign.pk), {"when": "now"})
    campaign.refresh_from_db()
    assert (campaign.status, campaign.total) == ("launching", 3)
    assert owner.get(page("change", campaign.pk)).status_code == 200


def test_the_message_is_shown_with_a_real_persons_name(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)

    first, second = (
        owner.post(
            page("preview", "new"), {"person": place, "source-1": "first_name", "text-1": ""}
        ).text
        for place in (0, 1)
    )

    assert "Hello Person0, this is new." in first
    assert "Hello Person1, this is new." in second


def test_a_later_start_is_read_in_the_time_zone_of_the_business(cast: Cast, owner: Client) -> None:
    cast.business.time_zone = "Europe/Madrid"
    cast.business.save(update_fields=["time_zone"])
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()

    owner.post(page("launch", campaign.pk), {"when": "later", "scheduled_at": "2099-07-01T10:00"})

    campaign.refresh_from_db()
    assert campaign.status == "scheduled"
    assert campaign.scheduled_at is not None
    assert campaign.scheduled_at.isoformat() == "2099-07-01T08:00:00+00:00"


def test_a_variable_without_source_stops_the_plan_with_a_sentence(
    cast: Cast, owner: Client
) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)

    answer = owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": ""})

    assert answer.status_code == 200
    assert "no value" in answer.text
    assert not Campaign.across_businesses.exists()


def test_a_step_whose_ground_is_missing_leads_back(cast: Cast, owner: Client) -> None:
    owner.get(page("add"))

    answer = owner.get(page("plan", "new", "variables"))

    assert answer["Location"] == page("plan", "new", "message")


def test_lists_of_another_business_are_no_choice(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    with tenancy.scope(cast.other_business):
        foreign = lists.create(name="Theirs")
    plan(owner, sender, template)

    answer = owner.post(
        page("plan", "new", "audience"), {"source": "list", "list": str(foreign.pk)}
    )

    assert answer.status_code == 200
    assert "Theirs" not in answer.text


def test_a_running_campaign_is_paused_with_a_reason_and_resumed(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()
    owner.post(page("launch", campaign.pk), {"when": "now"})

    owner.post(page("pause", campaign.pk), {"reason": "wrong picture"})
    campaign.refresh_from_db()
    assert (campaign.status, campaign.pause_reason) == ("paused", "wrong picture")

    owner.post(page("resume", campaign.pk))
    campaign.refresh_from_db()
    assert campaign.status == "launching"


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_outcomes_are_downloaded(cast: Cast, owner: Client, kind: str) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()

    answer = owner.get(page("outcomes", campaign.pk, kind))
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # a streamed answer

    assert answer.status_code == 200
    assert content.startswith(b"PK" if kind == "xlsx" else b"\xef\xbb\xbfcontact")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_outcomes_are_not_collected_before_they_are_sent(
    cast: Cast, owner: Client, kind: str
) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()
    server = AsyncClient()
    server.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    async def read() -> tuple[bool, bytes]:
        answer: Any = await server.get(page("outcomes", campaign.pk, kind))
        return answer.is_async, b"".join([piece async for piece in answer])

    is_async, content = async_to_sync(read)()

    assert is_async
    assert content.startswith(b"PK" if kind == "xlsx" else b"\xef\xbb\xbfcontact")


def test_an_agent_follows_campaigns_and_starts_none(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()
    agent = client_of(cast.add(Role.AGENT))

    assert agent.get(page("change", campaign.pk)).status_code == 200
    assert agent.get(page("add")).status_code == 403
    assert agent.post(page("launch", campaign.pk), {"when": "now"}).status_code == 403
    assert agent.post(page("cancel", campaign.pk)).status_code == 403
    campaign.refresh_from_db()
    assert campaign.status == "draft"


def test_a_campaign_of_another_business_is_not_there(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()
    charlie = client_of(cast.charlie)

    for name in ("change", "check", "check_result", "launch", "progress", "pause"):
        assert charlie.get(page(name, campaign.pk)).status_code == 404
    assert charlie.get(page("plan", campaign.pk, "message")).status_code == 404


def test_a_last_time_that_passed_is_refused_at_its_field(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()

    given = {"when": "now", "not_after": "2020-01-01T10:00"}
    shown = owner.post(page("launch", campaign.pk), given).text

    campaign.refresh_from_db()
    assert "The last time to send has passed already." in shown
    assert (campaign.status, campaign.not_after) == ("draft", None)


def test_a_campaign_that_could_not_start_is_changed_and_launched(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()
    owner.post(page("launch", campaign.pk), {"when": "later", "scheduled_at": "2099-07-01T10:00"})
    owner.post(page("pause", campaign.pk), {"reason": "Could not start: No such list."})

    shown = owner.get(page("change", campaign.pk)).text
    assert page("check", campaign.pk) in shown
    assert page("resume", campaign.pk) not in shown
    owner.post(page("plan", campaign.pk, "audience"), {"source": "all"})
    owner.post(page("plan", campaign.pk, "variables"), {"source-1": "value", "text-1": "them"})
    owner.post(page("launch", campaign.pk), {"when": "now"})

    campaign.refresh_from_db()
    assert (campaign.status, campaign.pause_reason) == ("launching", "")
    assert campaign.variables == {"1": {"value": "them"}}


def test_samples_of_meta_are_never_values(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    template.components = [
        {"type": "BODY", "text": "Hi {{1}}", "example": {"body_text": [["Ana"]]}},
        {"type": "BUTTONS", "buttons": [LINK, COUPON]},
    ]
    template.save()
    plan(owner, sender, template)

    form = owner.get(page("plan", "new", "variables")).context["form"]

    texts = {one.key: text for one, _, text in form.pairs}
    assert {key: text.value() for key, text in texts.items()} == {
        "1": "",
        "button_0": "",
        "button_1": "",
    }
    assert 'placeholder="Ana"' in str(texts["1"])
    assert 'placeholder="spring"' in str(texts["button_0"])
    assert "after https://shop.example/" in texts["button_0"].help_text


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "This variable has no value"),
        (
            "https://shop.example/spring",
            "comes after https://shop.example/, here: spring",
        ),
    ],
)
def test_a_button_takes_the_end_of_its_address(
    cast: Cast, owner: Client, address: str, sentence: str
) -> None:
    sender, template = stage(cast)
    template.components = [
        {"type": "BODY", "text": "Hello"},
        {"type": "BUTTONS", "buttons": [LINK]},
    ]
    template.save()
    plan(owner, sender, template)

    answer = owner.post(
        page("plan", "new", "variables"),
        {"source-button_0": "value", "text-button_0": address},
    )

    assert sentence in answer.context["form"].errors["text-button_0"][0]
    assert not Campaign.across_businesses.exists()


def test_the_audience_step_counts_what_is_chosen_already(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    owner.get(page("add"))
    owner.post(
        page("plan", "new", "message"),
        {"name": "Sale", "sender": sender.pk, "template": template.pk},
    )

    shown = owner.get(page("plan", "new", "audience"))

    assert "<b>3</b><span>people in this audience" in shown.text
    assert page("plan", "new", "message") in shown.text


def test_what_is_wrong_with_the_audience_stands_beside_its_field(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)

    answer = owner.post(
        page("plan", "new", "audience"),
        {"source": "all", "countries": "Spain", "tags_any": "vip"},
    )

    assert answer.context["form"].errors == {
        "countries": ["A country is its two-letter code."],
        "tags_any": ["No such tag: vip."],
    }


def test_the_launch_names_the_people_the_dry_run_accepted(cast: Cast, owner: Client) -> None:
    sender, template = stage(cast)
    plan(owner, sender, template)
    owner.post(page("plan", "new", "variables"), {"source-1": "value", "text-1": "you"})
    campaign: Campaign = Campaign.across_businesses.get()

    assert "says how many" in owner.get(page("launch", campaign.pk)).text
    owner.get(page("check_result", campaign.pk))
    assert (
        "<strong>2</strong> people, by the dry run" in owner.get(page("launch", campaign.pk)).text
    )
