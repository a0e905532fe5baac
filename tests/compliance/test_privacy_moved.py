"""Erasing a person whose number changes while the erasure runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from accounts import tenancy
from accounts.access import Access
from accounts.roles import ALL_PERMISSIONS
from compliance import consent
from compliance.models import Consent, ConsentEvent, Scope
from compliance.privacy import records, requests
from compliance.privacy.models import ErasureRecord, PrivacyRequest, SuppressedPerson
from messaging.contacts import people
from messaging.contacts.models import Contact, ContactImport
from messaging.webhooks import people as named
from tests.factories.cast import Cast, make_cast
from tests.factories.compliance import opt_in
from tests.factories.contacts import imported, uploaded

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "+34600111222", "+34600333444"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}/media"
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/backups"


@pytest.fixture
def known() -> Cast:
    """Return a business that knows somebody, by a file, who agreed."""
    made = make_cast()
    imported(made.business, f"phone,name\n{OLD},Ana\n".encode())
    opt_in(made.business, OLD, at=timezone.now() - timedelta(days=40))
    return made


def begun(known: Cast) -> PrivacyRequest:
    """Start an erasure and do its first steps: the person is suppressed, their file is gone."""
    now = timezone.now()
    by = Access(known.alice, None, known.business, frozenset(ALL_PERMISSIONS))
    request = requests.open_(
        kind=PrivacyRequest.Kind.ERASURE, person=requests.identify(address=OLD), by=by, now=now
    )
    request = requests.start(request, by=by, now=now)
    assert requests.perform(request.pk, clock=timezone.now, until=now)
    assert Contact.objects.filter(phone=OLD).exists()
    assert SuppressedPerson.objects.count() == 1
    return request


def ended(request: PrivacyRequest) -> PrivacyRequest:
    for _ in range(100):
        if not requests.perform(
            request.pk, clock=timezone.now, until=timezone.now() + timedelta(minutes=1)
        ):
            break
    request.refresh_from_db()
    assert request.status == "done", request.error
    return request


def move(*, at: datetime) -> None:
    """Have Meta say that the person has another number now."""
    fact = SimpleNamespace(old_phone=OLD, new_phone=NEW, old_bsuid="", new_bsuid="")
    with transaction.atomic():
        named.change(cast(Any, SimpleNamespace(fact=fact, at=at)), now=at)


def test_a_number_the_person_gets_while_they_are_erased_is_erased_and_suppressed(
    known: Cast,
) -> None:
    with tenancy.scope(known.business):
        request = begun(known)
        waiting = uploaded(known.business, f"phone,name\n{NEW},Ana\n".encode())
        move(at=timezone.now())

        ended(request)

        assert not Contact.objects.exists()
        assert not ConsentEvent.objects.exists()
        assert not Consent.objects.exists()
        assert ContactImport.objects.get(pk=waiting.pk).file == ""
        assert SuppressedPerson.objects.count() == 2
        people.find_or_create(phone=NEW, now=timezone.now())
        assert consent.check(addresses=[NEW], scope=Scope.MARKETING) == consent.Refused("opted_out")


def test_a_number_found_late_gets_into_the_certificate_and_the_list_outside(known: Cast) -> None:
    with tenancy.scope(known.business):
        request = begun(known)
        records.store_pending(now=timezone.now())
        as_it_was = ErasureRecord.objects.get()
        assert as_it_was.stored_at
        move(at=timezone.now())

        request = ended(request)

        records._store(as_it_was, timezone.now())
        record = ErasureRecord.objects.get()
        assert record.stored_at is None
        assert len(record.digests) == 2
        assert request.certificate is not None
        assert request.certificate["facts"]["digests"] == sorted(record.digests)
        assert records.store_pending(now=timezone.now()) == 1
        with tenancy.no_scope():
            [told] = records._listed()
        assert told["digests"] == sorted(record.digests)
