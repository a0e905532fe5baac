"""Erasing a person: nothing of them is left anywhere, and what others have stays."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import redis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import tenancy
from accounts.access import Access
from accounts.models import IdempotencyRecord
from accounts.roles import ALL_PERMISSIONS
from compliance import consent
from compliance.audit import sealing
from compliance.models import AuditEntry, Consent, ConsentEvent, ConsentStatus, Scope
from compliance.privacy import certificate, records, registry, requests, suppression
from compliance.privacy.models import (
    ErasureRecord,
    PrivacyBatch,
    PrivacyRequest,
    SuppressedPerson,
)
from compliance.privacy.registry import Person
from config.lib.ids import new_id
from config.lib.redis import key
from messaging.campaigns import words
from messaging.contacts import people
from messaging.contacts.models import Contact, ContactImport
from messaging.messages.models import Message
from messaging.privacy.webhooks import WebhooksHolder
from messaging.sending.models import QueueItem
from messaging.webhooks.models import DeadLetter, RawEvent
from tests.compliance import marked
from tests.compliance.marked import MARK, OTHER, PHONE, Scene
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.contacts import imported, uploaded
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media_storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}/media"
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/backups"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def scene(cast: Cast) -> Scene:
    return marked.make_scene(cast)


def by(cast: Cast) -> Access:
    return Access(cast.alice, None, cast.business, frozenset(ALL_PERMISSIONS))


def erase(cast: Cast, address: str = PHONE) -> PrivacyRequest:
    """Open, start and do an erasure here."""
    now = timezone.now()
    with tenancy.scope(cast.business):
        request = requests.open_(
            kind=PrivacyRequest.Kind.ERASURE,
            person=requests.identify(address=address),
            by=by(cast),
            now=now,
            note=f"asked by {MARK}",
        )
        requests.start(request, by=by(cast), now=now)
        run(request)
        request.refresh_from_db()
    return request


def run(request: PrivacyRequest, *, until: datetime | None = None) -> None:
    with tenancy.scope(request.business_id):
        requests.perform(
            request.pk, clock=timezone.now, until=until or timezone.now() + timedelta(minutes=1)
        )


def test_nothing_of_the_person_is_left_anywhere(
    cast: Cast,
    scene: Scene,
    redis_server: redis.Redis,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert len(marked.find_in_tables()) > 8
    assert marked.find_in_storage()

    request = erase(cast)

    records.store_pending(now=timezone.now())
    sealing.run(now=timezone.now())

    assert request.status == "done", request.error
    assert marked.find_in_tables() == {}
    assert marked.find_in_storage() == marked.find_in_storage("BACKUP_STORAGE_URL") == []
    assert marked.find_in_redis(redis_server) == []
    assert marked.in_text(caplog.text) == []
    assert marked.in_text("".join(capfd.readouterr())) == []


def test_the_audit_trail_still_verifies(cast: Cast, scene: Scene) -> None:
    call_command("verify_audit", stdout=StringIO())
    with tenancy.scope(cast.business):
        before = AuditEntry.objects.count()

    erase(cast)

    sealing.run(now=timezone.now())
    call_command("verify_audit", stdout=StringIO())
    with tenancy.scope(cast.business):
        assert AuditEntry.objects.count() > before


def test_what_others_have_stays(cast: Cast, scene: Scene) -> None:
    erase(cast)

    assert [one.content for one in marked.others(scene.business)] == [
        {"body": "Hello from somebody else"}
    ]
    bodies = [bytes(one.body) for one in RawEvent.objects.all()]
    assert len(bodies) == 1
    assert b"Hello from somebody else" in bodies[0]
    with tenancy.scope(scene.business):
        assert Contact.objects.filter(phone=f"+{OTHER}").exists()


def test_the_certificate_lists_every_store_and_is_signed(cast: Cast, scene: Scene) -> None:
    request = erase(cast)

    assert request.certificate is not None
    facts = request.certificate["facts"]
    assert [one["name"] for one in facts["stores"]] == [one.name for one in registry.holders()]
    removed = {one["name"]: sum(one["removed"].values()) for one in facts["stores"]}
    assert {name for name, count in removed.items() if count} >= {
        "messages", "files", "imports", "contact", "webhooks", "consent", "answers",
    }  # fmt: skip
    assert certificate.is_valid(request.certificate)
    facts["person"] = "+34•••••0000"
    assert not certificate.is_valid(request.certificate)


def test_an_erasure_stopped_after_any_step_goes_on(cast: Cast, scene: Scene) -> None:
    now = timezone.now()
    with tenancy.scope(cast.business):
        request = requests.open_(
            kind=PrivacyRequest.Kind.ERASURE,
            person=requests.identify(address=PHONE),
            by=by(cast),
            now=now,
        )
        request = requests.start(request, by=by(cast), now=now)
    turns = 0
    while request.status == "running" and turns < 200:
        run(request, until=now)
        request.refresh_from_db()
        turns += 1

    assert turns > 5
    assert request.status == "done", request.error
    assert marked.find_in_tables() == {}


def test_whoever_was_erased_stays_opted_out_when_an_old_file_brings_them_back(
    cast: Cast, scene: Scene
) -> None:
    now = timezone.now()
    erase(cast)

    with tenancy.scope(cast.business):
        people.find_or_create(phone=PHONE, now=now)
        assert consent.check(addresses=[PHONE], scope=Scope.MARKETING) == consent.Refused(
            "opted_out"
        )
        consent.record_many(
            [
                consent.ConsentRow([PHONE], [Scope.MARKETING], ConsentStatus.OPTED_IN),
                consent.ConsentRow(
                    [PHONE], [Scope.MARKETING], ConsentStatus.OPTED_IN, now - timedelta(days=1)
                ),
            ],
            source=ConsentEvent.Source.IMPORT,
            now=timezone.now(),
        )
        assert consent.check(addresses=[PHONE], scope=Scope.MARKETING) == consent.Refused(
            "opted_out"
        )


def test_a_consent_given_after_the_erasure_counts(cast: Cast, scene: Scene) -> None:
    erase(cast)

    later = timezone.now() + timedelta(minutes=1)
    with tenancy.scope(cast.business):
        consent.record(
            addresses=[PHONE],
            scopes=[Scope.MARKETING],
            status=ConsentStatus.OPTED_IN,
            source=ConsentEvent.Source.API,
            occurred_at=later,
            now=later,
        )
        assert consent.check(addresses=[PHONE], scope=Scope.MARKETING) == consent.Allowed()
        assert suppression.bring_back([PHONE]) == 1
        assert consent.check(addresses=[PHONE], scope=Scope.MARKETING) == consent.Allowed()


def test_the_same_person_at_another_business_is_not_touched(cast: Cast, scene: Scene) -> None:
    with tenancy.scope(cast.other_business):
        people.find_or_create(phone=PHONE, name="theirs", now=timezone.now())

    erase(cast)

    with tenancy.scope(cast.other_business):
        assert Contact.objects.get(phone=PHONE).name == "theirs"
        assert not SuppressedPerson.objects.exists()
        assert not Consent.objects.exists()


def test_what_waits_for_the_person_is_cancelled(cast: Cast, scene: Scene) -> None:
    with tenancy.scope(scene.business):
        assert Message.objects.filter(contact=scene.contact).exists()

    erase(cast)

    with tenancy.scope(scene.business):
        assert not Message.objects.filter(contact=scene.contact.pk).exists()
        record = ErasureRecord.objects.get()
        assert record.contact_ids == [scene.contact.pk]
        assert all(MARK not in one and PHONE not in one for one in record.digests)


def test_a_file_that_waits_to_be_imported_is_stopped(cast: Cast, scene: Scene) -> None:
    waiting = uploaded(cast.business, f"phone,name\n622 990 011,{MARK}\n".encode())

    erase(cast)

    with tenancy.scope(cast.business):
        waiting = ContactImport.objects.get(pk=waiting.pk)
    assert (waiting.status, waiting.file) == ("failed", "")
    assert "erased" in waiting.error


def test_a_file_of_consents_that_waits_for_its_yes_is_sealed_and_dropped(
    cast: Cast, scene: Scene, redis_server: redis.Redis
) -> None:
    page = Client()
    page.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    route = "/admin/compliance/consent/import/"
    told = f"phone,status,name\n{PHONE},yes,{MARK}\n".encode()
    form = {"source": "Fair", "status": "", "scope": "marketing"}
    looked = page.post(route, form | {"file": SimpleUploadedFile("list.csv", told)})
    waiting = [*redis_server.scan_iter(match=key("consent-file", "*"))]

    assert len(waiting) == 1
    assert marked.find_in_redis(redis_server) == []
    request = erase(cast)

    assert request.certificate is not None
    removed = {one["name"]: one["removed"] for one in request.certificate["facts"]["stores"]}
    assert removed["consent_files"] == {"files": 1}
    assert not redis_server.exists(*waiting)
    page.post(route, {"token": looked.context["token"]})
    with tenancy.scope(cast.business):
        assert not ConsentEvent.objects.filter(source="import", address=PHONE).exists()


def test_the_name_of_a_file_is_copied_nowhere(cast: Cast) -> None:
    name = f"{MARK} {marked.SPOKEN}.csv"
    rows = f"phone,name,status\n+{OTHER},Other,yes\n".encode()
    held = imported(cast.business, rows, filename=name)
    file = SimpleUploadedFile(name, f"phone,status\n+{OTHER},no\n".encode())
    told = {"source": "Fair", "commit": "true", "file": file}
    client = client_of(cast.alice)
    answer = client.post("/api/compliance/consent/import", told, format="multipart")
    assert answer.status_code == 201
    page = Client()
    page.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    several = SimpleUploadedFile(name, f"+{OTHER}\n".encode())
    asked = {"people": "", "source": "No purchase", "file": several}
    page.post("/admin/compliance/privacyrequest/ask_several/", asked)
    with tenancy.scope(cast.business):
        assert PrivacyBatch.objects.get().size == 1

    assert set(marked.find_in_tables()) == {"messaging_contactimport"}
    assert held.list is not None
    spec = {"import": str(held.pk)}
    with tenancy.scope(cast.business):
        assert words.audience(spec) == [f"Import “{name}”"]
        assert MARK not in str(words.audience(spec, is_kept=True))


def test_a_stored_answer_that_spells_the_number_goes_too(cast: Cast, scene: Scene) -> None:
    file = SimpleUploadedFile(f"{marked.SPOKEN}.csv", f"phone,name\n+{OTHER},Other\n".encode())
    client, key = client_of(cast.alice), {"Idempotency-Key": "a-file"}
    told = {"file": file}
    answer = client.post("/api/contacts/import", told, format="multipart", headers=key)
    assert marked.SPOKEN in answer.content.decode()

    erase(cast)

    assert not IdempotencyRecord.objects.filter(key="a-file").exists()


def test_a_first_row_taken_for_names_of_columns_goes_too(cast: Cast, scene: Scene) -> None:
    held = uploaded(cast.business, f"{MARK},{PHONE}\nOther,+{OTHER}\n".encode(), has_header=True)
    assert MARK in held.columns

    erase(cast)

    with tenancy.scope(cast.business):
        held.refresh_from_db()
    assert (held.columns, held.mapping, held.filename) == ([], {}, "")
    assert marked.find_in_tables() == {}


def test_what_meta_repeats_of_an_erased_person_is_not_applied_and_cut(
    cast: Cast, scene: Scene
) -> None:
    old = marked.text_of_the_person("once more")
    with tenancy.scope(scene.business):
        sent = Message.objects.filter(contact=scene.contact, direction="outbound").get()
    erase(cast)

    marked.post(scene.sender, [old, marked.text_of_another()])
    marked.post_status(scene.sender, sent.pk)

    with tenancy.scope(cast.business):
        assert not Contact.objects.filter(phone_key=PHONE).exists()
    assert not DeadLetter.objects.filter(event_id__in=RawEvent.objects.values("pk")).exists()
    assert marked.find_in_tables() == {}


def test_whoever_writes_again_is_somebody_new_without_consent(cast: Cast, scene: Scene) -> None:
    erase(cast)
    later = marked.text_of_the_person("hello again")
    later["timestamp"] = str(int(timezone.now().timestamp()) + 60)

    marked.post(scene.sender, [later])

    with tenancy.scope(cast.business):
        contact = Contact.objects.get(phone_key=PHONE)
        assert contact.pk != scene.contact.pk
        assert Message.objects.get(contact=contact).content["body"].startswith("hello again")
        keys = contact.address_keys
        assert consent.check(addresses=keys, scope=Scope.MARKETING) == consent.Refused("opted_out")
        service = consent.check(addresses=keys, scope=Scope.SERVICE, last_inbound_at=timezone.now())
        assert service == consent.Allowed()


def test_a_file_that_writes_the_number_in_another_script_goes_too(cast: Cast, scene: Scene) -> None:
    script = PHONE.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    held = imported(cast.business, f"phone,name\n{script},Ana\n".encode())

    erase(cast)

    with tenancy.scope(cast.business):
        assert ContactImport.objects.get(pk=held.pk).file == ""


def test_a_message_that_is_just_leaving_lands_first(cast: Cast, scene: Scene) -> None:
    now = timezone.now()
    message = MessageFactory.create(
        business=scene.business, sender=scene.sender, contact=scene.contact, status="queued"
    )
    item = QueueItem.objects.create(
        message_id=message.pk,
        business_id=scene.business.pk,
        sender=scene.sender,
        contact_id=scene.contact.pk,
        priority=5,
        lease_until=now + timedelta(seconds=60),
        lease_owner=new_id(),
        is_in_flight=True,
    )

    def land() -> None:
        time.sleep(1)
        with tenancy.across(tenancy.Door.COMMAND):
            assert not Consent.across_businesses.filter(status="opted_out").exists()
            Message.across_businesses.filter(pk=message.pk).update(status="sent")
            QueueItem.objects.filter(pk=item.pk).delete()
        connection.close()

    landing = threading.Thread(target=land)
    landing.start()
    request = erase(cast)
    landing.join()

    assert request.status == "done", request.error
    assert timezone.now() - now > timedelta(seconds=1)
    assert not Message.across_businesses.filter(pk=message.pk).exists()


def test_a_message_a_worker_holds_puts_the_erasure_off(cast: Cast, scene: Scene) -> None:
    message = MessageFactory.create(
        business=scene.business, sender=scene.sender, contact=scene.contact, status="queued"
    )
    held = QueueItem.objects.create(
        message_id=message.pk,
        business_id=scene.business.pk,
        sender=scene.sender,
        contact_id=scene.contact.pk,
        priority=5,
        lease_until=timezone.now() + timedelta(seconds=60),
        lease_owner=new_id(),
    )

    request = erase(cast)
    assert (request.status, request.attempts) == ("running", 0)
    assert "just leaving" in request.error
    QueueItem.objects.filter(pk=held.pk).update(lease_until=None, lease_owner=None)
    run(request)

    request.refresh_from_db()
    assert request.status == "done", request.error
    assert not QueueItem.objects.filter(pk=held.pk).exists()


def wait_until_somebody_waits_for_a_row() -> None:
    """Return once a connection to this database waits for a lock of another."""
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)


def test_two_people_cut_out_of_one_body_at_once_are_both_gone(cast: Cast, scene: Scene) -> None:
    raw = RawEvent.objects.create(body=marked.body_of_two(scene.sender))
    first, second = (Person(keys=frozenset({f"+{one}"})) for one in (marked.WA_ID, OTHER))
    has_cut, may_commit = threading.Event(), threading.Event()
    later = timezone.now() + timedelta(minutes=1)

    def cut_first() -> None:
        with tenancy.scope(scene.business), transaction.atomic():
            list(WebhooksHolder().erase(first, cursor="", now=later))
            has_cut.set()
            may_commit.wait(10)
        connection.close()

    def cut_second() -> None:
        with tenancy.scope(scene.business), transaction.atomic():
            list(WebhooksHolder().erase(second, cursor="", now=later))
        connection.close()

    threads = [threading.Thread(target=cut_first), threading.Thread(target=cut_second)]
    threads[0].start()
    assert has_cut.wait(10)
    threads[1].start()
    wait_until_somebody_waits_for_a_row()
    may_commit.set()
    for thread in threads:
        thread.join()

    left = [bytes(one.body) for one in RawEvent.objects.filter(pk=raw.pk)]
    assert not any(marked.WA_ID.encode() in body or OTHER.encode() in body for body in left)
