"""The archive's plain contents: a manifest, then what `pg_dump` writes, of one snapshot.

    length of the manifest (4 bytes) | manifest (JSON) | pg_dump, custom format

The manifest is counted in the very snapshot `pg_dump` reads, so that the comparison after a
restore is exact however busy the database was.
"""

from __future__ import annotations

import platform
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import django
import orjson
from psycopg import IsolationLevel

from backups import manifest, postgres
from backups.errors import Damaged
from backups.seal import Sink
from config.lib import crypto

_LENGTH: Final = struct.Struct(">I")
_LONGEST_MANIFEST: Final = 64 * 1024 * 1024
_PIECE: Final = 256 * 1024


def write(out: Sink, *, key_fingerprint: str, now: datetime) -> dict[str, Any]:
    """Write manifest and dump; return the manifest. Raises `BackupFailed`."""
    with postgres.connect() as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        major = postgres.major_of(connection)
        postgres.program("pg_dump", server_major=major)
        told = {
            "format": manifest.FORMAT,
            "made_at": now.isoformat(),
            "key_fingerprint": key_fingerprint,
            "field_key_fingerprint": crypto.key_fingerprint(),
            "database": connection.info.dbname,
            "versions": {
                "postgresql": connection.info.parameter_status("server_version"),
                "django": django.get_version(),
                "python": platform.python_version(),
            },
            **manifest.read(connection).as_json(),
        }
        raw = orjson.dumps(told)
        out.write(_LENGTH.pack(len(raw)) + raw)
        _dump(out, snapshot=snapshot, major=major)
    return told


def split(plain: Iterator[bytes]) -> tuple[dict[str, Any], Iterator[bytes]]:
    """Return the manifest of an archive's plain contents, and the dump behind it."""
    buffer = bytearray()
    for block in plain:
        buffer += block
        if len(buffer) < _LENGTH.size:
            continue
        (length,) = _LENGTH.unpack_from(buffer)
        if length > _LONGEST_MANIFEST:
            break
        end = _LENGTH.size + length
        if len(buffer) >= end:
            told = orjson.loads(bytes(buffer[_LENGTH.size : end]))
            return told, _chain(bytes(buffer[end:]), plain)
    raise Damaged("The archive has no readable manifest.")


def _dump(out: Sink, *, snapshot: str, major: int) -> None:
    arguments = [
        "--format=custom",
        "--no-password",
        "--enable-row-security",  # what the policies show: to this connection, everything
        f"--snapshot={snapshot}",
        f"--dbname={postgres.conninfo(with_password=False)}",
    ]
    with tempfile.TemporaryFile() as errors:
        process = postgres.start(
            "pg_dump", arguments, server_major=major, errors=errors, stdout=subprocess.PIPE
        )
        try:
            while process.stdout and (piece := process.stdout.read(_PIECE)):
                out.write(piece)
            postgres.require_success(process, "pg_dump", errors)
        finally:
            postgres.end(process)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
