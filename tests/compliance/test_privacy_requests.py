"""Requests of people: one of a kind, whatever happens at once, and nothing forgotten after it."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts import tenancy
from accounts.access import Access
from accounts.roles import ALL_PERMISSIONS
from compliance import consent
from compliance.models import ConsentEvent, ConsentStatus, Scope
from compliance.privacy import keys, requests, upkeep
from compliance.privacy.models import ErasureRecord, PrivacyKey, PrivacyRequest
from config.lib import storage
from config.lib.ids import new_id, time_of
from messaging.contacts import people
from messaging.contacts.models import ContactImport
from messaging.media import uploads
from messaging.media.models import MediaFile
from messaging.messages.models import Message
from tests.compliance.test_privacy_erasure import erase
from tests.factories.cast import Cast, make_cast
from tests.factories.contacts import imported
from tests.factories.messaging import ContactFactory, MessageFactory

pytestmark = pytest.mark.django_db(transaction=True)
PHONE = "+34622990011"
Kind = PrivacyRequest.Kind


@pytest.fixture(autouse=True)
def stores(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}/media"
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/backups"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def ask(cast: Cast, kind: Kind = Kind.ERASURE) -> PrivacyRequest:
    by = Access(cast.alice, None, cast.business, frozenset(ALL_PERMISSIONS))
    with tenancy.scope(cast.business):
        return requests.open_(
            kind=kind, person=requests.identify(address=PHONE), by=by, now=timezone.now()
        )


def test_of_several_who_note_the_same_at_once_one_does(cast: Cast) -> None:
    ready, outcomes = threading.Barrier(6), []
    with tenancy.scope(cast.business):
        keys.current()

    def note() -> None:
        ready.wait()
        try:
            ask(cast)
            outcomes.append("noted")
        except requests.AlreadyOpen:
            outcomes.append("refused")
        connection.close()

    threads = [threading.Thread(target=note) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["noted", *["refused"] * 5]
    assert PrivacyRequest.across_businesses.count() == 1


def test_an_erasure_that_took_long_is_looked_at_again_only_once_it_settled(cast: Cast) -> None:
    contact = ContactFactory.create(business=cast.business, phone=PHONE)
    request = erase(cast, PHONE)
    now = timezone.now()
    ErasureRecord.across_businesses.update(erased_at=now - timedelta(hours=1))

    upkeep.sweep(now=now)
    late = MessageFactory.create(business=cast.business, contact=contact)
    upkeep.sweep(now=now + timedelta(minutes=11))

    assert request.status == "done"
    assert not Message.across_businesses.filter(pk=late.pk).exists()
    assert ErasureRecord.across_businesses.get().looked_again_at is not None


def test_an_erasure_that_failed_is_looked_at_again_once_it_is_done(cast: Cast) -> None:
    contact = ContactFactory.create(business=cast.business, phone=PHONE)
    request = erase(cast, PHONE)
    late = MessageFactory.create(business=cast.business, contact=contact)
    now = timezone.now()
    PrivacyRequest.across_businesses.filter(pk=request.pk).update(status="failed")

    upkeep.sweep(now=now + timedelta(minutes=11))

    assert ErasureRecord.across_businesses.get().looked_again_at is None
    assert Message.across_businesses.filter(pk=late.pk).exists()

    PrivacyRequest.across_businesses.filter(pk=request.pk).update(status="done")

    upkeep.sweep(now=now + timedelta(minutes=12))

    assert ErasureRecord.across_businesses.get().looked_again_at == now + timedelta(minutes=12)
    assert not Message.across_businesses.filter(pk=late.pk).exists()


def under_another_secret() -> UUID:
    """Let a restore have brought in another secret, under which all that follows is filed."""
    made: UUID = PrivacyKey.objects.create(id=new_id(), secret="ab" * 32).pk
    assert keys.current().id == made
    return made


def test_requests_filed_under_another_secret_are_found(cast: Cast) -> None:
    noted = ask(cast, Kind.ACCESS)
    PrivacyRequest.across_businesses.filter(pk=noted.pk).update(note="Ana wants a copy")
    under_another_secret()

    with pytest.raises(requests.AlreadyOpen):
        ask(cast, Kind.ACCESS)
    erase(cast, PHONE)

    noted.refresh_from_db()
    assert (noted.status, noted.note, noted.person) == ("withdrawn", "", "")


def test_erased_under_two_secrets_the_later_day_counts(cast: Cast) -> None:
    erase(cast, PHONE)
    between = timezone.now()
    under_another_secret()
    erase(cast, PHONE)

    with tenancy.scope(cast.business):
        people.find_or_create(phone=PHONE, now=timezone.now())
        consent.record(
            addresses=[PHONE],
            scopes=[Scope.MARKETING],
            status=ConsentStatus.OPTED_IN,
            source=ConsentEvent.Source.IMPORT,
            occurred_at=between,
            now=timezone.now(),
        )
        decision = consent.check(addresses=[PHONE], scope=Scope.MARKETING)

    assert decision == consent.Refused("opted_out")


def test_a_file_a_killed_worker_stored_and_did_not_note_goes_too(cast: Cast) -> None:
    contact = ContactFactory.create(business=cast.business, phone=PHONE)
    message = MessageFactory.create(business=cast.business, contact=contact)
    media = MediaFile.across_businesses.create(business=cast.business, message_id=message.pk)
    path = storage.media().save(uploads.path_of(media, time_of(media.pk)), ContentFile(b"picture"))

    erase(cast, PHONE)

    assert not storage.media().exists(path)


def test_a_file_nobody_can_read_goes_too(cast: Cast) -> None:
    held = imported(cast.business, b"phone,name\n+34622000001,Eva\n")
    broken = b"PK\x03\x04 half a workbook, with +34622990011 in it"
    storage.media().delete(held.file)
    path = storage.media().save(held.file, ContentFile(broken))
    dialect = {"kind": "xlsx", "encoding": "", "delimiter": ""}
    ContactImport.across_businesses.filter(pk=held.pk).update(
        file=path, options={**held.options, "dialect": dialect}
    )

    request = erase(cast, PHONE)

    assert request.status == "done", request.error
    assert not storage.media().exists(path)
