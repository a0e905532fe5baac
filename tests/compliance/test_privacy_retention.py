"""Rules of keeping: what is older goes in batches, what is younger or another's stays."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts import tenancy
from accounts.access import Access
from accounts.roles import ALL_PERMISSIONS
from compliance.models import AuditEntry
from compliance.privacy import retention
from compliance.privacy.models import RetentionRule, RetentionRun
from config.lib import ids, storage
from config.lib.errors import InvalidInput
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts.models import ContactImport
from messaging.conversations.models import Conversation
from messaging.media import uploads
from messaging.media.models import MediaFile
from messaging.messages.models import Message
from messaging.privacy import retention as kinds
from messaging.senders.models import Sender
from messaging.webhooks.models import PendingEvent, RawEvent
from tests.factories.cast import Cast, make_cast
from tests.factories.contacts import imported
from tests.factories.messaging import (
    ContactFactory,
    ConversationFactory,
    MessageFactory,
    SenderFactory,
)
from tests.factories.templates import TemplateFactory

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()
OLD = NOW - timedelta(days=100)


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}/media"
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/backups"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def sender(cast: Cast) -> Sender:
    made: Sender = SenderFactory.create(business=cast.business)
    return made


def keep(cast: Cast, **days: int | None) -> None:
    by = Access(cast.alice, None, cast.business, frozenset(ALL_PERMISSIONS))
    with tenancy.scope(cast.business):
        for kind, count in days.items():
            retention.set_days(kind=kind, days=count, by=by, now=NOW)


def run() -> dict[str, int]:
    return retention.apply_all(clock=lambda: NOW, until=NOW + timedelta(minutes=1))


def message(sender: Sender, at: Any, **values: Any) -> Message:
    contact = values.pop("contact", None) or ContactFactory.create(business=sender.business)
    made: Message = MessageFactory.create(
        id=ids.derived_id(at, str(at), str(contact.pk)),
        business=sender.business,
        sender=sender,
        contact=contact,
        content={"body": "secret words"},
        metadata={"order": "7"},
        **values,
    )
    return made


def event(at: Any, *senders: Sender) -> RawEvent:
    changes = [
        {
            "field": "messages",
            "value": {
                "metadata": {"phone_number_id": one.phone_number_id},
                "messages": [{"from": "1", "text": {"body": one.phone_number_id}}],
            },
        }
        for one in senders
    ]
    body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}
    return RawEvent.objects.create(
        id=ids.derived_id(at, *(str(one.pk) for one in senders)), body=json.dumps(body).encode()
    )


def test_old_text_goes_and_the_row_stays_for_reports(cast: Cast, sender: Sender) -> None:
    old, young = message(sender, OLD), message(sender, NOW - timedelta(days=1))
    waiting = message(sender, OLD - timedelta(days=1), status="queued")
    keep(cast, messages=90)

    assert run()["messages"] == 1
    assert run().get("messages", 0) == 0

    rows = Message.across_businesses.in_bulk([old.pk, young.pk, waiting.pk])
    assert (rows[old.pk].content, rows[old.pk].metadata) == ({"removed": True}, None)
    assert rows[old.pk].status == "sent"
    assert rows[young.pk].content == rows[waiting.pk].content == {"body": "secret words"}


def test_a_message_that_waited_long_goes_once_it_was_sent(cast: Cast, sender: Sender) -> None:
    waited = message(sender, OLD, status="scheduled")
    keep(cast, messages=30)
    run()
    Message.across_businesses.filter(pk=waited.pk).update(status="delivered")

    assert run()["messages"] == 1

    assert Message.across_businesses.get(pk=waited.pk).content == {"removed": True}


def test_a_message_that_waits_keeps_no_night_from_going_on(cast: Cast, sender: Sender) -> None:
    waited = message(sender, OLD, status="scheduled")
    keep(cast, messages=30)
    run()
    run()

    with tenancy.scope(cast.business):
        rule = RetentionRule.objects.get(kind="messages")
        assert (rule.done_before, rule.left) == (NOW - timedelta(days=30), [waited.pk])
    Message.across_businesses.filter(pk=waited.pk).update(status="failed")
    assert run()["messages"] == 1
    run()
    with tenancy.scope(cast.business):
        assert RetentionRule.objects.get(kind="messages").left == []


def test_more_messages_wait_than_are_kept_in_mind(
    cast: Cast, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (retention, kinds):
        monkeypatch.setattr(module, "MOST_LEFT", 2)
    waiting = [
        message(sender, OLD + timedelta(days=10 * days), status="queued") for days in range(5)
    ]
    keep(cast, messages=30)
    run()
    run()

    with tenancy.scope(cast.business):
        rule = RetentionRule.objects.get(kind="messages")
        assert rule.left == [one.pk for one in waiting[:2]]
        assert rule.done_before == ids.time_of(waiting[2].pk)
    Message.across_businesses.update(status="sent")
    assert run()["messages"] == 5


def test_a_message_that_waited_stays_when_the_time_became_longer(
    cast: Cast, sender: Sender
) -> None:
    waited = message(sender, OLD, status="scheduled")
    keep(cast, messages=30)
    run()
    keep(cast, messages=200)
    Message.across_businesses.filter(pk=waited.pk).update(status="sent")

    assert run().get("messages", 0) == 0

    assert Message.across_businesses.get(pk=waited.pk).content == {"body": "secret words"}
    keep(cast, messages=30)
    assert run()["messages"] == 1


def test_what_campaigns_were_given_of_people_goes_with_the_text(cast: Cast, sender: Sender) -> None:
    with tenancy.scope(cast.business):
        over, young, running = (
            Campaign.objects.create(
                business=cast.business,
                name="Spring",
                sender=sender,
                template=TemplateFactory.create(account=sender.account),
                status=status,
                finished_at=at,
            )
            for status, at in (("completed", OLD), ("cancelled", NOW), ("running", None))
        )
        for campaign in (over, young, running):
            for contact in ContactFactory.create_batch(3, business=cast.business):
                CampaignRecipient.objects.create(
                    campaign=campaign, contact=contact, values={"1": "secret words"}
                )
    keep(cast, messages=90)

    assert run()["messages"] == 3
    assert run().get("messages", 0) == 0

    told = CampaignRecipient.objects.filter(values__isnull=False)
    assert {one.campaign_id for one in told} == {young.pk, running.pk}


def test_nothing_goes_without_a_rule(cast: Cast, sender: Sender) -> None:
    kept = message(sender, OLD)

    run()

    assert Message.across_businesses.get(pk=kept.pk).content == {"body": "secret words"}


def test_files_go_from_the_storage(cast: Cast, sender: Sender) -> None:
    path = storage.media().save("media/x", ContentFile(b"picture"))
    file = MediaFile.across_businesses.create(
        business=cast.business, path=path, status="stored", filename="me.jpg", created_at=OLD
    )
    MediaFile.across_businesses.filter(pk=file.pk).update(created_at=OLD)
    keep(cast, media=30)

    assert run()["media"] == 1

    file.refresh_from_db()
    assert (file.path, file.filename) == ("", "")
    assert not storage.media().exists(path)


def test_silent_conversations_go_with_their_messages(cast: Cast, sender: Sender) -> None:
    silent, busy = (ContactFactory.create(business=cast.business) for _ in range(2))
    ConversationFactory.create(
        business=cast.business, sender=sender, contact=silent, last_message_at=OLD
    )
    ConversationFactory.create(
        business=cast.business, sender=sender, contact=busy, last_message_at=NOW
    )
    message(sender, OLD, contact=silent)
    message(sender, OLD, contact=busy)
    keep(cast, conversations=60)

    assert run()["conversations"] == 2

    with tenancy.scope(cast.business):
        assert [one.contact_id for one in Conversation.objects.all()] == [busy.pk]
        assert [one.contact_id for one in Message.objects.all()] == [busy.pk]


def test_files_nobody_noted_go_with_a_silent_conversation(cast: Cast, sender: Sender) -> None:
    contact = ContactFactory.create(business=cast.business)
    ConversationFactory.create(
        business=cast.business, sender=sender, contact=contact, last_message_at=OLD
    )
    file = MediaFile.across_businesses.create(
        business=cast.business, message_id=message(sender, OLD, contact=contact).pk
    )
    path = uploads.path_of(file, ids.time_of(file.pk))
    storage.media().save(path, ContentFile(b"left by a killed worker"))
    keep(cast, conversations=60)

    assert run()["conversations"] == 2

    assert not MediaFile.across_businesses.exists()
    assert not storage.media().exists(path)


def test_a_thread_somebody_writes_in_meanwhile_stays(cast: Cast, sender: Sender) -> None:
    contact = ContactFactory.create(business=cast.business)
    thread = ConversationFactory.create(
        business=cast.business, sender=sender, contact=contact, last_message_at=OLD
    )
    keep(cast, conversations=60)
    is_written, outcome = threading.Event(), []

    def remove() -> None:
        is_written.wait(10)
        outcome.append(run().get("conversations", 0))
        connection.close()

    removing = threading.Thread(target=remove)
    removing.start()
    with transaction.atomic():
        Conversation.across_businesses.filter(pk=thread.pk).update(last_message_at=NOW)
        new = message(sender, NOW, contact=contact)
        is_written.set()
        time.sleep(1)
    removing.join()

    assert outcome == [0]
    assert Message.across_businesses.filter(pk=new.pk).exists()
    assert Conversation.across_businesses.filter(pk=thread.pk).exists()


def test_a_night_that_was_too_short_says_that_it_did_not_finish(cast: Cast, sender: Sender) -> None:
    message(sender, OLD)
    keep(cast, messages=90)

    retention.apply_all(clock=lambda: NOW, until=NOW)

    assert RetentionRun.across_businesses.filter(finished_at=None).count() == 2


def test_files_of_imports_go_after_a_month_by_themselves(cast: Cast) -> None:
    old = imported(cast.business, b"phone,name\n+34622000001,Ana\n")
    young = imported(cast.business, b"phone,name\n+34622000002,Eva\n")
    ContactImport.across_businesses.filter(pk=old.pk).update(created_at=OLD)
    ContactImport.across_businesses.filter(pk=young.pk).update(created_at=NOW)

    assert run()["imports"] == 1

    rows = ContactImport.across_businesses.in_bulk([old.pk, young.pk])
    assert rows[old.pk].file == ""
    assert storage.media().exists(rows[young.pk].file)


def test_each_business_cuts_its_own_part_out_of_raw_events(cast: Cast, sender: Sender) -> None:
    theirs: Sender = SenderFactory.create(business=cast.other_business)
    both, ours, young = event(OLD, sender, theirs), event(OLD, sender), event(NOW, sender)
    waiting = event(OLD - timedelta(days=1), sender)
    PendingEvent.objects.create(event_id=waiting.pk)
    keep(cast, webhooks=30)
    with tenancy.scope(cast.other_business):
        RetentionRule.objects.create(business=cast.other_business, kind="webhooks", days=None)

    assert run()["webhooks"] == 2

    rows = RawEvent.objects.in_bulk()
    assert set(rows) == {both.pk, young.pk, waiting.pk}
    assert sender.phone_number_id.encode() not in bytes(rows[both.pk].body)
    assert theirs.phone_number_id.encode() in bytes(rows[both.pk].body)
    assert ours.pk not in rows


def test_a_run_says_what_it_removed_and_a_preview_says_what_it_would(
    cast: Cast, sender: Sender
) -> None:
    message(sender, OLD)
    event(OLD, sender)
    keep(cast, messages=90, media=None)

    with tenancy.scope(cast.business):
        told = retention.preview(now=NOW)
        assert (told["messages"], told["webhooks"], told["media"]) == (1, 1, 0)
        assert retention.preview(now=NOW, days={"messages": 200})["messages"] == 0
    run()

    with tenancy.scope(cast.business):
        done = RetentionRun.objects.get()
        assert done.removed == {"messages": 1, "webhooks": 1}
        assert done.finished_at is not None
        assert AuditEntry.objects.filter(action="retention.applied").exists()
        assert AuditEntry.objects.filter(action="retention.changed").count() == 2


def test_a_night_that_is_killed_leaves_in_the_trail_that_data_went(
    cast: Cast, sender: Sender
) -> None:
    message(sender, OLD)
    event(OLD, sender)
    keep(cast, messages=90)

    def clock() -> Any:
        if RetentionRun.across_businesses.filter(removed__has_key="messages").exists():
            raise KeyboardInterrupt
        return NOW

    with pytest.raises(KeyboardInterrupt):
        retention.apply_all(clock=clock, until=NOW + timedelta(minutes=1))

    with tenancy.scope(cast.business):
        begun = AuditEntry.objects.filter(action="retention.begun")
        assert {one.resource_id for one in begun} == {"messages", "webhooks"}


def test_the_longest_time_keeps_everything(cast: Cast, sender: Sender) -> None:
    kept = message(sender, OLD)
    longest = dict.fromkeys(retention.kinds(), retention.LONGEST_DAYS)
    keep(cast, **longest)

    assert run() == {}

    with tenancy.scope(cast.business):
        assert set(retention.preview(now=NOW).values()) == {0}
        rules = RetentionRule.objects.exclude(kind="webhooks")
        assert not rules.filter(done_before=None).exists()
    assert Message.across_businesses.get(pk=kept.pk).content == {"body": "secret words"}


def test_a_time_too_short_is_refused(cast: Cast) -> None:
    for days in (0, 6, 36_501):
        with pytest.raises(InvalidInput):
            keep(cast, messages=days)
    with pytest.raises(InvalidInput):
        keep(cast, weather=7)


def test_a_rule_that_cannot_be_kept_ends_the_night_for_nothing_else(
    cast: Cast, sender: Sender
) -> None:
    first, second = sorted((cast.business, cast.other_business), key=lambda one: str(one.pk))
    with tenancy.scope(first):
        # Before the first year there is no day.
        RetentionRule.objects.create(business=first, kind="media", days=1_000_000)
    RetentionRule.across_businesses.bulk_create(
        [RetentionRule(business=one, kind="messages", days=90) for one in (first, second)]
    )
    old = [message(SenderFactory.create(business=one), OLD) for one in (first, second)]

    assert run()["messages"] == 2

    rows = Message.across_businesses.in_bulk([one.pk for one in old])
    assert {str(row.content) for row in rows.values()} == {"{'removed': True}"}
    assert RetentionRun.across_businesses.filter(finished_at=None).count() == 0
