"""Who looked at whom, who took what away, where keys and passwords were used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import AsyncClient, Client
from django.urls import NoReverseMatch, get_resolver, reverse

from accounts import tenancy
from accounts.models import Role
from compliance.audit import reads
from compliance.models import AuditEntry
from config.lib.ids import new_id
from messaging.campaigns.models import Campaign
from messaging.contacts.models import Contact
from tests.factories.accounts import MembershipFactory, issue_key
from tests.factories.cast import Cast, client_of, client_of_key, make_cast
from tests.factories.contacts import uploaded
from tests.factories.messaging import ContactFactory, ConversationFactory, SenderFactory
from tests.factories.templates import TemplateFactory


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def person(cast: Cast) -> Contact:
    contact: Contact = ContactFactory.create(
        business=cast.business, name="Zarzuela", phone="+34600111222"
    )
    return contact


def entries(action: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("id"))


def page_client(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.alice)
    return client


def test_opening_a_persons_page_is_recorded_once_an_hour(cast: Cast, person: Contact) -> None:
    client = page_client(cast)
    for _ in range(3):
        assert client.get(f"/admin/messaging/contact/{person.pk}/change/").status_code == 200

    (entry,) = entries("contact.viewed")
    assert (entry.resource, entry.resource_id) == ("contact", str(person.pk))
    assert (entry.actor_id, entry.business_id) == (cast.alice.pk, cast.business.pk)
    assert entry.ip_address == "127.0.0.1"


def test_each_reader_each_person_and_each_business_count(cast: Cast, person: Contact) -> None:
    other = ContactFactory.create(business=cast.business)
    agent = cast.add(Role.MANAGER)

    for user in (cast.alice, agent):
        for one in (person, other):
            assert client_of(user).get(f"/api/contacts/{one.pk}").status_code == 200
        assert client_of(user).get("/api/contacts").status_code == 200

    assert len(entries("contact.viewed")) == 4
    assert len(entries("contacts.listed")) == 2


def test_opening_a_conversation_is_recorded(cast: Cast, person: Contact) -> None:
    sender = SenderFactory.create(business=cast.business)
    thread = ConversationFactory.create(business=cast.business, sender=sender, contact=person)

    answer = page_client(cast).get(f"/admin/messaging/conversation/{thread.pk}/change/")

    assert answer.status_code == 200
    assert [one.resource_id for one in entries("conversation.viewed")] == [str(thread.pk)]


def test_parts_of_pages_that_show_people_are_recorded_by_themselves(
    cast: Cast, person: Contact, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}"
    sender = SenderFactory.create(business=cast.business)
    thread = ConversationFactory.create(business=cast.business, sender=sender, contact=person)
    held = uploaded(cast.business, b"phone,name\n+34600111333,Ana\n")
    client = page_client(cast)

    for name, key, action in (
        ("conversation_list", None, "conversations.listed"),
        ("conversation_chat", thread.pk, "conversation.viewed"),
        ("contact_edit", person.pk, "contact.viewed"),
        ("contactimport_change", held.pk, "contact_import.viewed"),
    ):
        url = reverse(f"admin:messaging_{name}", args=[key] if key else [])
        assert client.get(url).status_code == 200
        assert [one.resource_id for one in entries(action)] == [str(key or "")], name


def test_a_person_looked_up_by_a_form_is_recorded_without_the_number(
    cast: Cast, person: Contact
) -> None:
    url = reverse("admin:compliance_consent_look_up")

    assert page_client(cast).post(url, {"address": "+34600111222"}).status_code == 200

    (entry,) = entries("consent.viewed")
    assert (entry.resource_id, entry.actor_id) == ("+34•••••1222", cast.alice.pk)


def test_a_number_looked_up_is_recorded_without_the_number(cast: Cast, person: Contact) -> None:
    client_of(cast.alice).get("/api/compliance/consent/+34600111222")

    (entry,) = entries("consent.viewed")
    assert entry.resource_id == "+34•••••1222"


def test_what_was_not_shown_is_not_recorded(cast: Cast, person: Contact) -> None:
    stranger = client_of(cast.charlie)
    assert stranger.get(f"/api/contacts/{person.pk}").status_code == 404
    assert client_of(cast.alice).get(f"/api/contacts/{new_id()}").status_code == 404
    assert Client().get(f"/admin/messaging/contact/{person.pk}/change/").status_code == 302

    assert entries("contact.viewed") == []


def test_an_asynchronous_stack_records_reads_too(cast: Cast, person: Contact) -> None:
    client = AsyncClient()
    client.force_login(cast.alice)

    answer = async_to_sync(client.get)(f"/admin/messaging/contact/{person.pk}/change/")

    assert answer.status_code == 200
    assert [one.actor_id for one in entries("contact.viewed")] == [cast.alice.pk]


def test_reads_are_recorded_without_redis(cast: Cast, person: Contact, settings: Any) -> None:
    client = client_of(cast.alice)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    client.get(f"/api/contacts/{person.pk}")

    assert len(entries("contact.viewed")) == 1


def test_a_read_that_could_not_be_recorded_counts_the_next_time(cast: Cast) -> None:
    def read_in_vain() -> None:
        with reads.once("contact.viewed", "7") as is_first:
            raise LookupError(is_first)

    for _ in range(2):
        with pytest.raises(LookupError, match="True"):
            read_in_vain()
    with reads.once("contact.viewed", "7") as is_first:
        assert is_first
    with reads.once("contact.viewed", "7") as is_first:
        assert not is_first


def test_the_first_use_of_a_key_from_an_address_is_recorded(cast: Cast) -> None:
    client = client_of_key(issue_key(cast.business, "contacts.view"))

    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        client.get("/api/senders", REMOTE_ADDR=address)

    used = entries("api_key.used")
    assert [one.ip_address for one in used] == ["192.0.2.1", "192.0.2.2"]
    assert {one.actor_name for one in used} == {"API key Test key"}
    assert used[0].resource_id == str(used[0].api_key_id)


def test_a_sign_in_is_in_the_trail_of_each_business_of_the_person(cast: Cast) -> None:
    MembershipFactory.create(business=cast.other_business, user=cast.alice, role=Role.AGENT)
    cast.alice.set_password("correct horse battery")
    cast.alice.save()
    credentials = {"email": cast.alice.email, "password": "correct horse battery"}

    client = Client()
    assert client.post("/api/auth/token", credentials, "application/json").status_code == 200
    client.post("/api/auth/token", credentials | {"password": "wrong"}, "application/json")

    for action in ("user.signed_in", "user.sign_in_failed"):
        places = {one.business_id for one in entries(action)}
        assert places == {cast.business.pk, cast.other_business.pk}


def test_a_sign_in_of_nobody_is_in_the_trail_of_the_platform(db: None) -> None:
    body = {"email": "nobody@example.com", "password": "x"}
    Client().post("/api/auth/token", body, "application/json")

    (entry,) = entries("user.sign_in_failed")
    assert entry.business_id is None
    assert "nobody" not in str(entry.details)


def test_consent_recorded_on_a_persons_page_is_in_the_trail(cast: Cast, person: Contact) -> None:
    form = {"scope": "marketing", "reason": "Said so on the phone", "_confirm": "1"}
    page_client(cast).post(f"/admin/messaging/contact/{person.pk}/opt_out/", form)

    (entry,) = entries("consent.opted_out")
    assert (entry.resource, entry.resource_id) == ("contact", str(person.pk))
    assert entry.details == {"scope": "marketing"}
    assert entry.actor_id == cast.alice.pk
    with tenancy.scope(cast.business):
        assert str(entry.details).find("600111222") == -1


def test_taking_outcomes_away_is_recorded_every_time(cast: Cast) -> None:
    sender = SenderFactory.create(business=cast.business)
    campaign = Campaign.across_businesses.create(
        business=cast.business,
        name="Spring",
        sender=sender,
        template=TemplateFactory.create(account=sender.account),
    )
    url = reverse("admin:messaging_campaign_outcomes", args=[campaign.pk, "csv"])
    for _ in range(2):
        answer: Any = page_client(cast).get(url)
        assert answer.status_code == 200

    assert [one.resource_id for one in entries("campaign.exported")] == [str(campaign.pk)] * 2


@pytest.mark.parametrize("name", [*settings.READS, *settings.DOWNLOADS])
def test_every_address_the_settings_name_exists(name: str) -> None:
    names = set(get_resolver().reverse_dict) | set(
        get_resolver().namespace_dict["admin"][1].reverse_dict
    )
    *_, part = (settings.READS | settings.DOWNLOADS)[name]

    assert name.removeprefix("admin:") in names
    if not part:
        return
    with pytest.raises(NoReverseMatch, match=part):
        reverse(name)
