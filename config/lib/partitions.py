"""Tables partitioned by month: migration operations and the upkeep of future partitions.

A table is partitioned by range of its UUIDv7 `id`, so a month is a range of ids. A default
partition takes what no month covers yet; making the month's partition moves such rows into it.
The application role owns no table: it calls `switchboard_make_partition`, which runs as the
owner, knows the tables it may touch, and makes nothing but whole months. A partition of a table
that names a business is protected as its parent is (`config.lib.postgres.protection`).
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from config.lib import ids

MONTHS_AHEAD = 3

_PARTITION = "CREATE TABLE {name} PARTITION OF {parent} {bounds} {options}"


def ensure_partitions(*, table: str, now: datetime, months_ahead: int = MONTHS_AHEAD) -> list[str]:
    """Make the partitions of this month and the next ones; return the names of the new ones.

    Waits at most 5 s for its lock, then raises OperationalError: try again later.
    """
    with connection.cursor() as cursor:
        made = []
        for start, end in _months(now, months_ahead):
            name = partition_name(table, start)
            cursor.execute(
                "SELECT switchboard_make_partition(%s, %s, %s, %s)",
                [table, name, ids.floor_of(start), ids.floor_of(end)],
            )
            if cursor.fetchone()[0]:
                made.append(name)
    return made


def partition_name(table: str, month: datetime) -> str:
    """Return the name of a month's partition: "messaging_message_y2026m11"."""
    return f"{table}_y{month:%Y}m{month:%m}"


class CreatePartitionedModel(migrations.CreateModel):
    """Create a model whose table is partitioned by month of its UUIDv7 `id`.

    To the migration state it is a plain CreateModel. `fillfactor` goes to every partition,
    later ones included: they copy the storage parameters of the default partition.
    """

    def __init__(self, *args: Any, fillfactor: int | None = None, **kwargs: Any) -> None:
        """Take what CreateModel takes, and the fill factor of the partitions in percent."""
        super().__init__(*args, **kwargs)
        self.fillfactor = fillfactor

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Keep the fill factor when the operation is written to a file."""
        name, args, kwargs = super().deconstruct()
        if self.fillfactor is not None:
            kwargs["fillfactor"] = self.fillfactor
        return name, args, kwargs

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the parent, its default partition and those of the coming months."""
        model = to_state.apps.get_model(app_label, self.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f'{plain} PARTITION BY RANGE ("id")'
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain
        for statement in self._partitions(model._meta.db_table, schema_editor):
            schema_editor.execute(statement)

    def _partitions(self, table: str, schema_editor: BaseDatabaseSchemaEditor) -> Iterator[str]:
        quote = schema_editor.quote_name
        options = f"WITH (fillfactor = {self.fillfactor:d})" if self.fillfactor else ""
        parent = quote(table)
        yield _PARTITION.format(
            name=quote(f"{table}_default"), parent=parent, bounds="DEFAULT", options=options
        )
        for start, end in _months(datetime.now(UTC), MONTHS_AHEAD):
            yield _PARTITION.format(
                name=quote(partition_name(table, start)),
                parent=parent,
                bounds=f"FOR VALUES {_range(ids.floor_of(start), ids.floor_of(end))}",
                options=options,
            )


class CreatePartitionFunction(Operation):
    """Create `switchboard_make_partition` for exactly these partitioned tables.

    It replaces an earlier version, so a later migration names every table again.
    """

    reversible = True

    def __init__(self, tables: Sequence[str]) -> None:
        """Take the names of the tables the function may make partitions of."""
        self.tables = list(tables)

    def deconstruct(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:  # type: ignore[override]  # stubs want a dict
        """Name the tables when the operation is written to a file."""
        return type(self).__qualname__, [], {"tables": self.tables}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: functions are no part of the state."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the function in the schema the tables are in."""
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT quote_ident(current_schema())")
            schema = cursor.fetchone()[0]
        tables = ", ".join(schema_editor.quote_value(table) for table in self.tables)
        schema_editor.execute(
            _FUNCTION.replace("{schema}", schema).replace("{tables}", tables), params=None
        )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop the function."""
        schema_editor.execute(
            "DROP FUNCTION IF EXISTS switchboard_make_partition(text, text, uuid, uuid)"
        )

    def describe(self) -> str:
        """Say what the operation does."""
        return f"Create the function that makes partitions of {', '.join(self.tables)}"


def _months(now: datetime, ahead: int) -> Iterator[tuple[datetime, datetime]]:
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(ahead + 1):
        end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        yield start, end
        start = end


def _range(start: uuid.UUID, end: uuid.UUID) -> str:
    return f"FROM ('{start}') TO ('{end}')"


# Rows of the month that wait in the default partition are moved before it is attached. The
# default partition stays locked meanwhile, which is short unless upkeep was off for long.
_FUNCTION = r"""
CREATE OR REPLACE FUNCTION {schema}.switchboard_make_partition(
    table_name text, partition_name text, from_id uuid, to_id uuid
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $function$
DECLARE
    home CONSTANT text := $schema${schema}$schema$;
    month_start timestamptz;
    parent text;
    child text;
    rest text;
    options text;
    columns text;
    seen CONSTANT text := coalesce(current_setting('switchboard.business', true), '');
BEGIN
    IF table_name <> ALL (ARRAY[{tables}]::text[]) THEN
        RAISE EXCEPTION '% is not a partitioned table', table_name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF partition_name !~ ('^' || table_name || '_y[0-9]{4}m(0[1-9]|1[0-2])$') THEN
        RAISE EXCEPTION '% is no name for a partition of %', partition_name, table_name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    month_start := make_timestamptz(
        substr(right(partition_name, 8), 2, 4)::int, right(partition_name, 2)::int,
        1, 0, 0, 0, 'UTC');
    IF from_id <> (lpad(to_hex((extract(epoch FROM month_start) * 1000)::bigint), 12, '0')
                   || '70008000000000000000')::uuid
       OR to_id <> (lpad(to_hex((extract(epoch FROM
                         (month_start AT TIME ZONE 'UTC' + interval '1 month')
                         AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0')
                    || '70008000000000000000')::uuid THEN
        RAISE EXCEPTION 'the range is not the month of %', partition_name
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    parent := home || '.' || quote_ident(table_name);
    child := home || '.' || quote_ident(partition_name);
    rest := home || '.' || quote_ident(table_name || '_default');
    PERFORM pg_advisory_xact_lock(hashtextextended('switchboard_make_partition ' || parent, 0));
    IF to_regclass(child) IS NOT NULL THEN
        RETURN false;
    END IF;

    SELECT string_agg(option, ', ') INTO options
        FROM pg_class, unnest(reloptions) AS option WHERE pg_class.oid = rest::regclass;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
        FROM pg_attribute
        WHERE attrelid = parent::regclass AND attnum > 0
          AND NOT attisdropped AND attgenerated = '';
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL) %s',
                   child, parent, 'WITH (' || options || ')');
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', rest);
    PERFORM set_config('switchboard.business', 'all', true);
    EXECUTE format(
        'WITH moved AS (DELETE FROM %s WHERE id >= $1 AND id < $2 RETURNING %s)'
        ' INSERT INTO %s (%s) SELECT %s FROM moved', rest, columns, child, columns, columns)
        USING from_id, to_id;
    PERFORM set_config('switchboard.business', seen, true);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                   parent, child, from_id, to_id);
    IF EXISTS (SELECT 1 FROM pg_attribute
               WHERE attrelid = child::regclass AND attname = 'business_id') THEN
        EXECUTE format('SELECT %s.switchboard_protect($1, $2)', home)
            USING child::regclass, 'business_id';
    END IF;
    RETURN true;
END
$function$
"""
