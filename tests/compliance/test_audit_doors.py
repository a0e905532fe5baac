"""Doors in the trail of the platform: one entry for each door and hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from accounts import tenancy
from accounts.tenancy import Door
from compliance import tasks
from compliance.audit import chain, doors, verify
from compliance.models import AuditEntry
from config.lib import redis

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def outside(settings: Any, tmp_path: Any) -> None:
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}"


def count(hour: str, **opened: int) -> None:
    for door, times in opened.items():
        redis.client().hincrby(redis.key("doors", f"2026-03-01T{hour}:00Z"), door, times)


def entries() -> list[tuple[str, Any]]:
    rows = AuditEntry.objects.filter(action="door.opened").order_by("id")
    return [(row.resource_id, row.details) for row in rows]


def test_each_door_and_hour_that_is_over_is_one_entry_of_the_platform() -> None:
    count("13", sweep=4, sign_in=900)
    count("14", sweep=5)
    count("15", sweep=6)

    with tenancy.no_scope():
        assert doors.write(now=NOW) == 3
        assert doors.write(now=NOW) == 0

    assert entries() == [
        ("sign_in", {"hour": "2026-03-01T13:00Z", "count": 900}),
        ("sweep", {"hour": "2026-03-01T13:00Z", "count": 4}),
        ("sweep", {"hour": "2026-03-01T14:00Z", "count": 5}),
    ]
    assert set(AuditEntry.objects.values_list("business", flat=True)) == {None}


def test_an_hour_that_could_not_be_forgotten_is_not_written_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count("14", sweep=5)
    with monkeypatch.context() as stopped:
        stopped.setattr(redis.client(), "delete", _fail)
        with pytest.raises(ConnectionError):
            doors.write(now=NOW)

    assert doors.write(now=NOW) == 0
    assert len(entries()) == 1


def _fail(*_: object) -> None:
    raise ConnectionError


def test_the_entries_join_the_chain_of_the_platform() -> None:
    count("14", sweep=5, routing=1)
    doors.write(now=NOW)

    assert chain.seal(None, now=timezone.now()) == 2
    assert list(verify.findings(None)) == []


def test_the_job_leaves_the_hour_under_way_alone() -> None:
    with tenancy.across(Door.ROUTING):
        pass

    assert tasks.note_doors() == {"entries": 0}  # its hour is not over
    assert tasks.note_doors.name == "compliance.note_doors"
