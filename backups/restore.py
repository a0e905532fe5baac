"""Load an archive into a database of its own, and take that away again."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from backups import postgres
from backups.errors import BackupFailed
from config.lib import ids
from config.lib.postgres import databases

PREFIX: Final = "switchboard_scratch_"
_LEFT_BEHIND: Final = timedelta(days=1)


@contextmanager
def scratch_database() -> Iterator[str]:
    """Make an empty database and drop it in the end, whatever happens."""
    name = f"{PREFIX}{ids.new_id().hex}"
    _create(name)
    try:
        yield name
    finally:
        _drop(name)


def drop_left_behind(*, now: datetime) -> int:
    """Drop scratch databases whose process was killed more than a day ago."""
    with postgres.connect(autocommit=True) as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]
        ).fetchall()
    old = [name for (name,) in found if _is_old(name, now)]
    for name in old:
        _drop(name)
    return len(old)


def load(dump: Iterable[bytes], *, database: str) -> None:
    """Load what `pg_dump` wrote into an empty database. Raises `BackupFailed`."""
    with postgres.connect(database) as connection:
        major = postgres.major_of(connection)
    arguments = [
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
        "--no-password",
        f"--dbname={postgres.conninfo(database, with_password=False)}",
    ]
    with tempfile.TemporaryFile() as errors:
        process = postgres.start(
            "pg_restore", arguments, server_major=major, errors=errors, stdin=subprocess.PIPE
        )
        try:
            _feed(process, dump)
            postgres.require_success(process, "pg_restore", errors)
        finally:
            postgres.end(process)


def _feed(process: subprocess.Popen[bytes], dump: Iterable[bytes]) -> None:
    """Write to the program; when it closes its end early, its exit code says why."""
    if process.stdin is None:
        return
    with suppress(BrokenPipeError):
        for piece in dump:
            process.stdin.write(piece)
    with suppress(BrokenPipeError):
        process.stdin.close()


def _is_old(name: str, now: datetime) -> bool:
    try:
        return ids.time_of(UUID(name.removeprefix(PREFIX))) < now - _LEFT_BEHIND
    except ValueError:
        return False


def _create(name: str) -> None:
    with postgres.connect(autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            connection.execute(statement.format(sql.Identifier(name)))
        except InsufficientPrivilege as error:
            raise BackupFailed(
                "The check needs a database of its own: DATABASE_OWNER_URL must name a role that "
                "may create one (CREATEDB)."
            ) from error


def _drop(name: str) -> None:
    with postgres.connect(autocommit=True) as connection:
        databases.drop(connection, name)
