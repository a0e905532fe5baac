"""Django's PostgreSQL backend, with the sight of the moment in front of every statement.

Both travel in one message of the simple protocol: one round trip. In a transaction `SET LOCAL`
holds until the next statement sets it anew; outside of one the server runs both in an implicit
transaction, so nothing stays on the connection, whoever uses it next. That makes pools and
PgBouncer's transaction mode safe, and a savepoint rolled back takes no wrong sight with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from django.db.utils import NotSupportedError
from psycopg.pq import TransactionStatus

from config.lib.postgres import roles, sight

if TYPE_CHECKING:
    import psycopg
    from psycopg._queries import PostgresQuery
    from psycopg.abc import Params, PQGen, Query
    from psycopg.pq.abc import PGresult

# They see no rows, and must also work in a transaction that failed.
_OF_TRANSACTIONS: Final = (b"SAVEPOINT", b"RELEASE", b"ROLLBACK")
# Connections whose role was looked at, by alias: once in each process.
_BOUND: Final[set[str]] = set()
_SPEAKABLE: Final = frozenset({TransactionStatus.IDLE, TransactionStatus.INTRANS})


if TYPE_CHECKING:
    _DriversCursor = psycopg.ClientCursor[Any]
else:
    _DriversCursor = base.Cursor


class Cursor(_DriversCursor):
    """A cursor whose statements carry their sight."""

    _has_preface = False

    def _execute_send(self, query: PostgresQuery, **options: Any) -> None:
        self._has_preface = (
            self._pgconn.transaction_status in _SPEAKABLE
            and not query.query.startswith(_OF_TRANSACTIONS)
        )
        if self._has_preface:
            query.query = sight.preface() + query.query
        super()._execute_send(query, **options)

    def _set_results(self, results: list[PGresult]) -> None:
        """Keep what the statement answered, without the answer to its preface."""
        answers = results[1:] if self._has_preface and len(results) > 1 else results
        super()._set_results(answers)

    def executemany(
        self, query: Query, params_seq: Iterable[Params], *, returning: bool = False
    ) -> None:
        """Execute one by one: the driver's pipeline takes single statements only."""
        if returning:
            raise NotSupportedError("executemany() returns no rows here")
        count = 0
        for params in params_seq:
            self.execute(query, params)  # type: ignore[arg-type]  # a template of 3.14
            count += max(self.rowcount, 0)
        self._rowcount = count

    def stream(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: it would run without a sight."""
        raise NotSupportedError("stream() carries no sight; read page by page")

    def _start_copy_gen(self, statement: Query, params: Params | None = None) -> PQGen[None]:
        raise NotSupportedError("COPY carries no sight; insert from unnest()")


class DatabaseWrapper(base.DatabaseWrapper):
    """PostgreSQL as the application uses it: bound by row-level security."""

    def get_connection_params(self) -> dict[str, Any]:
        """Make every cursor one that carries its sight."""
        return super().get_connection_params() | {"cursor_factory": Cursor}

    def init_connection_state(self) -> None:
        """Refuse to work in production as a role that the policies do not bind."""
        super().init_connection_state()
        if settings.DEBUG or self.alias in _BOUND or self.connection is None:
            return
        with self.connection.cursor() as cursor:
            if escape := roles.find_escape(cursor):
                raise ImproperlyConfigured(escape)
        _BOUND.add(self.alias)

    def create_cursor(self, name: str | None = None) -> Any:
        """Make a cursor of the client's.

        A cursor of the server's would be read when its sight is gone, and does not survive a
        pool in transaction mode.
        """
        return super().create_cursor()

    def chunked_cursor(self) -> Any:
        """Make the same: `iterator()` reads the whole answer, `config.lib.paging` pages."""
        return self.cursor()
