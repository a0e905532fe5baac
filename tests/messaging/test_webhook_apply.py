"""What a webhook does: to whom, once, and what happens to what cannot be applied."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts import tenancy
from compliance import consent
from compliance.models import ConsentEvent, ConsentStatus, Scope
from messaging.contacts.models import Contact
from messaging.conversations.models import Conversation
from messaging.media.models import MediaFile
from messaging.messages.models import Message, MessageEvent
from messaging.senders.models import Sender, SenderActivity
from messaging.signals import InboundReceived, inbound_received
from messaging.webhooks import apply, deadletters
from messaging.webhooks.models import DeadLetter, PendingEvent, RawEvent
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.messaging import ContactFactory, MessageFactory, SenderFactory
from tests.messaging.webhook_events import NOW, body, keep, make_tenants, settle

pytestmark = pytest.mark.django_db

PHONE = "+34622000701"
BSUID = "ES.8800112233445566"
SECONDS = int(NOW.timestamp())


@pytest.fixture
def sender() -> Sender:
    sender: Sender = SenderFactory.create()
    return sender


def posted(sender: Sender, field: str = "messages", **value: Any) -> bytes:
    """A body about this sender."""
    metadata = {"display_phone_number": "1", "phone_number_id": sender.phone_number_id}
    change = {"field": field, "value": {"metadata": metadata, **value}}
    entry = {"id": sender.account.waba_id, "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def text(wamid: str, words: str, **changes: Any) -> dict[str, Any]:
    """A text from a person with phone and BSUID."""
    return {
        "from": PHONE[1:],
        "from_user_id": BSUID,
        "id": wamid,
        "timestamp": str(SECONDS - 60),
        "type": "text",
        "text": {"body": words},
        **changes,
    }


def status(wamid: str, word: str, **changes: Any) -> dict[str, Any]:
    """A status of a message to that person."""
    return {
        "id": wamid,
        "status": word,
        "timestamp": str(SECONDS - 30),
        "recipient_id": PHONE[1:],
        **changes,
    }


def run(now: datetime = NOW) -> dict[str, int]:
    """Apply what is due at this time."""
    return dict(apply.run(clock=lambda: now, time_slice=timedelta(minutes=1)))


def states(sender: Sender, address: str) -> dict[str, str]:
    """Where a person stands in each scope."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT scope, status FROM compliance_consent WHERE business_id = %s AND address = %s",
            [sender.business_id, address],
        )
        return dict(cursor.fetchall())


def opt_in(sender: Sender, *addresses: str) -> None:
    with tenancy.scope(sender.business_id):
        consent.record(
            addresses=addresses,
            scopes=list(Scope),
            status=ConsentStatus.OPTED_IN,
            source="api",
            occurred_at=NOW - timedelta(days=30),
            now=NOW,
        )


def test_a_message_is_stored_with_its_person_and_thread(sender: Sender) -> None:
    facts: list[InboundReceived] = []

    def hear(fact: InboundReceived, **_: object) -> None:
        facts.append(fact)

    inbound_received.connect(hear)
    try:
        keep(posted(sender, messages=[text("wamid.1", "Hello")]))
        run()
    finally:
        inbound_received.disconnect(hear)

    message = Message.across_businesses.get()
    conversation = Conversation.across_businesses.get()
    assert (message.direction, message.status, message.type) == ("inbound", "received", "text")
    assert message.content == {"body": "Hello"}
    assert message.contact.phone == PHONE
    assert message.contact.bsuid == BSUID
    assert conversation.unread == 1
    assert conversation.last_inbound_at == NOW - timedelta(seconds=60)
    assert [fact.message_id for fact in facts] == [message.pk]


def test_a_repeated_message_counts_once(sender: Sender) -> None:
    event = posted(sender, messages=[text("wamid.1", "Hello"), text("wamid.1", "Hello")])
    keep(event, event)
    run()
    keep(event)
    run()

    assert Message.across_businesses.count() == 1
    assert Conversation.across_businesses.get().unread == 1


def test_a_correction_does_not_open_the_window(sender: Sender) -> None:
    edit = text("wamid.2", "", type="edit", edit={"original_message_id": "wamid.1"})
    keep(posted(sender, messages=[edit]))
    run()

    assert Conversation.across_businesses.get().last_inbound_at is None
    assert Message.across_businesses.get().reply_to_wamid == "wamid.1"


def test_a_file_waits_to_be_fetched(sender: Sender) -> None:
    image = {"id": "media-1", "mime_type": "image/jpeg"}
    keep(posted(sender, messages=[text("wamid.1", "", type="image", image=image)]))
    run()

    file = MediaFile.across_businesses.get()
    assert file.message_id == Message.across_businesses.get().pk
    assert (file.status, file.mime_type) == ("pending", "image/jpeg")


def test_one_post_may_concern_two_businesses() -> None:
    first, second = make_tenants()
    keep(body("batch_two_tenants"))
    run()

    inbound = Message.across_businesses.filter(direction="inbound").order_by("address")
    assert [(m.business_id, m.content["body"]) for m in inbound] == [
        (first.business_id, "Mensaje 1"),
        (second.business_id, "Mensaje de otro inquilino"),
    ]
    assert Contact.across_businesses.filter(business=second.business).count() == 1


def test_statuses_move_a_message_and_never_back(sender: Sender) -> None:
    message = MessageFactory.create(business=sender.business, sender=sender, status="sending")
    ours = {"biz_opaque_callback_data": str(message.pk)}
    keep(posted(sender, statuses=[status("wamid.9", "read", **ours)]))
    run()
    keep(posted(sender, statuses=[status("wamid.9", "delivered", **ours)]))
    run()

    message.refresh_from_db()
    assert message.status == "read"
    assert message.read_at == NOW - timedelta(seconds=30)
    assert MessageEvent.across_businesses.count() == 2
    assert SenderActivity.objects.get().last_status_message_id == message.pk


def test_a_status_that_overtakes_the_record_of_its_send_waits(sender: Sender) -> None:
    keep(posted(sender, statuses=[status("wamid.9", "delivered")]))

    assert run()["again"] == 1
    message = MessageFactory.create(business=sender.business, sender=sender, wamid="wamid.9")
    run(NOW + timedelta(seconds=2))

    message.refresh_from_db()
    assert message.status == "delivered"
    assert not PendingEvent.objects.exists()
    assert not DeadLetter.objects.exists()


def test_a_status_of_nothing_of_ours_ends_as_a_dead_letter(sender: Sender) -> None:
    keep(posted(sender, statuses=[status("wamid.9", "delivered")]))
    settle()

    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.business_id, letter.attempts) == (
        "unknown_message",
        sender.business_id,
        8,
    )


def test_another_business_cannot_move_our_message(sender: Sender) -> None:
    message = MessageFactory.create(status="sent")
    forged = status("wamid.x", "read", biz_opaque_callback_data=str(message.pk))
    keep(posted(sender, statuses=[forged]))
    settle()

    message.refresh_from_db()
    assert message.status == "sent"


def test_no_json_is_a_dead_letter_at_once(sender: Sender) -> None:
    [event] = keep(b"this is no JSON")
    run()

    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.event_id, letter.business_id) == ("not_json", event.pk, None)
    assert deadletters.body_of(letter) == b"this is no JSON"
    assert not PendingEvent.objects.exists()


def test_a_replay_works_once_the_number_is_connected(sender: Sender) -> None:
    stranger = SenderFactory.build(
        business=sender.business,
        account=WhatsAppAccountFactory.build(business=sender.business, waba_id="77"),
        phone_number_id="4711",
    )
    keep(posted(stranger, messages=[text("wamid.1", "Hello")]))
    run()
    letter = DeadLetter.objects.get()
    assert letter.reason == "unroutable"

    SenderFactory.create(business=sender.business, phone_number_id="4711")
    deadletters.replay(letter, now=NOW)
    run()

    letter.refresh_from_db()
    assert Message.across_businesses.get().wamid == "wamid.1"
    assert letter.resolved_at == NOW
    assert not deadletters.list_open().exists()


def test_a_replay_that_fails_again_stays_open(sender: Sender) -> None:
    keep(b"no JSON")
    run()
    letter = DeadLetter.objects.get()

    deadletters.replay_many([letter], now=NOW)
    run()

    assert [one.pk for one in deadletters.list_open()] == [letter.pk]


def test_letters_can_be_put_aside(sender: Sender) -> None:
    keep(b"no JSON", b"neither")
    run()

    assert deadletters.resolve(list(deadletters.list_open()), now=NOW) == 2
    assert not deadletters.list_open().exists()


def test_an_event_whose_bytes_are_gone_cannot_be_replayed(sender: Sender) -> None:
    keep(b"no JSON")
    run()
    RawEvent.objects.all().delete()

    with pytest.raises(deadletters.EventGone):
        deadletters.replay(DeadLetter.objects.get(), now=NOW)


def test_an_event_that_fails_holds_nobody_up(sender: Sender) -> None:
    poison = posted(
        sender, messages=[{**text("wamid.p", "x"), "from": "9" * 20, "from_user_id": ""}]
    )
    good = [posted(sender, messages=[text(f"wamid.{n}", "Hello")]) for n in range(7)]
    [event] = keep(poison)
    keep(*good)
    counts = run()

    assert Message.across_businesses.count() == 7
    assert counts["again"] == 1
    pending = PendingEvent.objects.get()
    assert (pending.event_id, pending.attempts) == (event.pk, 1)
    assert pending.not_before > NOW

    settle(NOW + timedelta(hours=1))

    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.business_id) == ("error", sender.business_id)


def test_a_large_backlog_is_applied_in_parts(sender: Sender) -> None:
    padding = "x" * 400_000
    keep(*(posted(sender, messages=[text(f"wamid.{n}", padding)]) for n in range(4)))

    assert apply.apply_due(now=NOW)["events"] == 2
    assert apply.apply_due(now=NOW)["events"] == 2
    assert not apply.apply_due(now=NOW)


def test_an_unknown_field_is_no_error(sender: Sender) -> None:
    keep(posted(sender, field="field_of_the_future", thing={"a": 1}))
    run()

    assert not PendingEvent.objects.exists()
    assert not DeadLetter.objects.exists()
    assert RawEvent.objects.count() == 1


STOP_DOORS = {
    "text": [text("wamid.s", "STOP")],
    "text by phone only": [text("wamid.s", "Stop", from_user_id="")],
    "text by BSUID only": [{**text("wamid.s", "stop"), "from": ""}],
    "button": [text("wamid.s", "", type="button", button={"text": "STOP", "payload": "a"})],
    "payload": [text("wamid.s", "", type="button", button={"text": "No", "payload": "STOP"})],
    "reply button": [
        text(
            "wamid.s",
            "",
            type="interactive",
            interactive={"type": "button_reply", "button_reply": {"title": "Unsubscribe"}},
        )
    ],
}


@pytest.fixture
def known(sender: Sender) -> Contact:
    contact: Contact = ContactFactory.create(
        business=sender.business, phone=PHONE, phone_key=PHONE, bsuid=BSUID
    )
    opt_in(sender, PHONE, BSUID)
    return contact


@pytest.mark.parametrize("door", STOP_DOORS)
def test_a_stop_ends_everything_at_every_address(sender: Sender, known: Contact, door: str) -> None:
    keep(posted(sender, messages=STOP_DOORS[door]))
    run()

    everything = dict.fromkeys(Scope.values, "opted_out")
    assert states(sender, PHONE) == everything
    assert states(sender, BSUID) == everything


def test_a_stop_is_confirmed_once(sender: Sender, known: Contact) -> None:
    event = posted(sender, messages=[text("wamid.s", "STOP")])
    keep(event)
    run()
    keep(event, posted(sender, messages=[text("wamid.t", "STOP")]))
    run()

    sent = Message.across_businesses.filter(direction="outbound")
    assert [(one.type, one.status) for one in sent] == [("text", "queued")]


def test_metas_own_setting_stops_and_resumes_marketing(sender: Sender, known: Contact) -> None:
    def chose(value: str, at: int) -> bytes:
        preference = {
            "user_id": BSUID,
            "category": "marketing_messages",
            "value": value,
            "timestamp": at,
        }
        return posted(sender, field="user_preferences", user_preferences=[preference])

    keep(chose("stop", SECONDS - 50))
    run()
    assert states(sender, PHONE)["marketing"] == "opted_out"
    assert states(sender, PHONE)["utility"] == "opted_in"

    keep(chose("resume", SECONDS - 40))
    run()
    assert states(sender, PHONE)["marketing"] == "opted_in"


def test_refusal_131050_stops_marketing(sender: Sender, known: Contact) -> None:
    MessageFactory.create(business=sender.business, sender=sender, contact=known, wamid="wamid.9")
    failed = status("wamid.9", "failed", errors=[{"code": 131050, "title": "stopped"}])
    keep(posted(sender, statuses=[failed]))
    run()

    for address in (PHONE, BSUID):
        assert states(sender, address)["marketing"] == "opted_out"
        assert states(sender, address)["utility"] == "opted_in"


@pytest.fixture(params=[*STOP_DOORS, "preference", "refusal"])
def stopping(request: pytest.FixtureRequest, sender: Sender) -> bytes:
    """A stop by every door, of the same whole second."""
    if request.param == "preference":
        told = {"user_id": BSUID, "category": "marketing_messages", "value": "stop"}
        preference = {**told, "wa_id": PHONE[1:], "timestamp": SECONDS - 60}
        return posted(sender, field="user_preferences", user_preferences=[preference])
    if request.param == "refusal":
        errors = [{"code": 131050, "title": "stopped"}]
        failed = status("wamid.9", "failed", errors=errors, timestamp=str(SECONDS - 60))
        return posted(sender, statuses=[failed])
    return posted(sender, messages=STOP_DOORS[request.param])


def agree(sender: Sender, *, after: timedelta) -> None:
    """Opt in so long after the second of the stop began."""
    with tenancy.scope(sender.business_id):
        consent.record(
            addresses=[PHONE, BSUID],
            scopes=list(Scope),
            status=ConsentStatus.OPTED_IN,
            source="api",
            occurred_at=NOW - timedelta(seconds=60) + after,
            now=NOW,
        )


def test_a_stop_outranks_an_opt_in_of_its_second(
    sender: Sender, known: Contact, stopping: bytes
) -> None:
    MessageFactory.create(business=sender.business, sender=sender, contact=known, wamid="wamid.9")
    agree(sender, after=timedelta(milliseconds=292))

    keep(stopping)
    run()

    for address in (PHONE, BSUID):
        assert states(sender, address)["marketing"] == "opted_out"


def test_a_stop_yields_to_an_opt_in_given_after_it_was_heard(
    sender: Sender, known: Contact, stopping: bytes
) -> None:
    MessageFactory.create(business=sender.business, sender=sender, contact=known, wamid="wamid.9")
    keep(stopping)
    settle(NOW - timedelta(seconds=60) + timedelta(milliseconds=100))
    assert states(sender, PHONE)["marketing"] == "opted_out"

    agree(sender, after=timedelta(milliseconds=292))

    for address in (PHONE, BSUID):
        assert states(sender, address)["marketing"] == "opted_in"


def test_a_start_counts_from_the_beginning_of_its_second(sender: Sender, known: Contact) -> None:
    keep(posted(sender, messages=[text("wamid.s", "STOP")]))
    run()
    keep(posted(sender, messages=[text("wamid.t", "START", timestamp=str(SECONDS - 59))]))
    run()

    with tenancy.scope(sender.business_id):
        events = ConsentEvent.objects.filter(address=PHONE, source="message", status="opted_in")
        assert {one.occurred_at for one in events} == {NOW - timedelta(seconds=59)}
    assert states(sender, PHONE)["marketing"] == "opted_in"


def test_who_cannot_be_reached_is_remembered_until_they_write(
    sender: Sender, known: Contact
) -> None:
    MessageFactory.create(business=sender.business, sender=sender, contact=known, wamid="wamid.9")
    failed = status("wamid.9", "failed", errors=[{"code": 131026, "title": "undeliverable"}])
    keep(posted(sender, statuses=[failed]))
    run()
    known.refresh_from_db()
    assert known.undeliverable_at == NOW - timedelta(seconds=30)

    keep(posted(sender, messages=[text("wamid.1", "Hi", timestamp=str(SECONDS))]))
    run()
    known.refresh_from_db()
    assert known.undeliverable_at is None


def test_late_events_find_who_changed_number(sender: Sender, known: Contact) -> None:
    change = {
        "from": PHONE[1:],
        "id": "wamid.c",
        "timestamp": str(SECONDS),
        "type": "system",
        "system": {
            "type": "user_changed_number",
            "wa_id": "34622000702",
            "user_id": "ES.9",
            "previous_user_id": BSUID,
        },
    }
    keep(posted(sender, messages=[change]))
    run()
    keep(posted(sender, messages=[text("wamid.1", "Hello")]))
    run()

    known.refresh_from_db()
    assert (known.phone, known.bsuid) == ("+34622000702", "ES.9")
    assert Contact.across_businesses.count() == 1
    assert Message.across_businesses.get().contact_id == known.pk


def test_history_and_echoes_are_stored_as_they_were() -> None:
    make_tenants()
    keep(body("history_threads"), body("smb_message_echo"))
    run()

    rows = Message.across_businesses.exclude(metadata=None).order_by("occurred_at")
    assert [(one.direction, one.status) for one in rows] == [
        ("outbound", "read"),
        ("inbound", "received"),
        ("outbound", "sent"),
    ]
    assert rows[0].occurred_at == datetime.fromtimestamp(1792991000, UTC)
