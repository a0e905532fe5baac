"""The list of erasures outside the database: signed, and replayed after a restore."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts import tenancy
from compliance import consent
from compliance.models import Scope
from compliance.privacy import records, suppression, upkeep
from compliance.privacy.models import ErasureRecord, PrivacyKey, PrivacyRequest, SuppressedPerson
from config.lib.ids import new_id
from messaging.contacts import people
from messaging.contacts.models import Contact
from messaging.messages.models import Message
from messaging.sending.models import QueueItem
from tests.compliance.test_privacy_erasure import erase
from tests.factories.cast import Cast, make_cast
from tests.factories.messaging import ContactFactory, MessageFactory

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "+34622990011"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}/media"
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/backups"
    return tmp_path / "backups" / "privacy"


@pytest.fixture
def erased(cast: Cast) -> PrivacyRequest:
    """Somebody was erased, and the list says so."""
    ContactFactory.create(business=cast.business, phone=PHONE)
    request = erase(cast, PHONE)
    assert records.store_pending(now=timezone.now()) == 1
    return request


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def restore(cast: Cast) -> None:
    """Make the database what it was before the erasure: without its traces, with the person."""
    PrivacyKey.objects.all().delete()
    for model in (ErasureRecord, SuppressedPerson, PrivacyRequest):
        model.across_businesses.all().delete()
    ContactFactory.create(business=cast.business, phone=PHONE, name="back again")


def replay(*arguments: str) -> str:
    out = StringIO()
    call_command("replay_erasures", *arguments, stdout=out)
    return out.getvalue()


def test_a_restored_person_is_erased_again(cast: Cast, erased: PrivacyRequest) -> None:
    restore(cast)

    said = replay()

    assert "1 erased again" in said
    with tenancy.scope(cast.business):
        assert not Contact.objects.filter(phone=PHONE).exists()
        assert PrivacyRequest.objects.get().status == "done"
        assert len(suppression.find([PHONE])) == 1
        people.find_or_create(phone=PHONE, now=timezone.now())
        decision = consent.check(addresses=[PHONE], scope=Scope.MARKETING)
    assert decision == consent.Refused("opted_out")


def test_a_dry_run_changes_nothing(cast: Cast, erased: PrivacyRequest) -> None:
    restore(cast)

    said = replay("--dry-run")

    assert "1 would be erased again" in said
    with tenancy.scope(cast.business):
        assert Contact.objects.filter(phone=PHONE).exists()


def test_whoever_came_back_by_themselves_is_left_alone(cast: Cast, erased: PrivacyRequest) -> None:
    with tenancy.scope(cast.business):
        people.find_or_create(phone=PHONE, now=timezone.now())

    said = replay()

    assert "1 done in this database, 0 erased again" in said
    with tenancy.scope(cast.business):
        assert Contact.objects.filter(phone=PHONE).exists()


def test_the_list_names_nobody_and_a_changed_file_stops_the_replay(
    cast: Cast, erased: PrivacyRequest, storage: Path
) -> None:
    [file] = (storage / "erasures").iterdir()
    assert PHONE[1:] not in file.read_text()
    held = json.loads(file.read_text())
    held["facts"]["digests"] = []
    file.write_text(json.dumps(held))
    restore(cast)

    with pytest.raises(CommandError, match="not genuine"):
        replay()
    with tenancy.scope(cast.business):
        assert Contact.objects.filter(phone=PHONE).exists()


def test_hashes_survive_a_rotation_of_the_field_keys(
    cast: Cast, erased: PrivacyRequest, settings: Settings
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["brand new", *(settings.FIELD_ENCRYPTION_KEYS or [])] + (
        [] if settings.FIELD_ENCRYPTION_KEYS else [settings.SECRET_KEY]
    )
    call_command("reseal_privacy_key", stdout=StringIO())
    settings.FIELD_ENCRYPTION_KEYS = ["brand new"]

    with tenancy.scope(cast.business):
        assert list(suppression.find([PHONE])) == [PHONE]
    restore(cast)
    assert "1 erased again" in replay()


def test_a_second_look_finds_what_was_under_way(cast: Cast, erased: PrivacyRequest) -> None:
    with tenancy.scope(cast.business):
        record = ErasureRecord.objects.get()
    left: Message = MessageFactory.create(business=cast.business)
    Message.across_businesses.filter(pk=left.pk).update(contact_id=record.contact_ids[0])

    upkeep.sweep(now=timezone.now() + timedelta(minutes=11))

    assert not Message.across_businesses.filter(pk=left.pk).exists()
    with tenancy.scope(cast.business):
        assert ErasureRecord.objects.get().looked_again_at is not None


def test_what_cannot_be_done_keeps_nothing_else_waiting(
    cast: Cast, erased: PrivacyRequest, storage: Path
) -> None:
    later = timezone.now() + timedelta(minutes=11)
    of = {"business": cast.business, "erased_at": timezone.now()}
    with tenancy.scope(cast.business):
        held = ErasureRecord.objects.get()
        _let_a_message_leave_to(held)
        known = {"key_id": held.key_id, "request_id": erased.pk}
        ErasureRecord.objects.filter(pk=held.pk).update(request_id=new_id())
        without_request = ErasureRecord.objects.create(**of, **known | {"request_id": new_id()})
        fine = ErasureRecord.objects.create(**of, **known)
        stuck, over = (_copy(cast, path, later) for path in ("../outside", "privacy/over.zip"))

    upkeep.sweep(now=later)

    assert (storage / "erasures" / f"{fine.pk}.json").exists()
    with tenancy.scope(cast.business):
        rows = ErasureRecord.objects.in_bulk()
        assert rows[held.pk].looked_again_at is None
        assert rows[fine.pk].looked_again_at is not None
        assert rows[without_request.pk].stored_at is None
        copies = PrivacyRequest.objects.in_bulk()
        assert (copies[stuck.pk].status, copies[over.pk].status) == ("done", "expired")


def _copy(cast: Cast, path: str, at: datetime) -> PrivacyRequest:
    made: PrivacyRequest = PrivacyRequest.objects.create(
        business=cast.business,
        kind="access",
        status="done",
        received_at=at,
        due_at=at,
        file=path,
        expires_at=at,
    )
    return made


def _let_a_message_leave_to(record: ErasureRecord) -> None:
    """Let a worker hold a message to somebody who was erased."""
    message = MessageFactory.create(business=record.business, status="queued")
    Message.objects.filter(pk=message.pk).update(contact_id=record.contact_ids[0])
    QueueItem.objects.create(
        message_id=message.pk,
        business_id=record.business_id,
        sender=message.sender,
        contact_id=record.contact_ids[0],
        priority=5,
        lease_until=timezone.now() + timedelta(hours=1),
        lease_owner=new_id(),
    )
