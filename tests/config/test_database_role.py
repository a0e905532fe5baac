"""Production serves as a role that row-level security binds, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from config.dev.embedded import Postgres
from config.dev.embedded.postgres import DATABASE, OWNER
from config.env import BASE_DIR

PASSWORD = "made-for-this-test"
REFUSED = "Switchboard does not start: "
# A database that was migrated once, by a version that knew nothing of beat.
HALF = "half"
# How a role is made, and what the refusal says about it.
ROLES = {
    "trial_super": ("SUPERUSER", "is a superuser"),
    "trial_bypass": ("BYPASSRLS", "is BYPASSRLS"),
    "trial_maker": ("CREATEROLE", "is CREATEROLE"),
    "trial_member": (f"IN ROLE {OWNER}", f"may become {OWNER}, which is the tables' owner"),
    "trial_no_inherit": (f"NOINHERIT IN ROLE {OWNER}", f"may become {OWNER}"),
}
SERVING = (
    [sys.executable, "-m", "config.startup"],
    [sys.executable, "-c", "import config.asgi"],
    [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "solo"],
    [sys.executable, "-m", "celery", "-A", "config", "beat"],
)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """Return a server of its own, with a table of the owner's and a role of each kind."""
    server = Postgres(tmp_path_factory.mktemp("roles"))
    server.start()
    with psycopg.connect(server.env()["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("CREATE TABLE thing (id int)")
    with server._connect(DATABASE) as superuser:
        superuser.execute(f"CREATE DATABASE {HALF}".encode())
        for name, (kind, _) in ROLES.items():
            superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {kind}".encode())
    with server._connect(HALF) as superuser:
        superuser.execute("CREATE TABLE django_migrations (id int)")
        superuser.execute("GRANT SELECT ON django_migrations TO PUBLIC")
    yield server
    server.stop()


def start(command: list[str], url: str, **env: str) -> subprocess.CompletedProcess[str]:
    given = {
        "PATH": os.environ["PATH"],
        "DEBUG": "0",
        "SECRET_KEY": "k" * 50,
        "FIELD_ENCRYPTION_KEYS": "a-key",
        "BACKUP_ENCRYPTION_KEY": "a-key",
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    return subprocess.run(
        command,
        cwd=BASE_DIR,
        env=given | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def url_of(postgres: Postgres, role: str) -> str:
    found = urlsplit(postgres.env()["DATABASE_URL"])
    return urlunsplit(found._replace(netloc=f"{role}:{PASSWORD}@{found.hostname}:{found.port}"))


def refusal_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line a process that does not start says why in."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [one for one in done.stderr.splitlines() if one.startswith(REFUSED)]
    return line.removeprefix(REFUSED)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_escapes_is_refused_in_one_line(role: str, postgres: Postgres) -> None:
    done = start(SERVING[0], url_of(postgres, role))

    assert done.returncode == 1
    assert done.stderr.startswith("Switchboard does not start: ")
    assert ROLES[role][1] in done.stderr
    assert done.stderr.count("\n") == 1
    assert PASSWORD not in done.stderr


@pytest.mark.parametrize("command", SERVING, ids=lambda one: one[-1])
def test_nothing_serves_as_the_owner(command: list[str], postgres: Postgres) -> None:
    done = start(command, postgres.env()["DATABASE_OWNER_URL"])

    assert refusal_of(done).startswith("The role of DATABASE_URL is the tables' owner")


@pytest.mark.parametrize("command", SERVING[1:], ids=lambda one: one[-1])
def test_nothing_serves_in_the_place_of_the_owner(command: list[str], postgres: Postgres) -> None:
    env = postgres.env()
    done = start(
        command,
        env["DATABASE_URL"],
        DATABASE_ROLE="owner",
        DATABASE_OWNER_URL=env["DATABASE_OWNER_URL"],
    )

    assert refusal_of(done).startswith("DATABASE_ROLE=owner is for migrations")


@pytest.mark.parametrize("command", SERVING[1:], ids=lambda one: one[-1])
def test_nothing_serves_an_empty_database(command: list[str], postgres: Postgres) -> None:
    done = start(command, postgres.env()["DATABASE_URL"])

    assert refusal_of(done) == "The database is empty: run `python manage.py migrate`."


@pytest.mark.parametrize("debug", ["0", "1"])
def test_beat_does_not_start_where_its_tables_are_missing(debug: str, postgres: Postgres) -> None:
    url = urlsplit(postgres.env()["DATABASE_URL"])

    done = start(SERVING[3], urlunsplit(url._replace(path=f"/{HALF}")), DEBUG=debug)

    assert "not migrated to this version" in refusal_of(done)


def test_beat_does_not_start_without_a_database() -> None:
    done = start(SERVING[3], "postgres://nobody:x@127.0.0.1:1/none")

    assert "127.0.0.1" in refusal_of(done)


def test_the_application_role_starts(postgres: Postgres) -> None:
    done = start(SERVING[0], postgres.env()["DATABASE_URL"])

    assert (done.returncode, done.stderr) == (0, "")


def test_the_web_application_refuses_the_owner_in_one_line(postgres: Postgres) -> None:
    done = start(SERVING[1], postgres.env()["DATABASE_OWNER_URL"], PYTHONWARNINGS="ignore")

    assert done.returncode == 1
    assert done.stderr.startswith("Switchboard does not start: ")
    assert done.stderr.count("\n") == 1
