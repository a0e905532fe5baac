"""A POST with a key happens once: not twice, not half, not for someone else."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models import F
from rest_framework.test import APIClient

from accounts import standing
from accounts.models import Business, IdempotencyRecord
from config.lib.api import idempotency
from tests.factories.cast import Cast, client_of, make_cast

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.config.api_urls")]


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> APIClient:
    client = client_of(cast.alice, cast.business)
    client.raise_request_exception = False
    return client


def post(client: APIClient, key: str = "k-1", **body: Any) -> Any:
    return client.post("/api/businesses", body, HTTP_IDEMPOTENCY_KEY=key)


def made() -> int:
    return Business.objects.filter(slug__startswith="new").count()


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def test_the_first_answer_is_replayed(alice: APIClient) -> None:
    first, second = post(alice, name="new"), post(alice, name="new")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert made() == 1


def test_a_key_belongs_to_one_request(alice: APIClient) -> None:
    post(alice, name="new")

    other_body = post(alice, name="new2")
    other_path = alice.post("/api/echo", {"name": "new"}, HTTP_IDEMPOTENCY_KEY="k-1")

    assert (other_body.status_code, code_of(other_body)) == (409, "idempotency_key_reused")
    assert (other_path.status_code, code_of(other_path)) == (409, "idempotency_key_reused")
    assert made() == 1


def test_the_order_of_fields_does_not_matter(alice: APIClient) -> None:
    alice.post("/api/echo", {"name": "a", "count": 1}, HTTP_IDEMPOTENCY_KEY="k")
    again = alice.post("/api/echo", {"count": 1, "name": "a"}, HTTP_IDEMPOTENCY_KEY="k")

    assert again["Idempotency-Replayed"] == "true"


def test_callers_do_not_share_keys(cast: Cast, alice: APIClient) -> None:
    post(alice, name="new")
    bob = post(client_of(cast.bob, cast.business), name="new-2")

    assert bob.status_code == 201
    assert made() == 2


def test_a_refusal_is_kept_but_its_effects_are_not(alice: APIClient) -> None:
    first = post(alice, name="new", then="conflict")
    second = post(alice, name="new", then="conflict")

    assert (first.status_code, code_of(first)) == (409, "sender_paused")
    assert second["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()
    assert made() == 0


@pytest.mark.parametrize(("then", "status"), [("unavailable", 503), ("bug", 500)])
def test_an_outage_is_not_kept(alice: APIClient, then: str, status: int) -> None:
    assert post(alice, name="new", then=then).status_code == status
    assert not IdempotencyRecord.objects.exists()
    assert made() == 0

    again = post(alice, name="new", then=then)
    assert "Idempotency-Replayed" not in again


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_bad_key_is_refused(alice: APIClient, key: str) -> None:
    response = post(alice, key=key, name="new")

    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == "Idempotency-Key"
    assert made() == 0


def test_the_longest_key_is_taken(alice: APIClient) -> None:
    assert post(alice, key="x" * 255, name="new").status_code == 201


def test_an_answer_is_forgotten_after_a_day(alice: APIClient) -> None:
    post(alice, name="new")
    IdempotencyRecord.objects.update(created_at=F("created_at") - timedelta(hours=25))

    assert post(alice, name="new-later").status_code == 201
    assert made() == 2
    assert IdempotencyRecord.objects.count() == 1


def test_without_a_key_every_post_counts(alice: APIClient) -> None:
    alice.post("/api/businesses", {"name": "new-1"})
    alice.post("/api/businesses", {"name": "new-2"})

    assert made() == 2
    assert not IdempotencyRecord.objects.exists()


def test_files_are_part_of_the_request(alice: APIClient) -> None:
    def upload(content: bytes) -> Any:
        file = SimpleUploadedFile("a.txt", content)
        return alice.post(
            "/api/upload", {"file": file}, format="multipart", HTTP_IDEMPOTENCY_KEY="k"
        )

    assert upload(b"hello").json() == {"size": 5}
    assert upload(b"hello")["Idempotency-Replayed"] == "true"
    assert code_of(upload(b"world")) == "idempotency_key_reused"


@pytest.mark.django_db(transaction=True)
def test_the_second_of_two_at_once_is_told_to_wait(cast: Cast, alice: APIClient) -> None:
    slot = idempotency.Slot(cast.business.pk, f"user:{cast.alice.pk}", "k-1")
    held, done = threading.Event(), threading.Event()

    def first() -> None:
        with transaction.atomic():
            assert idempotency._lock(slot)
            held.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    held.wait(20)
    refused = post(alice, name="new")
    done.set()
    thread.join()

    assert (refused.status_code, code_of(refused)) == (409, "idempotency_in_progress")
    assert refused["Retry-After"] == "1"
    assert post(alice, name="new").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_post_that_met_a_deadlock_is_run_again(cast: Cast, alice: APIClient) -> None:
    mine, whom = standing.of_user(cast.alice.pk), "whom another one keeps"
    kept = threading.Event()

    def crossing() -> None:
        with transaction.atomic():
            standing.keep([whom])
            kept.set()
            _wait_until_somebody_waits()
            standing.change([mine])
        connection.close()

    thread = threading.Thread(target=crossing)
    thread.start()
    kept.wait(20)
    answer = post(alice, name="new", then="wait", whom=whom)
    thread.join()

    assert answer.status_code == 201, answer.json()
    assert made() == 1
    assert post(alice, name="new", then="wait", whom=whom)["Idempotency-Replayed"] == "true"


def _wait_until_somebody_waits() -> None:
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
            )
            if cursor.fetchone()[0]:
                return
