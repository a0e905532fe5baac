"""What a database holds, in numbers that tell two apart: rows and a checksum of every table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

from psycopg import sql

from backups.postgres import Connection

FORMAT: Final = 1

# Text of a row must not depend on who reads it.
_PLAIN: Final = (
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL switchboard.business = 'all'",
)
_TABLES: Final = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema$)'
ORDER BY n.nspname, c.relname
"""


class Table(TypedDict):
    """The rows of a table; the checksum does not depend on their order."""

    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What one snapshot of a database holds."""

    tables: dict[str, Table] = field(default_factory=dict)
    migrations: dict[str, list[str]] = field(default_factory=dict)
    media: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the contents as they stand in an archive's manifest."""
        return {"tables": self.tables, "migrations": self.migrations, "media": self.media}


def read(connection: Connection) -> Contents:
    """Count everything in the transaction that is open, or in one of its own."""
    with connection.transaction():
        for statement in _PLAIN:
            connection.execute(statement)
        names = connection.execute(_TABLES).fetchall()
        tables = {
            name if schema == "public" else f"{schema}.{name}": _table(connection, schema, name)
            for schema, name in names
        }
        return Contents(tables, _migrations(connection, tables), _media(connection, tables))


def of_json(manifest: dict[str, Any]) -> Contents:
    """Return the contents a manifest tells of."""
    return Contents(
        manifest.get("tables", {}), manifest.get("migrations", {}), manifest.get("media", {})
    )


def _table(connection: Connection, schema: str, name: str) -> Table:
    statement = sql.SQL(
        "SELECT count(*), COALESCE(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {} t"
    )
    found = connection.execute(statement.format(sql.Identifier(schema, name))).fetchone()
    rows, checksum = found or (0, "0")
    return Table(rows=rows, checksum=checksum)


def _migrations(connection: Connection, tables: dict[str, Table]) -> dict[str, list[str]]:
    if "django_migrations" not in tables:
        return {}
    found = connection.execute(
        "SELECT app, array_agg(name ORDER BY name) FROM django_migrations GROUP BY app ORDER BY app"
    )
    return dict(found.fetchall())


def _media(connection: Connection, tables: dict[str, Table]) -> dict[str, int]:
    """Sum up the media index; the files themselves are not in the archive."""
    if "messaging_mediafile" not in tables:
        return {}
    found = connection.execute(
        "SELECT count(*), COALESCE(sum(size), 0)::bigint FROM messaging_mediafile "
        "WHERE status = 'stored'"
    ).fetchone()
    files, size = found or (0, 0)
    return {"files": files, "bytes": size}
