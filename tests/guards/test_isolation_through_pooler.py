"""The two-business tests once more, through PgBouncer in transaction mode."""

# ruff: noqa: F811  # fixtures, run again beside the tests that use them

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from accounts import tenancy
from config.dev.embedded.host import choose_port, is_port_free, wait_until
from messaging.contacts.models import Contact
from messaging.webhooks import intake
from messaging.webhooks.models import PendingEvent, RawEvent
from messaging.webhooks.store import GroupCommit
from tests.guards.tenants import Tenant
from tests.guards.test_isolation import (  # noqa: F401  # run again
    alice,
    charlie,
    test_a_foreign_id_is_answered_like_one_that_does_not_exist,
    test_a_foreign_id_is_not_found,
    test_an_own_id_is_found,
    test_no_collection_shows_a_row_of_another_business,
)
from tests.guards.test_isolation_in_database import (  # noqa: F401  # run again
    taken,
    test_no_row_can_be_added_without_a_business,
    test_no_row_can_be_given_to_another_business,
    test_raw_sql_sees_the_business_in_scope_only,
    test_raw_sql_without_a_business_sees_and_changes_nothing,
)

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed"),
]


@pytest.fixture(scope="module")
def pooler(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run PgBouncer before the test database, with one connection to it; return its port."""
    told: dict[str, Any] = connection.settings_dict
    home, port = tmp_path_factory.mktemp("pooler"), choose_port(None)
    (home / "users.txt").write_text(f'"{told["USER"]}" "{told["PASSWORD"]}"\n')
    (home / "pooler.ini").write_text(
        f"[databases]\n* = host={told['HOST']} port={told['PORT']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {home}/users.txt\n"
        "pool_mode = transaction\ndefault_pool_size = 1\n"
    )
    process = subprocess.Popen(_command(home), stderr=subprocess.DEVNULL)
    assert wait_until(lambda: not is_port_free(port), seconds=20)
    yield port
    process.terminate()
    process.wait(timeout=20)


def _command(home: Path) -> list[str]:
    """PgBouncer does not run as root: there it becomes a user that may read its files."""
    ini = str(home / "pooler.ini")
    found = [str(PROGRAM), ini]
    if home.owner() == "root":
        for directory in (home, *home.parents[:3]):
            directory.chmod(directory.stat().st_mode | 0o055)
        return [*found, "-u", "nobody"]
    return found


@pytest.fixture(scope="module", autouse=True)
def through_the_pooler(pooler: int, django_db_blocker: Any) -> Iterator[None]:
    """Lead this process's connection through the pooler."""
    direct = connection.settings_dict["PORT"]
    for port in (str(pooler), direct):
        with django_db_blocker.unblock():
            connection.close()
        connection.settings_dict["PORT"] = port
        if port == str(pooler):
            yield


def test_the_connection_goes_through_the_pooler(pooler: int) -> None:
    connection.ensure_connection()

    assert connection.connection.info.port == pooler


@pytest.mark.django_db(transaction=True)
def test_the_next_user_of_a_pooled_connection_sees_nothing_left_behind(alice: Tenant) -> None:
    backends = set()
    for is_scoped in (True, False) * 5:
        scope = tenancy.scope(alice.business) if is_scoped else tenancy.no_scope()
        with scope:
            assert Contact.across_businesses.exists() is is_scoped
            with transaction.atomic():
                assert Contact.across_businesses.exists() is is_scoped
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                backends.add(cursor.fetchone()[0])
        connection.close()

    assert len(backends) == 1


@pytest.mark.django_db(transaction=True)
def test_webhook_bodies_of_two_web_processes_are_stored_over_one_pooled_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bodies = [f'{{"n": {number}}}'.encode() for number in range(60)]

    async def store() -> None:
        doors = [GroupCommit(intake.database_parameters) for _ in range(2)]
        for number, body in enumerate(bodies):
            await doors[number % 2].store(body)
        for door in doors:
            await door.close()

    asyncio.run(store())

    with tenancy.across(tenancy.Door.ROUTING):
        assert {bytes(body) for body in RawEvent.objects.values_list("body", flat=True)} == {
            *bodies
        }
        assert PendingEvent.objects.count() == len(bodies)
    assert "webhook_store_failed" not in caplog.text
