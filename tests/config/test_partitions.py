"""Months become partitions, made by a role that owns nothing."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection, migrations, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import OperationWriter

from config.lib import ids
from config.lib.partitions import (
    CreatePartitionedModel,
    CreatePartitionFunction,
    ensure_partitions,
)

TABLE = "messaging_rawevent"
FAR = datetime(2031, 11, 20, 12, tzinfo=UTC)
NAMES = [f"{TABLE}_y2031m11", f"{TABLE}_y2031m12", f"{TABLE}_y2032m01"]

pytestmark = pytest.mark.django_db


def test_the_coming_months_are_made_once() -> None:
    assert ensure_partitions(table=TABLE, now=FAR, months_ahead=2) == NAMES
    assert ensure_partitions(table=TABLE, now=FAR, months_ahead=2) == []


def test_a_row_goes_to_the_partition_of_its_month() -> None:
    ensure_partitions(table=TABLE, now=FAR, months_ahead=1)
    first = insert(datetime(2031, 11, 1, tzinfo=UTC))
    last = insert(datetime(2031, 11, 30, 23, 59, 59, 999000, tzinfo=UTC))
    next_month = insert(datetime(2031, 12, 1, tzinfo=UTC))

    assert partition_of(first) == partition_of(last) == NAMES[0]
    assert partition_of(next_month) == NAMES[1]


def test_rows_waiting_in_the_default_partition_are_moved() -> None:
    waiting = insert(FAR)
    other = insert(datetime(2033, 5, 5, tzinfo=UTC))
    assert partition_of(waiting) == f"{TABLE}_default"

    ensure_partitions(table=TABLE, now=FAR, months_ahead=0)

    assert partition_of(waiting) == NAMES[0]
    assert partition_of(other) == f"{TABLE}_default"


def test_new_partitions_have_the_fill_factor_and_the_indexes_of_the_old() -> None:
    ensure_partitions(table="messaging_message", now=FAR, months_ahead=0)

    options = one("SELECT reloptions FROM pg_class WHERE relname = 'messaging_message_y2031m11'")
    default = one("SELECT reloptions FROM pg_class WHERE relname = 'messaging_message_default'")
    counts = "SELECT count(*) FROM pg_indexes WHERE tablename = %s"
    assert options == default
    assert any(option.startswith("fillfactor=") for option in options)
    assert one(counts, "messaging_message_y2031m11") == one(counts, "messaging_message_default")


@pytest.mark.parametrize(
    ("table", "name", "start", "end"),
    [
        ("accounts_user", "accounts_user_y2031m11", "2031-11-01", "2031-12-01"),
        (TABLE, "messaging_message_y2031m11", "2031-11-01", "2031-12-01"),
        (TABLE, f"{TABLE}_y2031m13", "2031-11-01", "2031-12-01"),
        (TABLE, f'{TABLE}_y2031m11"; DROP TABLE x', "2031-11-01", "2031-12-01"),
        (TABLE, f"{TABLE}_y2031m11", "2031-11-02", "2031-12-01"),
        (TABLE, f"{TABLE}_y2031m11", "2031-11-01", "2032-01-01"),
        (TABLE, f"{TABLE}_y2031m11", "2031-12-01", "2031-11-01"),
    ],
)
def test_the_function_makes_nothing_but_months_of_known_tables(
    table: str, name: str, start: str, end: str
) -> None:
    bounds = [ids.floor_of(datetime.fromisoformat(f"{day}T00:00+00:00")) for day in (start, end)]

    with connection.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute("SELECT switchboard_make_partition(%s, %s, %s, %s)", [table, name, *bounds])


def test_the_application_role_owns_no_table() -> None:
    assert one("SELECT count(*) FROM pg_tables WHERE tableowner = current_user") == 0


def test_to_the_state_it_is_an_ordinary_model() -> None:
    plain = migrations.CreateModel("Note", fields=FIELDS)
    partitioned = CreatePartitionedModel("Note", fields=FIELDS, fillfactor=85)
    states = []
    for operation in (plain, partitioned):
        state = ProjectState()
        operation.state_forwards("messaging", state)
        states.append(state.models["messaging", "note"])

    assert states[0] == states[1]
    assert isinstance(states[1], ModelState)


def test_operations_can_be_written_to_a_file() -> None:
    text, imports = OperationWriter(
        CreatePartitionedModel("Note", fields=FIELDS, fillfactor=85), indentation=0
    ).serialize()
    assert "fillfactor=85" in text
    assert "import config.lib.partitions" in imports

    text, _ = OperationWriter(CreatePartitionFunction(tables=["a"]), indentation=0).serialize()
    assert "'a'" in text


FIELDS: list[tuple[str, models.Field[Any, Any]]] = [
    ("id", models.UUIDField(primary_key=True, default=ids.new_id))
]


def insert(at: datetime) -> uuid.UUID:
    id_ = ids.derived_id(at, "row")
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} (id, received_at, body) VALUES (%s, %s, %s)",  # noqa: S608  # a constant
            [id_, at, b"{}"],
        )
    return id_


def partition_of(id_: uuid.UUID) -> str:
    return str(one(f"SELECT tableoid::regclass::text FROM {TABLE} WHERE id = %s", id_))  # noqa: S608  # a constant


def one(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]
