"""Pages of messaging: who may open them, whose rows they show, what their buttons do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import tenancy
from accounts.models import Role, User
from compliance import consent
from compliance.models import Scope
from messaging.contacts import lists
from messaging.contacts.models import Contact, ContactImport, ContactList, Tag
from messaging.conversations.models import Conversation
from messaging.messages.models import Message
from messaging.sending.models import QueueItem
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.campaigns import draft
from tests.factories.cast import Cast, make_cast
from tests.factories.compliance import opt_in, opt_out
from tests.factories.messaging import (
    ContactFactory,
    ConversationFactory,
    MessageFactory,
    SenderFactory,
)
from tests.factories.templates import TemplateFactory
from tests.messaging.pump import WABA

pytestmark = pytest.mark.django_db

LISTS = (
    "messaging_contact",
    "messaging_tag",
    "messaging_contactlist",
    "messaging_contactimport",
    "messaging_campaign",
    "messaging_message",
    "messaging_conversation",
)


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in


def page(name: str, *args: object) -> str:
    return reverse(f"admin:{name}", args=args)


@pytest.mark.parametrize("name", LISTS)
def test_the_owner_opens_every_list_and_it_says_what_to_do_next(
    cast: Cast, sign_in: Any, name: str
) -> None:
    answer = sign_in(cast.alice).get(page(f"{name}_changelist"))

    assert answer.status_code == 200


@pytest.mark.parametrize("name", LISTS)
def test_an_analyst_sees_nobody(cast: Cast, sign_in: Any, name: str) -> None:
    analyst = cast.add(Role.ANALYST)

    answer = sign_in(analyst).get(page(f"{name}_changelist"))

    assert answer.status_code == 403


def test_rows_of_another_business_are_not_there(cast: Cast, sign_in: Any) -> None:
    contact = ContactFactory.create(business=cast.other_business, name="Secret Person")
    sender = SenderFactory.create(business=cast.other_business)
    thread = ConversationFactory.create(
        business=cast.other_business, contact=contact, sender=sender
    )
    message = MessageFactory.create(business=cast.other_business, contact=contact, sender=sender)
    client = sign_in(cast.alice)

    answers = [
        client.get(page("messaging_contact_change", contact.pk)),
        client.get(page("messaging_contact_edit", contact.pk)),
        client.get(page("messaging_message_change", message.pk)),
        client.get(page("messaging_conversation_change", thread.pk)),
        client.get(page("messaging_conversation_chat", thread.pk)),
        client.post(page("messaging_conversation_reply", thread.pk), {"key": "k", "body": "x"}),
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert "Secret Person" not in client.get(page("messaging_contact_changelist")).text


@pytest.mark.parametrize("spelling", ["+34 600 123 456", "600123456", "0034-600-123-456"])
def test_a_person_is_found_by_phone_in_any_spelling(
    cast: Cast, sign_in: Any, spelling: str
) -> None:
    ContactFactory.create(
        business=cast.business, name="Zoë", phone="+34600123456", phone_key="+34600123456"
    )
    ContactFactory.create(business=cast.business, name="Someone Else")

    answer = sign_in(cast.alice).get(page("messaging_contact_changelist"), {"q": spelling})

    assert "Zoë" in answer.text
    assert "Someone Else" not in answer.text


def test_a_person_added_with_a_bad_number_is_refused_with_a_sentence(
    cast: Cast, sign_in: Any
) -> None:
    form = {"name": "Ana", "phone": "12", "bsuid": "", "language": "", "tags": "", "attributes": ""}

    answer = sign_in(cast.alice).post(page("messaging_contact_add"), form)

    assert answer.status_code == 200
    with tenancy.scope(cast.business):
        assert not Contact.objects.exists()


def test_a_person_is_added_with_tags_and_variables(cast: Cast, sign_in: Any) -> None:
    form = {"name": "Ana", "phone": "600 123 456", "tags": "VIP, New", "attributes": "city = Lugo"}

    answer = sign_in(cast.alice).post(page("messaging_contact_add"), form)

    assert answer.status_code == 302
    with tenancy.scope(cast.business):
        made = Contact.objects.get()
        assert (made.phone, made.attributes) == ("+34600123456", {"city": "Lugo"})
        assert set(Tag.objects.values_list("name", flat=True)) == {"vip", "new"}


def test_people_chosen_on_the_list_are_opted_out_with_a_reason(cast: Cast, sign_in: Any) -> None:
    contact = ContactFactory.create(business=cast.business)
    opt_in(cast.business, *contact.address_keys)
    client = sign_in(cast.alice)

    asked = client.post(
        page("messaging_contact_changelist"),
        {"action": "opt_out_chosen", "_selected_action": [str(contact.pk)]},
    )
    client.post(asked["Location"], {"scope": "marketing", "reason": "asked on the phone"})

    with tenancy.scope(cast.business):
        decision = consent.check(addresses=contact.address_keys, scope=Scope.MARKETING)
        assert decision == consent.Refused("opted_out")


def test_the_page_of_a_person_says_why_they_may_not_be_written_to(cast: Cast, sign_in: Any) -> None:
    contact = ContactFactory.create(business=cast.business)

    answer = sign_in(cast.alice).get(page("messaging_contact_change", contact.pk))

    assert "No consent is recorded" in answer.text


def test_a_file_is_uploaded_and_waits_for_its_preview(cast: Cast, sign_in: Any) -> None:
    file = SimpleUploadedFile("people.csv", b"Name,Phone\nAna,+34600123456\n")

    answer = sign_in(cast.alice).post(
        page("messaging_contactimport_add"), {"file": file, "list_name": "May"}
    )

    with tenancy.scope(cast.business):
        held = ContactImport.objects.get()
    assert answer["Location"] == page("messaging_contactimport_change", held.pk)
    assert held.mapping == {"Name": "name", "Phone": "phone"}


@pytest.mark.parametrize(
    ("meaning", "verdict", "button"),
    [
        ("phone", "created", "Import 1 person</button>"),
        ("ignore", "missing_address", "Nobody to import</button>"),
        ("ignore", "created", "Import 1 person</button>"),
    ],
)
def test_an_import_starts_only_with_a_column_of_addresses(
    cast: Cast, sign_in: Any, meaning: str, verdict: str, button: str
) -> None:
    client = sign_in(cast.alice)
    file = SimpleUploadedFile("people.csv", b"Number\n+34600123456\n")
    uploaded = client.post(page("messaging_contactimport_add"), {"file": file})
    ContactImport.across_businesses.update(
        status=ContactImport.Status.READY,
        mapping={"Number": meaning},
        rows_total=1,
        verdicts={verdict: 1},
    )

    shown = client.get(uploaded["Location"]).text

    assert '<span class="muted">1 row</span>' in shown
    assert button in shown
    assert ('type="submit" disabled' in shown) == (meaning == "ignore")
    assert ("Nobody can be imported yet" in shown) == (meaning == "ignore")


def open_thread(cast: Cast) -> Conversation:
    sender = SenderFactory.create(business=cast.business)
    contact = ContactFactory.create(business=cast.business)
    thread: Conversation = ConversationFactory.create(
        business=cast.business,
        sender=sender,
        contact=contact,
        last_inbound_at=timezone.now(),
        last_message_at=timezone.now(),
        unread=2,
    )
    return thread


def test_an_answer_posted_twice_with_one_key_is_one_message(cast: Cast, sign_in: Any) -> None:
    thread = open_thread(cast)
    client = sign_in(cast.bob)
    reply = {"key": "a1b2", "body": "Hello"}

    for _ in range(3):
        answer = client.post(
            page("messaging_conversation_reply", thread.pk), reply, HTTP_ACCEPT="application/json"
        )
        assert answer.status_code == 200

    with tenancy.scope(cast.business):
        assert Message.objects.count() == 1
    assert QueueItem.objects.count() == 1


def test_an_answer_after_the_window_is_refused_and_a_template_is_offered(
    cast: Cast, sign_in: Any
) -> None:
    thread = open_thread(cast)
    Conversation.across_businesses.filter(pk=thread.pk).update(
        last_inbound_at=timezone.now() - timedelta(hours=25)
    )
    client = sign_in(cast.bob)

    answer = client.post(
        page("messaging_conversation_reply", thread.pk),
        {"key": "a1", "body": "Hello"},
        HTTP_ACCEPT="application/json",
    )

    assert answer.status_code == 409
    shown = client.get(page("messaging_conversation_change", thread.pk))
    assert "Send a template" in shown.text
    assert "data-compose" not in shown.text


def test_an_auditor_reads_a_conversation_and_cannot_answer(cast: Cast, sign_in: Any) -> None:
    thread = open_thread(cast)
    client = sign_in(cast.add(Role.AUDITOR))

    shown = client.get(page("messaging_conversation_change", thread.pk))
    answer = client.post(
        page("messaging_conversation_reply", thread.pk), {"key": "k", "body": "Hello"}
    )

    assert shown.status_code == 200
    assert answer.status_code == 403
    with tenancy.scope(cast.business):
        assert not Message.objects.exists()


def test_markup_that_people_send_is_shown_as_text(cast: Cast, sign_in: Any) -> None:
    thread = open_thread(cast)
    MessageFactory.create(
        business=cast.business,
        sender=thread.sender,
        contact=thread.contact,
        direction="inbound",
        status="received",
        content={"body": "<script>alert(1)</script>"},
    )

    answer = sign_in(cast.bob).get(page("messaging_conversation_change", thread.pk))

    assert "<script>alert(1)" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


def test_a_conversation_is_given_to_a_member_and_closed(cast: Cast, sign_in: Any) -> None:
    thread = open_thread(cast)
    client = sign_in(cast.alice)

    client.post(page("messaging_conversation_assign", thread.pk), {"to": cast.bob.pk})
    client.post(page("messaging_conversation_assign", thread.pk), {"to": cast.charlie.pk})
    client.post(page("messaging_conversation_close", thread.pk))

    thread.refresh_from_db()
    assert (thread.assigned_to, thread.status) == (cast.bob, "closed")


@pytest.mark.parametrize(
    ("scope", "words"),
    [("marketing", "Opted out of marketing"), ("all", "Opted out of everything")],
)
def test_a_conversation_shows_what_the_person_opted_out_of(
    cast: Cast, sign_in: Any, scope: str, words: str
) -> None:
    sender = SenderFactory.create(business=cast.business)
    contact = ContactFactory.create(business=cast.business)
    thread = ConversationFactory.create(business=cast.business, contact=contact, sender=sender)
    client, address = sign_in(cast.bob), page("messaging_conversation_change", thread.pk)

    before = client.get(address).text
    opt_out(cast.business, *contact.address_keys, scope=scope)
    after = client.get(address).text
    live = client.get(page("messaging_conversation_chat", thread.pk)).text
    template = client.get(page("messaging_conversation_template", thread.pk)).text

    assert "Opted out of" not in before
    assert f"{words} since" in after
    assert f"{words} since" in live
    assert f"{words} since" in template


def failed_message(cast: Cast, **facts: Any) -> Message:
    sender = SenderFactory.create(business=cast.business)
    contact = ContactFactory.create(business=cast.business)
    template = TemplateFactory.create(account=sender.account)
    opt_in(cast.business, *contact.address_keys)
    made: Message = MessageFactory.create(
        business=cast.business,
        sender=sender,
        contact=contact,
        template=template,
        type="template",
        category="marketing",
        failed_at=timezone.now(),
        content={"name": template.name, "language": {"code": "en_US"}},
        **{"status": "failed", "error_code": 131000} | facts,
    )
    return made


def test_a_failed_message_tells_why_and_what_to_do(cast: Cast, sign_in: Any) -> None:
    message = failed_message(cast, error_code=131026)

    answer = sign_in(cast.alice).get(page("messaging_message_change", message.pk))

    assert "131026" in answer.text
    assert 'id="message-reason"' in answer.text


def test_times_are_shown_in_the_zone_of_the_business(cast: Cast, sign_in: Any) -> None:
    cast.business.time_zone = "America/Bogota"
    cast.business.save()
    at = timezone.now().replace(microsecond=0)
    local = at.astimezone(ZoneInfo("America/Bogota"))
    message = failed_message(cast, sent_at=at, created_at=at)
    client = sign_in(cast.alice)

    listed = client.get(page("messaging_message_changelist")).text
    shown = client.get(page("messaging_message_change", message.pk)).text

    written = f"{local.day} {local:%b %Y, %H:%M:%S}"
    assert written in listed
    assert f"{written} -05" in shown
    assert "UTC" not in shown


def test_the_api_answers_in_utc_whatever_the_zone_of_the_business(cast: Cast, sign_in: Any) -> None:
    cast.business.time_zone = "America/Bogota"
    cast.business.save()
    message = failed_message(cast)

    answer = sign_in(cast.alice).get("/api/whatsapp/messages").json()

    [given] = answer["results"]
    assert given["failed_at"] == f"{message.failed_at:%Y-%m-%dT%H:%M:%S.%f}Z"


def test_a_failed_message_is_queued_again(cast: Cast, sign_in: Any) -> None:
    message = failed_message(cast)

    sign_in(cast.alice).post(page("messaging_message_retry", message.pk))

    message.refresh_from_db()
    assert message.status == "queued"


def test_a_message_that_must_wait_says_until_when_and_has_no_button(
    cast: Cast, sign_in: Any
) -> None:
    message = failed_message(cast, error_code=131049)
    client, again = sign_in(cast.alice), page("messaging_message_retry", message.pk)

    shown = client.get(page("messaging_message_change", message.pk))
    client.post(again)

    message.refresh_from_db()
    assert "this error allows another try from" in shown.text
    assert again not in shown.text
    assert message.status == "failed"


def test_a_message_of_unknown_outcome_is_sent_again_only_after_the_risk_is_read(
    cast: Cast, sign_in: Any
) -> None:
    message = failed_message(cast, status="unknown", error_code=None)
    client = sign_in(cast.alice)

    asked = client.get(page("messaging_message_resend", message.pk))
    message.refresh_from_db()

    assert "gets it twice" in asked.text
    assert message.status == "unknown"

    client.post(page("messaging_message_resend", message.pk))
    message.refresh_from_db()
    assert message.status == "queued"


def test_an_agent_cannot_try_again(cast: Cast, sign_in: Any) -> None:
    message = failed_message(cast)

    answer = sign_in(cast.bob).post(page("messaging_message_retry", message.pk))

    message.refresh_from_db()
    assert (answer.status_code, message.status) == (403, "failed")


@pytest.mark.parametrize(
    "address",
    [
        "message/?error=%C2%B2",
        "message/?error=" + 5000 * "9",
        "message/?error=99999999999999999999",
        "message/?period=%C2%B2",
        "contact/?tag=%C2%B2",
        "contact/?tag=" + 5000 * "9",
        "conversation/?q=%00",
        "conversation/list/?q=a%00b",
    ],
)
def test_an_address_changed_by_hand_is_no_error_of_ours(
    cast: Cast, sign_in: Callable[[User], Client], address: str
) -> None:
    with tenancy.scope(cast.business):
        Tag.objects.create(business=cast.business, name="vip")

    answer = sign_in(cast.alice).get(f"/admin/messaging/{address}")

    assert answer.status_code == 200


def test_deleting_a_list_is_one_short_question(cast: Cast, sign_in: Any) -> None:
    with tenancy.scope(cast.business):
        held = lists.create(name="Spring")
        lists.add(held, contacts=[ContactFactory.create(business=cast.business).pk])
    client = sign_in(cast.alice)

    asked = client.get(page("messaging_contactlist_delete", held.pk))
    assert "1 person stands on this list. They stay contacts." in asked.text
    assert "List entry" not in asked.text

    client.post(page("messaging_contactlist_delete", held.pk))
    assert not ContactList.across_businesses.exists()
    assert Contact.across_businesses.count() == 1


def test_a_list_that_a_campaign_goes_to_is_kept(cast: Cast, sign_in: Any) -> None:
    sender = SenderFactory.create(business=cast.business)
    template = TemplateFactory.create(account=sender.account)
    with tenancy.scope(cast.business):
        held = lists.create(name="Spring")
    draft(sender, template, audience={"list": str(held.pk)}, variables={"1": {"value": "you"}})

    answer = sign_in(cast.alice).post(page("messaging_contactlist_delete", held.pk), follow=True)

    assert "go to this list: “Autumn”" in answer.text
    assert ContactList.across_businesses.exists()


def test_the_pages_of_lists_speak_of_lists(cast: Cast, sign_in: Any) -> None:
    with tenancy.scope(cast.business):
        held = lists.create(name="Spring")
    client = sign_in(cast.alice)

    titles = [
        client.get(address).context["title"]
        for address in (
            page("messaging_contactlist_changelist"),
            page("messaging_contactlist_add"),
            page("messaging_contactlist_change", held.pk),
        )
    ]

    assert titles == ["Lists", "New list", "List"]


def test_a_button_has_the_numbers_of_every_connected_account_pulled(
    cast: Cast, sign_in: Any
) -> None:
    WhatsAppAccountFactory.create(business=cast.business, waba_id=WABA)
    WhatsAppAccountFactory.create(business=cast.business, access_token="")

    answer = sign_in(cast.alice).post(page("messaging_sender_sync"), follow=True)

    assert answer.status_code == 200
    assert "The numbers of 1 account are pulled" in answer.text
