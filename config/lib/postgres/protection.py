"""Row-level security on every table that names a business.

Found in the catalogue, not in the models: a table with a `business_id` is protected the day it is
made, whoever made it, partitions included. Runs as the owner after every migration and changes
only what differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.lib.postgres.sight import ALL, SETTING

COLUMN: Final = "business_id"

# Tables whose rows are themselves the business.
KEYS: Final[Mapping[str, str]] = {"accounts_business": "id"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table as the catalogue knows it, and how it is protected."""

    name: str
    key: str
    mark: str


def protect(connection: BaseDatabaseWrapper) -> list[str]:
    """Protect every table that is not, or not in this way; return their names."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        _make_function(cursor, schema)
        changed = [one for one in _tables(cursor) if one.mark != _MARK]
        for table in changed:
            cursor.execute(
                f"SELECT {schema}.switchboard_protect(%s::regclass, %s)", [table.name, table.key]
            )
    return [table.name for table in changed]


def _make_function(cursor: Any, schema: str) -> None:
    """Create the function, unless this very one is there."""
    cursor.execute(
        "SELECT obj_description(oid, 'pg_proc') FROM pg_proc WHERE proname = 'switchboard_protect' "
        "AND pronamespace = current_schema()::regnamespace"
    )
    if cursor.fetchone() == (_MARK,):
        return
    cursor.execute(_FUNCTION.replace("{schema}", schema).replace("{mark}", _MARK))


def _tables(cursor: Any) -> Iterator[Table]:
    cursor.execute(_TABLES, [COLUMN, list(KEYS)])
    for name, plain, mark in cursor.fetchall():
        yield Table(name, KEYS.get(plain, COLUMN), mark)


# Every table that names a business; its mark is the one all four policies agree on.
_TABLES: Final = """
SELECT c.oid::regclass::text, c.relname, COALESCE((
    SELECT CASE WHEN count(*) = 4 AND c.relrowsecurity AND c.relforcerowsecurity
           THEN min(obj_description(p.oid, 'pg_policy')) END
    FROM pg_policy p WHERE p.polrelid = c.oid
), '')
FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
  AND pg_has_role(c.relowner, 'USAGE')
  AND (EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = %s
               AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped)
       OR c.relname = ANY (%s))
ORDER BY c.relname
"""

# The setting is read once a statement, in a subquery of its own; CASE compares it with the row's
# business and with the id that stands for all. A row of no business is seen by the latter only.
_BODY: Final = """
CREATE OR REPLACE FUNCTION {schema}.switchboard_protect(target regclass, key text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    sees CONSTANT text := format(
        'CASE (SELECT nullif(replace(current_setting(%L, true), %L, %L), %L)::uuid) '
        'WHEN %I THEN true WHEN %L::uuid THEN true ELSE false END',
        '{setting}', '{all}', '00000000-0000-0000-0000-000000000000', '', key,
        '00000000-0000-0000-0000-000000000000');
    command text;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    FOREACH command IN ARRAY ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON %s', 'switchboard_' || lower(command), target);
        EXECUTE format('CREATE POLICY %I ON %s FOR %s', 'switchboard_' || lower(command), target,
                       command)
            || CASE WHEN command <> 'INSERT' THEN format(' USING (%s)', sees) ELSE '' END
            || CASE WHEN command IN ('INSERT', 'UPDATE') THEN format(' WITH CHECK (%s)', sees)
               ELSE '' END;
        EXECUTE format('COMMENT ON POLICY %I ON %s IS %L', 'switchboard_' || lower(command), target,
                       '{mark}');
    END LOOP;
END
$function$;

REVOKE ALL ON FUNCTION {schema}.switchboard_protect(regclass, text) FROM PUBLIC;
"""

_TEXT: Final = _BODY.replace("{setting}", SETTING).replace("{all}", ALL)
_MARK: Final = f"switchboard {sha256(_TEXT.encode()).hexdigest()[:16]}"
_FUNCTION: Final = (
    _TEXT + "COMMENT ON FUNCTION {schema}.switchboard_protect(regclass, text) IS '{mark}';"
)
