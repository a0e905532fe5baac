"""The backup routes: for the platform's admins only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiKey, Role
from backups import jobs
from backups.models import Backup
from tests.factories.accounts import issue_key
from tests.factories.cast import Cast, client_of, client_of_key, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_a_platform_admin_starts_one_and_sees_it(cast: Cast) -> None:
    client = client_of(cast.paula)

    started: Any = client.post("/api/backup")
    again = client.post("/api/backup")
    listed = client.get("/api/backup").json()["results"]
    one = client.get(f"/api/backup/{started.json()['id']}").json()

    assert (started.status_code, started.json()["status"]) == (202, "running")
    assert again.status_code == 409
    assert again.json()["errors"][0]["code"] == "backup_running"
    assert listed == [one]
    assert (one["encrypted"], one["size"], one["verified_at"]) == (True, None, None)


def test_nobody_else_may_see_or_start_one(cast: Cast) -> None:
    Backup.objects.create(started_at=timezone.now())
    members = [client_of(cast.alice), client_of(cast.bob), client_of(cast.add(Role.AUDITOR))]
    members += [client_of(cast.alice, cast.business)]
    key = issue_key(cast.business, "messages.view")
    ApiKey.across_businesses.update(permissions=["backups.view", "backups.create"])

    for client in [*members, client_of_key(key)]:
        assert client.get("/api/backup").status_code == 403
        assert client.post("/api/backup").status_code == 403
    assert APIClient().get("/api/backup").status_code == 401


def test_what_does_not_exist_is_not_found_and_unknown_filters_are_refused(cast: Cast) -> None:
    client = client_of(cast.paula)

    assert client.get("/api/backup/0192aaaa-0000-7000-8000-000000000000").status_code == 404
    assert client.get("/api/backup/nonsense").status_code == 404
    assert client.get("/api/backup?size=1").status_code == 400
    assert client.get("/api/backup?status=running").status_code == 200


@pytest.fixture(scope="session")
def worker_env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"BACKUP_STORAGE_URL": f"file://{tmp_path_factory.mktemp('worker')}"}


def test_the_worker_makes_and_verifies_what_was_asked_for(
    drain: Callable[..., None], archives: Path
) -> None:
    cast = make_cast()
    client_of(cast.paula).post("/api/backup")

    drain()

    backup = Backup.objects.get()
    assert (backup.status, backup.error, backup.findings) == ("done", "", [])
    assert backup.verified_at is not None


def test_a_night_makes_verifies_and_tidies(drain: Callable[..., None]) -> None:
    jobs.NIGHTLY.enqueue_now()

    drain()

    backup = Backup.objects.get()
    assert (backup.trigger, backup.findings) == ("nightly", [])
    assert backup.verified_at is not None
