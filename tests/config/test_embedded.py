"""PostgreSQL and Valkey from wheels: roles, restarts, crashes, and who stops them."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.dev.embedded import EmbeddedError, Postgres, Valkey
from config.dev.embedded.host import Host, choose_port, is_port_free
from config.env import BASE_DIR, embedded_addresses

ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


def embedded(data_dir: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    surroundings = {name: value for name, value in os.environ.items() if name not in ADDRESSES}
    return subprocess.run(
        [sys.executable, "-m", "config.dev.embedded", *arguments],
        env=surroundings | {"SWITCHBOARD_DATA_DIR": str(data_dir)} | env,
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("embedded")
    yield directory
    embedded(directory, "destroy")


@pytest.fixture
def postgres(data_dir: Path) -> Postgres:
    server = Postgres(data_dir)
    server.start()
    return server


@pytest.fixture
def valkey(data_dir: Path) -> Valkey:
    server = Valkey(data_dir)
    server.start()
    return server


def test_the_app_uses_what_the_owner_makes_but_owns_nothing(postgres: Postgres) -> None:
    env = postgres.env()
    with psycopg.connect(env["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS thing (id serial PRIMARY KEY)")

    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as app:
        app.execute("INSERT INTO thing DEFAULT VALUES")
        rights = app.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()

        assert rights == (False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DROP TABLE thing")


def test_every_database_the_owner_makes_is_open_to_the_app(postgres: Postgres) -> None:
    env = postgres.env()
    with psycopg.connect(env["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("DROP DATABASE IF EXISTS another")
        owner.execute("CREATE DATABASE another")
    with psycopg.connect(env["DATABASE_OWNER_URL"], dbname="another", autocommit=True) as owner:
        owner.execute("CREATE TABLE thing (id serial PRIMARY KEY)")

    with psycopg.connect(env["DATABASE_URL"], dbname="another", autocommit=True) as app:
        app.execute("INSERT INTO thing DEFAULT VALUES")


def test_what_was_committed_survives_a_killed_postgres_at_the_same_address(
    postgres: Postgres,
) -> None:
    address = postgres.env()["DATABASE_URL"]
    with psycopg.connect(postgres.env()["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        owner.execute("INSERT INTO kept VALUES (42)")

    postgres.kill()
    assert not postgres.is_alive()
    postgres.start()

    assert postgres.env()["DATABASE_URL"] == address
    with psycopg.connect(address) as app:
        assert (42,) in app.execute("SELECT number FROM kept").fetchall()


def test_a_stale_pid_file_of_another_process_is_no_obstacle(postgres: Postgres) -> None:
    postgres.stop()
    (postgres.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.cluster}\n")

    postgres.start()

    assert postgres.is_alive()


def test_a_killed_valkey_comes_back_empty_at_the_same_address(valkey: Valkey) -> None:
    address = valkey.env()["REDIS_URL"]
    with redis.Redis.from_url(address) as client:
        client.set("held", "1")

    valkey.kill()
    assert not valkey.is_alive()
    valkey.start()

    assert valkey.env()["REDIS_URL"] == address
    with redis.Redis.from_url(address) as client:
        assert client.get("held") is None


def test_the_port_of_a_killed_server_is_free_for_its_next_start(valkey: Valkey) -> None:
    port = valkey.host.remembered("valkey")["port"]

    for _ in range(20):
        valkey.kill()
        assert is_port_free(port)
        valkey.start()


def test_valkey_wants_its_password(valkey: Valkey) -> None:
    port = valkey.host.remembered("valkey")["port"]

    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_passwords_are_readable_by_us_alone(postgres: Postgres, data_dir: Path) -> None:
    mode = (data_dir / "servers.json").stat().st_mode

    assert stat.S_IMODE(mode) == 0o600


def test_a_taken_port_is_replaced_by_another(postgres: Postgres) -> None:
    taken = postgres.host.remembered("postgres")["port"]

    assert choose_port(taken) != taken


def test_run_passes_the_addresses_and_the_exit_code(data_dir: Path) -> None:
    script = "import os, sys; sys.exit(7 if os.environ['REDIS_URL'].startswith('redis://:') else 1)"

    done = embedded(data_dir, "run", "--", sys.executable, "-c", script)

    assert done.returncode == 7, done.stderr


def test_the_last_to_leave_stops_the_servers(
    data_dir: Path, postgres: Postgres, valkey: Valkey
) -> None:
    inner = f"{sys.executable} -m config.dev.embedded"
    unset = "unset DATABASE_URL DATABASE_OWNER_URL REDIS_URL"

    done = embedded(
        data_dir, "run", "--", "sh", "-c", f"{unset}; {inner} run -- true; {inner} status"
    )

    assert done.stdout.strip() == "Running."
    assert embedded(data_dir, "status").stdout.strip() == "Not running."
    assert not (data_dir / "servers.env").exists()


def test_started_servers_stay_until_stopped(data_dir: Path) -> None:
    embedded(data_dir, "start")
    embedded(data_dir, "run", "--", "true")
    kept = embedded(data_dir, "status")
    embedded(data_dir, "stop")

    assert kept.stdout.strip() == "Running."
    assert embedded(data_dir, "status").stdout.strip() == "Not running."


def test_given_addresses_are_used_and_nothing_is_started(tmp_path: Path) -> None:
    done = embedded(
        tmp_path,
        *("run", "--", sys.executable, "-c", "import os; print(os.environ['DATABASE_URL'])"),
        DATABASE_URL="postgres://given/db",
        REDIS_URL="redis://given/0",
    )

    assert done.stdout.strip() == "postgres://given/db"
    assert not (tmp_path / "servers").exists()


def test_a_command_that_does_not_exist_is_one_line(data_dir: Path) -> None:
    done = embedded(data_dir, "run", "--", "/no/such/command")

    assert done.returncode == 1
    assert done.stderr == "Cannot run /no/such/command: No such file or directory.\n"


def test_lost_passwords_are_explained(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    server.cluster.mkdir()
    (server.cluster / "PG_VERSION").write_text("17")

    with pytest.raises(EmbeddedError, match=r"servers\.json is missing"):
        server.start()

    embedded(tmp_path, "destroy")


def test_data_of_another_major_version_is_explained(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    server.cluster.mkdir()
    (server.cluster / "PG_VERSION").write_text("12")
    Host(tmp_path).remember("postgres", {"port": 1, "superuser": "x"})

    with pytest.raises(EmbeddedError, match="of PostgreSQL 12, but 17 is installed"):
        server.start()

    embedded(tmp_path, "destroy")


def test_a_database_given_by_hand_never_gets_the_embedded_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "servers.env"
    file.write_text("DATABASE_OWNER_URL=postgres://embedded/db\nREDIS_URL=redis://embedded\n")
    monkeypatch.setenv("DATABASE_URL", "postgres://given/db")

    assert embedded_addresses(file) == {"REDIS_URL": "redis://embedded"}
