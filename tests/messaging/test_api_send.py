"""One message over the API, as a client of the business sees it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Role
from compliance.models import ConsentStatus
from config.lib.ids import new_id
from messaging.contacts.models import Contact
from messaging.conversations.models import Conversation
from messaging.media import uploads
from messaging.messages.models import Message
from messaging.senders import pauses
from messaging.senders.models import Sender
from messaging.sending.models import QueueItem
from templates_mgmt.models import Template
from tests.factories.accounts import MembershipFactory, UserFactory
from tests.factories.cast import client_of
from tests.factories.messaging import MessageFactory, SenderFactory
from tests.messaging.pump import Pump
from tests.sandbox import SandboxProcess
from tests.watching import MEDIA_ID, Watching, meta

URL = "/api/whatsapp/send"
PHONE = "+34600111222"
TEMPLATE = {"name": "welcome", "language": "en_US"}
SHAPE = {
    "id", "direction", "type", "status", "to", "from", "sender", "template", "content", "wamid",
    "campaign", "conversation", "attempts", "next_attempt_at", "error", "pricing", "created_at",
    "scheduled_at", "sent_at", "delivered_at", "read_at", "failed_at", "metadata",
}  # fmt: skip


@pytest.fixture
def client(pump: Pump) -> APIClient:
    user = UserFactory.create()
    MembershipFactory.create(business=pump.business, user=user, role=Role.OWNER)
    return client_of(user)


def ask(client: APIClient, **body: Any) -> Any:
    return client.post(URL, {"to": PHONE, "type": "template", "template": TEMPLATE} | body)


def text(client: APIClient, contact: Contact, body: str = "Hello", **more: Any) -> Any:
    given = {"contact": str(contact.pk), "type": "text", "text": {"body": body}}
    return client.post(URL, given | more)


def wrote_just_now(pump: Pump, contact: Contact) -> Message:
    now = timezone.now()
    Conversation.across_businesses.create(
        business=pump.business, sender=pump.sender, contact=contact, last_inbound_at=now
    )
    found: Message = MessageFactory.create(
        business=pump.business,
        sender=pump.sender,
        contact=contact,
        direction=Message.Direction.INBOUND,
        status=Message.Status.RECEIVED,
        occurred_at=now,
    )
    return found


def error_of(answer: Any) -> tuple[int, str, str | None]:
    [first, *_] = answer.json()["errors"]
    return answer.status_code, first["code"], first["attr"]


def test_a_template_is_queued_and_then_leaves(
    client: APIClient, pump: Pump, sandbox: SandboxProcess
) -> None:
    pump.person(PHONE)

    answer = ask(client, to="600 111 222", metadata={"order": 7})

    message = answer.json()
    assert answer.status_code == 202
    assert set(message) == SHAPE
    assert message["status"] == "queued"
    assert (message["to"], message["from"]) == (PHONE, pump.sender.phone)
    assert message["template"]["name"] == "welcome"
    assert message["metadata"] == {"order": 7}
    assert pump.run() == {"sent": 1}
    assert sandbox.times_accepted() == {message["id"]: 1}


def test_the_same_idempotency_key_sends_once(client: APIClient, pump: Pump) -> None:
    pump.person(PHONE)
    body = {"to": PHONE, "type": "template", "template": TEMPLATE}

    def send(**more: Any) -> Any:
        return client.post(URL, body | more, headers={"Idempotency-Key": "order-7"})

    first, again, other = send(), send(), send(metadata={"order": 8})

    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert error_of(other)[:2] == (409, "idempotency_key_reused")
    assert Message.across_businesses.count() == 1


def test_an_unknown_recipient_who_may_be_written_to_becomes_a_contact(
    client: APIClient, pump: Pump
) -> None:
    pump.consent(Contact(business=pump.business, phone_key=PHONE), ConsentStatus.OPTED_IN)

    answer = ask(client, to="0034 600 111 222")

    assert answer.status_code == 202
    assert [one.phone for one in Contact.across_businesses.all()] == [PHONE]


def test_a_refused_send_leaves_nothing_behind(client: APIClient) -> None:
    assert error_of(ask(client))[:2] == (409, "consent_missing")
    assert not Contact.across_businesses.exists()
    assert not Message.across_businesses.exists()


def test_a_meta_user_id_is_a_recipient(client: APIClient, pump: Pump) -> None:
    pump.person("ES.1234567890AB")

    assert ask(client, to="ES.1234567890AB").json()["to"] == "ES.1234567890AB"


def test_each_refusal_has_its_code(client: APIClient, pump: Pump) -> None:
    contact = pump.person(PHONE)

    assert error_of(text(client, contact))[:2] == (409, "outside_service_window")
    missing = ask(client, template={"name": "nobody", "language": "en_US"})
    assert error_of(missing) == (409, "template_not_approved", "template")
    Template.across_businesses.update(status=Template.Status.PAUSED)
    assert error_of(ask(client)) == (409, "template_paused", "template")
    Template.across_businesses.update(status=Template.Status.APPROVED)
    pauses.pause(pump.sender, reason="Holiday", now=timezone.now())
    assert error_of(ask(client))[:2] == (409, "sender_paused")
    pauses.resume(pump.sender, now=timezone.now())
    pump.consent(contact, ConsentStatus.OPTED_OUT)
    assert error_of(ask(client))[:2] == (409, "opted_out")


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"to": "12"}, "invalid_recipient", "to"),
        ({"contact": str(new_id())}, "to_or_contact", "to"),
        ({"type": "fax"}, "invalid_choice", "type"),
        ({"type": "text"}, "required", "text"),
        ({"type": "text", "text": {"body": ""}, "template": None}, "null", "template"),
        ({"text": {"body": "Hello"}}, "not_allowed", "text"),
        ({"shceduled_at": "2030-01-01T00:00:00Z"}, "unknown_field", "shceduled_at"),
        ({"scheduled_at": "2020-01-01T00:00:00Z"}, "in_the_past", "scheduled_at"),
        ({"scheduled_at": "9999-01-01T00:00:00Z"}, "too_late", "scheduled_at"),
        ({"category": "marketing"}, "category_mismatch", "category"),
        ({"metadata": {"big": "x" * 5000}}, "too_large", "metadata"),
        ({"sender": "1"}, "unknown_sender", "sender"),
        ({"reply_to": str(new_id())}, "unknown_message", "reply_to"),
        ({"template": {"language": "en_US"}}, "required", "template.name"),
        ({"template": {"name": ["a"], "language": "en_US"}}, "invalid", "template.name"),
        ({"template": {"name": "a", "language": {"code": 1}}}, "invalid", "template.language"),
        ({"template": TEMPLATE | {"variables": []}}, "invalid", "template.variables"),
    ],
)
def test_bad_input_names_the_field_and_the_rule(
    client: APIClient, pump: Pump, body: dict[str, Any], code: str, attr: str
) -> None:
    pump.person(PHONE)

    assert error_of(ask(client, **body)) == (400, code, attr)


def test_content_that_breaks_metas_rules_says_which(client: APIClient, pump: Pump) -> None:
    contact = pump.person(PHONE)
    wrote_just_now(pump, contact)

    answer = text(client, contact, body="x" * 4097)

    assert error_of(answer) == (400, "invalid_content", "text")
    [error] = answer.json()["errors"]
    assert error["extra"]["findings"] == [{"path": "text.body", "rule": "too_long"}]


def test_a_scheduled_message_waits_and_can_be_taken_back_once(
    client: APIClient, pump: Pump
) -> None:
    pump.person(PHONE)
    message = ask(client, scheduled_at=timezone.now() + timedelta(hours=1)).json()
    url = f"/api/whatsapp/messages/{message['id']}"

    cancelled, again = client.delete(url), client.delete(url)

    assert message["status"] == "scheduled"
    assert cancelled.json()["status"] == "cancelled"
    assert error_of(again)[:2] == (409, "already_sent")
    history = client.get(url).json()["history"]
    assert [(one["status"], one["source"]) for one in history] == [
        ("scheduled", "request"),
        ("cancelled", "operator"),
    ]
    assert history[0]["detail"] == ""


def test_a_reply_quotes_and_a_reaction_names_a_message_by_our_id(
    client: APIClient, pump: Pump, sandbox: SandboxProcess
) -> None:
    contact = pump.person("+34600111200")
    theirs = wrote_just_now(pump, contact)

    reply = text(client, contact, reply_to=str(theirs.pk))
    reaction = client.post(
        URL,
        {
            "contact": str(contact.pk),
            "type": "reaction",
            "reaction": {"message_id": str(theirs.pk), "emoji": "👍"},
        },
    )

    assert (reply.status_code, reaction.status_code) == (202, 202)
    assert reaction.json()["content"]["message_id"] == theirs.wamid
    stored = Message.across_businesses.get(pk=reply.json()["id"])
    assert stored.reply_to_wamid == theirs.wamid


def test_a_business_of_several_numbers_without_default_must_name_one(
    client: APIClient, pump: Pump
) -> None:
    pump.person(PHONE)
    SenderFactory.create(business=pump.business)
    Sender.across_businesses.update(is_default=False)

    assert error_of(ask(client)) == (400, "required", "sender")
    assert ask(client, sender=pump.sender.phone_number_id).status_code == 202


VARIABLES = [
    {"type": "HEADER", "format": "TEXT", "text": "Hi {{1}}"},
    {"type": "BODY", "text": "Order {{1}} comes {{2}}."},
    {
        "type": "BUTTONS",
        "buttons": [{"type": "URL", "text": "Follow", "url": "https://example.com/{{1}}"}],
    },
]
META_BODY = {
    "name": "welcome",
    "language": {"code": "en_US"},
    "components": [
        {"type": "header", "parameters": [{"type": "text", "text": "Ana"}]},
        {
            "type": "body",
            "parameters": [{"type": "text", "text": "7"}, {"type": "text", "text": "today"}],
        },
        {
            "type": "button",
            "sub_type": "url",
            "index": "0",
            "parameters": [{"type": "text", "text": "7"}],
        },
    ],
}


def test_metas_own_template_body_gives_what_the_short_form_gives(
    client: APIClient, pump: Pump
) -> None:
    pump.person(PHONE)
    pump.template.components = VARIABLES
    pump.template.save()

    long = ask(client, template=META_BODY)
    values = {"header_1": "Ana", "1": "7", "2": "today", "button_0": "7"}
    short = ask(client, template=TEMPLATE | {"variables": values})

    assert long.json()["content"] == META_BODY
    assert short.json()["content"] == META_BODY


@pytest.mark.parametrize(
    ("components", "attr"),
    [
        ([{"type": "footer"}], "template.components.0.type"),
        (["header"], "template.components.0"),
        ({}, "template.components"),
        ([{"type": "button", "index": 3}], "template.components.0.index"),
        (
            [{"type": "body", "parameters": [{"type": "text", "text": "x"}] * 3}],
            "template.components.0.parameters.2",
        ),
    ],
)
def test_a_part_the_template_does_not_have_is_named(
    client: APIClient, pump: Pump, components: Any, attr: str
) -> None:
    pump.person(PHONE)
    pump.template.components = VARIABLES
    pump.template.save()

    answer = ask(client, template=META_BODY | {"components": components})

    assert error_of(answer) == (400, "invalid_template", attr)


def test_media_is_sent_by_our_id_and_uploaded_once(client: APIClient, pump: Pump) -> None:
    contact = pump.person(PHONE)
    wrote_just_now(pump, contact)
    with tenancy.scope(pump.business):
        file = uploads.store(
            file=ContentFile(b"%PDF-1.4 hello"), filename="bill.pdf", now=timezone.now()
        )
    body = {"contact": str(contact.pk), "type": "document", "document": {"id": str(file.pk)}}

    first, second = client.post(URL, body), client.post(URL, body)
    image = client.post(
        URL,
        {"contact": str(contact.pk), "type": "image", "image": {"id": str(file.pk)}},
    )

    ids = {answer.json()["content"]["id"] for answer in (first, second)}
    file.refresh_from_db()
    assert ids == {file.meta_media_id}
    assert error_of(image) == (400, "wrong_media_type", "image.id")


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "one"}])
def test_nothing_is_locked_while_meta_takes_a_file(
    client: APIClient, pump: Pump, settings: Settings, headers: dict[str, str]
) -> None:
    contact = pump.person(PHONE)
    wrote_just_now(pump, contact)
    with tenancy.scope(pump.business):
        file = uploads.store(file=ContentFile(b"%PDF-1.4 x"), filename="a.pdf", now=timezone.now())
    body = {"contact": str(contact.pk), "type": "document", "document": {"id": str(file.pk)}}

    with meta(settings):
        answer = client.post(URL, body, headers=headers)

    assert answer.status_code == 202, answer.json()
    assert answer.json()["content"]["id"] == MEDIA_ID
    assert Watching.stood == [(0, 0)]


def test_a_message_whose_request_is_under_way_is_shown_as_sending(
    pump: Pump, client: APIClient
) -> None:
    message = pump.ask(pump.person("+34611000101"))
    QueueItem.objects.filter(message_id=message.pk).update(is_in_flight=True)

    listed = client.get("/api/whatsapp/messages?status=sending").json()["results"]
    read = client.get(f"/api/whatsapp/messages/{message.pk}").json()
    queued = client.get("/api/whatsapp/messages").json()["results"]

    assert [row["id"] for row in listed] == [str(message.pk)]
    assert {read["status"], listed[0]["status"], queued[0]["status"]} == {"sending"}
