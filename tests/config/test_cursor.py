"""The cursor whose statements say whose rows they may see: where one message holds more or less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, InternalError, NotSupportedError, connection, transaction
from django.db.transaction import TransactionManagementError

from accounts import tenancy
from accounts.models import Business
from tests.factories.accounts import BusinessFactory
from tests.factories.contacts import ContactFactory

pytestmark = pytest.mark.django_db(transaction=True)

SEEN = "SELECT current_setting('switchboard.business')"
NAMES = "SELECT name FROM messaging_contact ORDER BY name"


@pytest.fixture
def two() -> Iterator[tuple[Business, Business]]:
    """Return two businesses with a contact each, and see neither."""
    made = BusinessFactory.create(), BusinessFactory.create()
    for name, business in zip(("Ana", "Ben"), made, strict=True):
        ContactFactory.create(business=business, name=name)
    with tenancy.no_scope():
        yield made


def read(statement: str, values: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [value for (value,) in cursor.fetchall()]


def left_on_the_connection() -> bytes | None:
    """Return the setting as a statement without a preface finds it."""
    connection.ensure_connection()
    raw: Any = connection.connection
    found: bytes | None = raw.pgconn.exec_(
        b"SELECT current_setting('switchboard.business', true)"
    ).get_value(0, 0)
    return found


def test_several_statements_at_once_answer_one_after_the_other(
    two: tuple[Business, Business],
) -> None:
    with tenancy.scope(two[0]), connection.cursor() as cursor:
        cursor.execute(f"{NAMES}; SELECT 2; {NAMES}")
        answers = [cursor.fetchall()]
        while cursor.nextset():
            answers.append(cursor.fetchall())

    assert answers == [[("Ana",)], [(2,)], [("Ana",)]]


@pytest.mark.parametrize("statement", ["", "  ", "-- nothing", ";"])
def test_a_statement_that_says_nothing_answers_nothing(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)

        assert cursor.description is None
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_a_scope_that_changes_inside_a_transaction_is_followed(
    two: tuple[Business, Business],
) -> None:
    with transaction.atomic():
        nobody = read(NAMES)
        with tenancy.scope(two[0]):
            first = read(NAMES)
            with tenancy.scope(two[1]):
                second = read(NAMES)
            again = read(NAMES)
        with tenancy.across(tenancy.Door.COMMAND):
            everyone = read(NAMES)

    assert [nobody, first, second, again, everyone] == [
        [], ["Ana"], ["Ben"], ["Ana"], ["Ana", "Ben"]
    ]  # fmt: skip


def test_a_savepoint_rolled_back_takes_no_other_sight_with_it(
    two: tuple[Business, Business],
) -> None:
    with tenancy.scope(two[0]), transaction.atomic():
        with pytest.raises(DataError), transaction.atomic(), tenancy.scope(two[1]):
            read(f"{NAMES}; SELECT 1 / 0")

        assert read(NAMES) == ["Ana"]


def test_a_failed_transaction_is_told_as_such_and_ends(two: tuple[Business, Business]) -> None:
    with tenancy.scope(two[0]):
        with transaction.atomic():
            raw: Any = connection.connection
            with pytest.raises(DataError), connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
            with pytest.raises(InternalError, match="aborted"), connection.cursor() as cursor:
                cursor.execute(NAMES)
            transaction.set_rollback(True)

        assert connection.connection is raw
        assert read(NAMES) == ["Ana"]


def test_django_itself_refuses_to_go_on_after_a_failure_inside() -> None:
    with transaction.atomic():
        with pytest.raises(DataError), transaction.atomic(savepoint=False):
            read("SELECT 1 / 0")
        with pytest.raises(TransactionManagementError):
            read("SELECT 1")
        transaction.set_rollback(True)


def test_an_error_outside_of_a_transaction_leaves_the_connection_sound(
    two: tuple[Business, Business],
) -> None:
    with tenancy.scope(two[0]):
        for statement in ("SELECT 1 / 0", f"{NAMES}; SELECT 1 / 0; {NAMES}"):
            with pytest.raises(DataError):
                read(statement)

            assert read(NAMES) == ["Ana"]
    assert read(NAMES) == []


def test_nothing_stays_on_the_connection(two: tuple[Business, Business]) -> None:
    with tenancy.scope(two[0]):
        read(NAMES)
        with transaction.atomic():
            read(NAMES)
        assert left_on_the_connection() in (None, b"")


def test_many_of_one_kind_are_counted_and_each_has_its_sight(
    two: tuple[Business, Business],
) -> None:
    with tenancy.scope(two[0]), connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE messaging_contact SET name = %s WHERE name = %s",
            [["Ada", "Ana"], ["Bob", "Ben"], ["Cy", "Cid"]],
        )

        assert cursor.rowcount == 1
    with tenancy.across(tenancy.Door.COMMAND):
        assert read(NAMES) == ["Ada", "Ben"]


def test_what_carries_no_sight_is_refused() -> None:
    with connection.cursor() as cursor:
        inner: Any = cursor.cursor
        with pytest.raises(NotSupportedError):
            inner.stream("SELECT 1")
        with pytest.raises(NotSupportedError):
            inner.executemany("SELECT 1", [[]], returning=True)
        with pytest.raises(NotSupportedError):
            inner.copy("COPY messaging_contact TO STDOUT").__enter__()


@pytest.mark.parametrize("text", ["SAVEPOINT a; DROP TABLE x", "'; ROLLBACK; --", "100%", "a;b"])
def test_a_value_is_never_a_statement(two: tuple[Business, Business], text: str) -> None:
    with tenancy.scope(two[0]):
        assert read("SELECT %s::text", [text]) == [text]
        assert read(SEEN) == [str(two[0].pk)]


def test_a_transaction_may_still_choose_its_isolation(two: tuple[Business, Business]) -> None:
    with tenancy.scope(two[0]), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

        assert read("SHOW transaction_isolation") == ["repeatable read"]
        assert UUID(read(SEEN)[0]) == two[0].pk
