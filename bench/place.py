"""Where benchmarks run: a database of their own, settings of production, child processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from config.dev.embedded.host import LOOPBACK, choose_port, is_port_free, wait_until
from config.lib.postgres import databases

ROOT: Final = Path(__file__).resolve().parent.parent
DATABASE: Final = "switchboard_bench"
APP_SECRET: Final = "bench-app-secret"  # noqa: S105  # signs only what benchmarks post
START_SECONDS: Final = 60.0

_PRODUCTION: Final = {
    "DEBUG": "0",
    "SECRET_KEY": "bench-secret-key-0123456789-0123456789-0123456789",
    "FIELD_ENCRYPTION_KEYS": "bench-field-key",
    "BACKUP_ENCRYPTION_KEY": "bench-backup-key",
    "META_APP_SECRET": APP_SECRET,
    "META_VERIFY_TOKEN": "bench-verify-token",
    "ALLOWED_HOSTS": "*",
    "LOG_LEVEL": "WARNING",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}


class BenchError(Exception):
    """A benchmark cannot run; the message is one line for a person."""


@contextmanager
def prepared() -> Iterator[Mapping[str, str]]:
    """Make a fresh database and yield the environment that leads to it; drop it at the end."""
    given = os.environ.get("DATABASE_URL")
    if not given:
        raise BenchError("The benchmarks need servers: run `make bench`.")
    owner = os.environ.get("DATABASE_OWNER_URL") or given
    env = {
        **os.environ,
        **_PRODUCTION,
        "DATABASE_URL": _named(given, DATABASE),
        "DATABASE_OWNER_URL": _named(owner, DATABASE),
        "REDIS_KEY_PREFIX": f"bench-{os.getpid()}",
    }
    _drop(owner)
    with tempfile.TemporaryDirectory() as files:
        env["MEDIA_STORAGE_URL"] = f"file://{files}"
        try:
            with psycopg.connect(owner, autocommit=True) as connection:
                connection.execute(_sql("CREATE DATABASE {}"))
            run(["manage.py", "migrate", "-v0"], env)
            yield env
        finally:
            _drop(owner)


def run(arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """Run a Python program to its end and return what it printed."""
    done = subprocess.run(  # noqa: S603  # our own programs
        [sys.executable, *arguments],
        cwd=ROOT,
        env=dict(env),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{' '.join(arguments)} failed with code {done.returncode}.")
    return done.stdout


def answer_of(arguments: Sequence[str], env: Mapping[str, str]) -> Any:
    """Run a Python program to its end and return the JSON of its last line."""
    return json.loads(run(arguments, env).strip().splitlines()[-1])


class Child:
    """A program that says when it is ready, waits for the start and answers with JSON."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own programs
            [sys.executable, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        """Return when the program has made its preparations."""
        self._line()

    def start(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None  # noqa: S101  # we asked for a pipe
        self._process.stdin.write("start\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Return what it measured, once it is done."""
        found = json.loads(self._line())
        self._process.wait()
        return found

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101  # we asked for a pipe
        line: str = self._process.stdout.readline()
        if not line:
            raise BenchError(f"{self._process.args!r} ended with code {self._process.wait()}.")
        return line


def ready_to_start() -> None:
    """Tell the parent that this child is ready, and wait for the start."""
    _say("ready")
    sys.stdin.readline()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def answer(found: Mapping[str, Any]) -> None:
    """Tell the parent what was measured."""
    _say(json.dumps(found))


def together(children: Sequence[Child]) -> list[Any]:
    """Start programs at one moment and return their answers."""
    for child in children:
        child.wait_until_ready()
    for child in children:
        child.start()
    return [child.answer() for child in children]


@contextmanager
def serving(arguments: Sequence[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server of ours on this port while the block lasts."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT)  # noqa: S603  # ours
    try:
        if not wait_until(lambda: not is_port_free(port), seconds=START_SECONDS):
            raise BenchError(f"{arguments[1]} did not start.")
        time.sleep(0.5)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def free_port() -> int:
    """Return a port nobody listens on."""
    return choose_port(None)


def address(port: int) -> str:
    """Return the URL of a server on this port."""
    return f"http://{LOOPBACK}:{port}"


def peak_kib(pid: int | str = "self") -> int:
    """Return the peak resident memory of a process, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise BenchError("This system does not tell a process's peak memory.")


def as_owner(*statements: str) -> None:
    """Execute statements as the role that owns the tables, each by itself."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _drop(owner: str) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        databases.drop(connection, DATABASE)


def _sql(statement: str) -> sql.Composed:
    return sql.SQL(statement).format(sql.Identifier(DATABASE))
