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
        for name, (kind, _) in ROLES.items():
            superuser.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' {kind}".encode())
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

    assert done.returncode != 0
    assert "The role of DATABASE_URL is the tables' owner" in done.stderr


@pytest.mark.parametrize("command", SERVING[1:3], ids=lambda one: one[-1])
def test_nothing_serves_in_the_place_of_the_owner(command: list[str], postgres: Postgres) -> None:
    env = postgres.env()
    done = start(
        command,
        env["DATABASE_URL"],
        DATABASE_ROLE="owner",
        DATABASE_OWNER_URL=env["DATABASE_OWNER_URL"],
    )

    assert done.returncode != 0
    assert "DATABASE_ROLE=owner is for migrations" in done.stderr


def test_the_application_role_starts(postgres: Postgres) -> None:
    done = start(SERVING[0], postgres.env()["DATABASE_URL"])

    assert (done.returncode, done.stderr) == (0, "")


def test_the_web_application_refuses_the_owner_in_one_line(postgres: Postgres) -> None:
    done = start(SERVING[1], postgres.env()["DATABASE_OWNER_URL"], PYTHONWARNINGS="ignore")

    assert done.returncode == 1
    assert done.stderr.startswith("Switchboard does not start: ")
    assert done.stderr.count("\n") == 1
