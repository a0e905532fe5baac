"""What one event does to the others: it may fail, or wait, without holding them up."""

from __future__ import annotations

import json
import threading
import time

import pytest
from django.db import connection
from django.utils import timezone

from accounts import tenancy
from config.lib.ids import new_id
from messaging.campaigns.models import Campaign
from messaging.messages.models import Message
from messaging.meta.client import Accepted
from messaging.senders.models import SenderActivity
from messaging.sending import gate, outcomes, queue, record
from messaging.sending.models import QueueItem
from messaging.webhooks import apply
from messaging.webhooks.models import DeadLetter, PendingEvent
from tests.factories.messaging import MessageFactory
from tests.messaging.pump import Pump
from tests.messaging.webhook_events import body, keep, make_tenants

PERSON, SECONDS = "+34611000001", int(timezone.now().timestamp())


@pytest.mark.django_db
def test_an_event_that_cannot_even_be_read_holds_nobody_up() -> None:
    deep = "[" * 900 + "]" * 900
    keep(b'{"object": "\\u0000", "entry": %s}' % deep.encode(), b"{}")

    done = apply.apply_due(now=timezone.now())

    assert done["events"] == 2
    assert PendingEvent.objects.count() == 1
    assert not DeadLetter.objects.exists()


@pytest.mark.django_db
def test_a_context_that_is_no_object_costs_no_message() -> None:
    make_tenants()
    parsed = json.loads(body("msg_text"))
    message = parsed["entry"][0]["changes"][0]["value"]["messages"][0]
    message["context"] = ["wamid.1"]
    keep(json.dumps(parsed).encode())

    apply.apply_due(now=timezone.now())

    assert Message.across_businesses.get(direction="inbound").wamid == message["id"]


@pytest.mark.django_db
def test_an_error_code_no_column_holds_costs_no_status() -> None:
    make_tenants()
    parsed = json.loads(body("status_failed_131026"))
    status = parsed["entry"][0]["changes"][0]["value"]["statuses"][0]
    status["errors"][0]["code"] = 2**40
    keep(json.dumps(parsed).encode())

    apply.apply_due(now=timezone.now())

    stored = Message.across_businesses.get(wamid=status["id"])
    assert (stored.status, stored.error_code) == ("failed", None)


@pytest.mark.django_db
def test_a_thread_of_nobody_costs_no_other_thread_of_the_past() -> None:
    make_tenants()
    parsed = json.loads(body("history_threads"))
    threads = parsed["entry"][0]["changes"][0]["value"]["history"][0]["threads"]
    threads.append({"id": "nobody", "messages": [{"id": "wamid.1", "type": "text"}]})
    keep(json.dumps(parsed).encode())

    apply.apply_due(now=timezone.now())

    assert Message.across_businesses.filter(metadata__is_history=True).exists()
    assert DeadLetter.objects.get().detail == "The message names nobody."


@pytest.mark.django_db
@pytest.mark.parametrize(("word", "is_evidence"), [("sent", True), ("held_for_quality", False)])
def test_only_a_status_of_a_message_of_ours_is_evidence_about_others(
    word: str, is_evidence: bool
) -> None:
    first, _ = make_tenants()
    message = MessageFactory.create(business=first.business, sender=first, status="sent")
    callback = str(message.pk) if is_evidence else "ffffffff-ffff-4fff-bfff-ffffffffffff"
    parsed = json.loads(body("status_sent_callback_data"))
    status = parsed["entry"][0]["changes"][0]["value"]["statuses"][0]
    status |= {"status": word, "biz_opaque_callback_data": callback}
    keep(json.dumps(parsed).encode())

    apply.apply_due(now=timezone.now())

    seen = SenderActivity.objects.filter(last_status_message_id__isnull=False)
    assert [one.last_status_message_id for one in seen] == [message.pk] * is_evidence


def test_a_stop_that_waits_for_a_send_does_not_keep_it_from_being_recorded(pump: Pump) -> None:
    """Both are of one campaign: its counters may not be held while the opt-out waits."""
    person = pump.person(PERSON)
    with tenancy.scope(pump.business):
        campaign = Campaign.objects.create(
            business=pump.business, name="Sale", sender=pump.sender, template=pump.template
        )
    first, second = pump.ask(person), pump.ask(person)
    Message.across_businesses.update(campaign=campaign)
    Message.across_businesses.filter(pk=first.pk).update(status="sent", wamid="wamid.1")
    QueueItem.objects.filter(pk=first.pk).delete()
    owner, now = new_id(), timezone.now()
    queue.claim(sender_id=pump.sender.pk, owner=owner, limit=1, now=now)
    candidate = gate.judge([second.pk], now=now)[0]
    assert queue.mark_leaving([second.pk], owner=owner, now=now)
    answered = outcomes.accepted(candidate, Accepted(wamid="wamid.2", wa_id="", user_id=""), at=now)
    claim = record.Claim(sender=pump.sender, owner=owner)
    keep(_refused(pump, "wamid.1"))
    recording = threading.Thread(target=_record_later, args=(answered, claim))

    recording.start()
    apply.apply_due(now=timezone.now())

    assert not QueueItem.objects.exists()
    recording.join()


def _record_later(answered: outcomes.Outcome, claim: record.Claim) -> None:
    time.sleep(1)
    try:
        with tenancy.scope(claim.sender.business_id):
            record.outcomes([answered], claim=claim, now=timezone.now())
    finally:
        connection.close()


def _refused(pump: Pump, wamid: str) -> bytes:
    status = {
        "id": wamid,
        "status": "failed",
        "timestamp": str(SECONDS),
        "recipient_id": PERSON[1:],
        "errors": [{"code": 131050, "title": "stopped"}],
    }
    metadata = {"phone_number_id": pump.sender.phone_number_id}
    change = {"field": "messages", "value": {"metadata": metadata, "statuses": [status]}}
    entry = {"id": pump.sender.account.waba_id, "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
