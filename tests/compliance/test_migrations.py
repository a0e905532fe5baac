"""What migrations of the ledger do to lines that are there, and to who writes meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from compliance import consent
from compliance.models import ConsentEvent, ConsentStatus, Scope
from tests.compliance.test_races import _wait_for_somebody_to_wait
from tests.database import owner_url, url_for
from tests.factories.accounts import BusinessFactory

pytestmark = pytest.mark.django_db(transaction=True)

files: Any = import_module("compliance.migrations.0010_forget_file_names")


def as_owner(sql: str) -> None:
    with psycopg.connect(url_for(owner_url(), connection.settings_dict["NAME"])) as owner:
        owner.execute(sql.encode())


@pytest.fixture
def business(monkeypatch: pytest.MonkeyPatch) -> Iterator[Business]:
    """Return a business whose ledger is as it is while the migration runs."""
    monkeypatch.setattr(files, "BATCH", 2)
    made: Business = BusinessFactory.create()
    as_owner(files.FORGETTABLE)
    yield made
    as_owner(files.AS_BEFORE)


def tell(business: Business, number: int, **values: Any) -> ConsentEvent:
    now = timezone.now()
    phone = f"+3460011122{number}"
    told_as = {
        "status": ConsentStatus.OPTED_IN,
        "source": "import",
        "evidence": {"file": "ana.csv", "row": number},
        **values,
    }
    with tenancy.scope(business):
        at = now - timedelta(days=1)
        consent.record(
            addresses=[phone], scopes=[Scope.MARKETING], occurred_at=at, now=now, **told_as
        )
        told: ConsentEvent = ConsentEvent.objects.get(address=phone)
    return told


def forget() -> None:
    files.forget(None, SimpleNamespace(connection=connection))


def evidence() -> list[Any]:
    return list(ConsentEvent.across_businesses.order_by("id").values_list("evidence", flat=True))


def test_the_names_of_files_go_and_nothing_else(business: Business) -> None:
    for number in range(5):
        tell(business, number)
    tell(business, 5, source="admin", evidence={"file": "a scan"})
    with tenancy.across(tenancy.Door.COMMAND):
        before = list(ConsentEvent.across_businesses.order_by("id").values())

        forget()
        forget()

        after = list(ConsentEvent.across_businesses.order_by("id").values())
    for line in before[:5]:
        del line["evidence"]["file"]
    assert after == before


def test_an_opt_out_waits_for_no_migration(business: Business) -> None:
    lines = [tell(business, number) for number in range(5)]

    def work() -> None:
        forget()
        connection.close()

    working = threading.Thread(target=work)

    with tenancy.scope(business), transaction.atomic():
        ConsentEvent.objects.select_for_update().get(pk=lines[3].pk)
        working.start()
        _wait_for_somebody_to_wait(working)
        assert working.is_alive()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
        tell(business, 9, status=ConsentStatus.OPTED_OUT, source="message", evidence={})
        # What was done before the line that is held stays done.
        assert ["file" in one for one in evidence()] == [False, False, True, True, True, False]
    working.join(30)

    with tenancy.scope(business):
        assert not ConsentEvent.objects.filter(evidence__has_key="file").exists()


@pytest.mark.parametrize(
    "change",
    [
        "SET LOCAL switchboard.forgetting_files = 'on'; "
        "UPDATE compliance_consentevent SET evidence = '{}'",
        "SET LOCAL switchboard.forgetting_files = 'on'; "
        "UPDATE compliance_consentevent SET evidence = evidence - 'file', status = 'opted_out'",
        "UPDATE compliance_consentevent SET evidence = evidence - 'file'",
    ],
)
def test_meanwhile_no_line_changes_in_anything_else(business: Business, change: str) -> None:
    tell(business, 1)

    with (
        tenancy.scope(business),
        pytest.raises(ProgrammingError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


def test_afterwards_no_name_can_be_taken_out(business: Business) -> None:
    tell(business, 1)
    as_owner(files.AS_BEFORE)

    with tenancy.scope(business), pytest.raises(ProgrammingError, match="append-only"):
        forget()
