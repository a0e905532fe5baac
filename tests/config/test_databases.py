"""Taking a database away while somebody is in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from config.dev.embedded import Postgres
from config.lib.postgres import databases

DOOMED = "doomed"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    made = Postgres(tmp_path_factory.mktemp("databases"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def owner(server: Postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.env()["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {DOOMED}".encode())
        yield connection
        databases.drop(connection, DOOMED)


def is_there(connection: psycopg.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DOOMED])
    return found.fetchone() is not None


def test_who_is_connected_with_rights_no_higher_is_ended(owner: psycopg.Connection) -> None:
    with psycopg.connect(owner.info.dsn, dbname=DOOMED, password=owner.info.password):
        databases.drop(owner, DOOMED)

    assert not is_there(owner)


def test_who_may_not_be_ended_is_waited_for(server: Postgres, owner: psycopg.Connection) -> None:
    # As autovacuum is, which works as a superuser.
    above = server._connect(DOOMED)
    waits = threading.Timer(1, above.close)
    waits.start()

    databases.drop(owner, DOOMED)

    waits.join()
    assert not is_there(owner)
