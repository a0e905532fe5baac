"""Erasing people while everything runs: workers are killed, and the person goes on writing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts import tenancy
from compliance import consent
from compliance.models import Scope
from compliance.privacy import upkeep
from compliance.privacy.models import PrivacyRequest
from config.lib import redis
from config.lib.ids import new_ids
from messaging.contacts.models import Contact
from messaging.conversations.models import Conversation
from messaging.messages.models import Message
from messaging.webhooks import apply
from messaging.webhooks.models import DeadLetter, PendingEvent, RawEvent
from tests.celery_worker import Worker
from tests.compliance import marked
from tests.compliance.test_privacy_erasure import erase
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.messaging import ContactFactory, SenderFactory

pytestmark = pytest.mark.django_db(transaction=True)
MESSAGES = 4000


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return where files are kept, for the test and the worker alike."""
    root = tmp_path_factory.mktemp("privacy")
    return {
        "MEDIA_STORAGE_URL": f"file://{root}/media",
        "BACKUP_STORAGE_URL": f"file://{root}/backups",
    }


@pytest.fixture(autouse=True)
def storage(settings: Settings, places: dict[str, str]) -> None:
    settings.MEDIA_STORAGE_URL = places["MEDIA_STORAGE_URL"]
    settings.BACKUP_STORAGE_URL = places["BACKUP_STORAGE_URL"]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


def ask(cast: Cast, contact: Contact) -> PrivacyRequest:
    """Ask for an erasure by API."""
    body = {"kind": "erasure", "contact": str(contact.pk)}
    answer = client_of(cast.alice).post("/api/privacy/requests", body, format="json")
    assert answer.status_code == 201, answer.content
    found: PrivacyRequest = PrivacyRequest.across_businesses.get(pk=answer.data["id"])
    return found


def write_many(contact: Contact) -> None:
    """Give somebody a long history."""
    sender = SenderFactory.create(business=contact.business)
    Message.across_businesses.bulk_create(
        [
            Message(
                id=id_, business=contact.business, sender=sender, contact=contact,
                direction="outbound", type="text", status="sent", category="service",
                address=contact.phone, content={"body": "hello"},
            )
            for id_ in new_ids(MESSAGES)
        ],
        batch_size=1000,
    )  # fmt: skip


def wait_until(request: PrivacyRequest, condition: Any, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition(request):
        assert time.monotonic() < deadline, (request.status, request.progress, request.error)
        time.sleep(0.01)
        request.refresh_from_db()


def test_a_killed_worker_costs_one_step_and_counts_stay_exact(
    cast: Cast, worker: Worker, places: dict[str, str]
) -> None:
    worker.start(**places)
    contact = ContactFactory.create(business=cast.business)
    write_many(contact)

    request = ask(cast, contact)
    kills = 0
    for goal in (500, 1500, 2500):
        wait_until(request, lambda one, goal=goal: _erased(one) >= goal or one.status == "done")
        if request.status == "done":
            break
        worker.kill()
        kills += 1
        worker.start()
        _make_due(request)
    wait_until(request, lambda one: one.status == "done")

    assert kills > 0
    assert request.certificate is not None
    stores = {one["name"]: one["removed"] for one in request.certificate["facts"]["stores"]}
    assert stores["messages"]["messages"] == MESSAGES
    assert not Message.across_businesses.filter(contact=contact.pk).exists()
    assert contact.phone[1:] not in worker.log.read_text(errors="replace")


def _erased(request: PrivacyRequest) -> int:
    counts: dict[str, int] = request.progress.get("counts", {}).get("messages", {})
    return counts.get("messages", 0)


def _make_due(request: PrivacyRequest) -> None:
    """Let the time pass after which a silent worker counts as dead."""
    redis.client().delete(redis.key("lock", f"privacy.perform.{request.pk}"))
    PrivacyRequest.across_businesses.filter(pk=request.pk, status="running").update(
        next_at=timezone.now()
    )
    upkeep.sweep(now=timezone.now())


@contextmanager
def writing(sender: Any) -> Iterator[list[Exception]]:
    """Have the person write on and on while the block runs, and workers apply it."""
    stop, failures = threading.Event(), list[Exception]()

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                text = marked.text_of_the_person(f"number {number}")
                text["timestamp"] = str(int(timezone.now().timestamp()))
                marked.post(sender, [text], is_applied=False)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    def work() -> None:
        try:
            while not stop.is_set():
                apply.run(clock=timezone.now, time_slice=timedelta(seconds=1))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for one in (write, work, work)]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_somebody_who_writes_all_the_while_is_erased_and_somebody_new(cast: Cast) -> None:
    scene = marked.make_scene(cast)
    with writing(scene.sender) as failures:
        request = erase(cast)
        written = RawEvent.objects.count()
        deadline = time.monotonic() + 30
        while RawEvent.objects.count() < written + 5:
            assert time.monotonic() < deadline, "nobody writes any more"
            time.sleep(0.01)
    assert failures == []
    assert request.status == "done", (request.error, request.progress)
    _apply_rest()
    upkeep.sweep(now=timezone.now() + timedelta(minutes=11))

    with tenancy.scope(cast.business):
        people = set(Contact.objects.values_list("pk", flat=True))
        assert scene.contact.pk not in people
        assert Contact.objects.filter(phone_key=marked.PHONE).count() <= 1
        assert set(Message.objects.values_list("contact_id", flat=True)) <= people
        assert set(Conversation.objects.values_list("contact_id", flat=True)) <= people
        assert not Message.objects.filter(content__body=f"one {marked.MARK}").exists()
        decision = consent.check(addresses=[marked.PHONE], scope=Scope.MARKETING)
    assert isinstance(decision, consent.Refused)
    assert not DeadLetter.objects.exclude(detail="[erased]").exists()


def _apply_rest() -> None:
    for minutes in range(10):
        now = timezone.now() + timedelta(minutes=minutes)
        apply.run(clock=lambda now=now: now, time_slice=timedelta(seconds=20))  # type: ignore[misc]
        if not PendingEvent.objects.exists():
            return
    raise AssertionError("events are left")
