"""The database as its owner: addresses, and the programs that dump and restore it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import psycopg
from django.conf import settings
from django.db import connection as app_connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backups.errors import BackupFailed
from config.lib.postgres.sight import ALL, SETTING

Connection = psycopg.Connection[tuple[Any, ...]]
_CONNECT_SECONDS: Final = 10
_SHOWN_ERROR: Final = 400
# Row-level security holds for the owner too; the programs that dump and restore pass this on.
_SEES_ALL: Final = f"-c {SETTING}={ALL}"


def connect(database: str | None = None, *, autocommit: bool = False) -> Connection:
    """Connect as the owner, to our database or another one of the same server."""
    try:
        return psycopg.connect(conninfo(database), autocommit=autocommit)
    except psycopg.OperationalError as error:
        raise BackupFailed(f"The database does not answer: {_short(str(error))}") from error


def conninfo(database: str | None = None, *, with_password: bool = True) -> str:
    """Return libpq's connection string of the owner."""
    values = conninfo_to_dict(
        settings.DATABASE_OWNER_URL, connect_timeout=_CONNECT_SECONDS, options=_SEES_ALL
    )
    values["dbname"] = database or str(app_connection.settings_dict["NAME"])
    if not with_password:
        values.pop("password", None)
    return make_conninfo("", **values)


def start(
    name: str,
    arguments: Sequence[str],
    *,
    server_major: int,
    errors: IO[bytes],
    stdin: int | None = None,
    stdout: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start `pg_dump` or `pg_restore`; the password goes by environment, never by arguments.

    Raises `BackupFailed` when the program is missing or older than the server.
    """
    path = program(name, server_major=server_major)
    password = conninfo_to_dict(settings.DATABASE_OWNER_URL).get("password")
    env = {**os.environ, "PGPASSWORD": str(password)} if password else dict(os.environ)
    command = [str(path), *arguments]
    return subprocess.Popen(command, env=env, stdin=stdin, stdout=stdout, stderr=errors)  # noqa: S603  # ours


def program(name: str, *, server_major: int) -> Path:
    """Return the program beside the server, else the one on PATH; it must be as new."""
    found = _beside(name) or shutil.which(name)
    if not found:
        raise BackupFailed(
            f"{name} was not found: set POSTGRES_BIN_DIR to the directory of PostgreSQL "
            f"{server_major}'s programs, or install its client."
        )
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603  # found above
    match = re.search(r"(\d+)", told.stdout)
    major = int(match[1]) if match else 0
    if major < server_major:
        raise BackupFailed(
            f"{name} is of PostgreSQL {major or '?'}, the server of {server_major}: it must be at "
            "least as new. Set POSTGRES_BIN_DIR to the directory of the server's own programs."
        )
    return Path(found)


def major_of(connection: Connection) -> int:
    """Return the major version of the server."""
    return connection.info.server_version // 10000


def require_success(process: subprocess.Popen[bytes], name: str, errors: IO[bytes]) -> None:
    """Wait for a program; raises `BackupFailed` with the end of what it said."""
    code = process.wait()
    if code == 0:
        return
    errors.seek(0)
    said = errors.read().decode("utf-8", "replace")
    raise BackupFailed(f"{name} failed: {_short(said) or f'exit code {code}'}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a program that is of no use any more."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    if process.poll() is None:
        process.terminate()
        process.wait()


def _beside(name: str) -> str | None:
    if not settings.POSTGRES_BIN_DIR:
        return None
    path = Path(settings.POSTGRES_BIN_DIR) / name
    return str(path) if path.exists() else None


def _short(text: str) -> str:
    return " ".join(text.split())[:_SHOWN_ERROR]
