"""Make raw bodies durable with group commit.

Bodies that arrive while an INSERT is under way share the next one. Each caller waits until the
commit that holds its body; one commit pays for all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import structlog

from config.lib.errors import Unavailable
from config.lib.ids import new_id

logger = structlog.get_logger(__name__)

WRITERS = 2
MAX_ROWS = 500
MAX_BYTES = 8 * 1024 * 1024
ATTEMPT_SECONDS = 10.0
_FIRST_BACKOFF_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 2.0

# A repeat after a lost answer meets its own rows: the ids are made before the first attempt.
_INSERT = """
WITH arrived AS (
    SELECT * FROM unnest(%b::uuid[], %b::bytea[]) AS event (id, body)
), stored AS (
    INSERT INTO messaging_rawevent (id, body)
    SELECT id, body FROM arrived ON CONFLICT (id) DO NOTHING
)
INSERT INTO messaging_pendingevent (event_id)
SELECT id FROM arrived ON CONFLICT (event_id) DO NOTHING
"""


# What a pooler in transaction mode that forgets prepared statements makes of one.
_NOT_PREPARED = (
    psycopg.errors.DuplicatePreparedStatement,
    psycopg.errors.InvalidSqlStatementName,
)


class StoreUnavailable(Unavailable):
    """The database did not take the body; nothing was promised."""


@dataclass(slots=True, eq=False)
class _Arrival:
    body: bytes
    stored: asyncio.Future[None]
    id: UUID = field(default_factory=new_id)


class GroupCommit:
    """Store bodies through a few connections of its own, in the event loop that uses it.

    `parameters` gives psycopg's connection parameters; it is asked at every connect.
    """

    def __init__(self, parameters: Callable[[], Mapping[str, Any]], *, writers: int = WRITERS):
        self._writers = [_Writer(parameters) for _ in range(writers)]
        self._waiting: deque[_Arrival] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def store(self, body: bytes) -> UUID:
        """Return once the body is committed, with its event id; raise `StoreUnavailable`."""
        arrival = _Arrival(body, asyncio.get_running_loop().create_future())
        self._waiting.append(arrival)
        if idle := next((writer for writer in self._writers if not writer.is_busy), None):
            idle.is_busy = True
            task = asyncio.get_running_loop().create_task(self._write(idle))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await arrival.stored
        return arrival.id

    async def close(self) -> None:
        """Finish what is under way and close the connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            await writer.disconnect()

    async def _write(self, writer: _Writer) -> None:
        try:
            while batch := self._next_batch():
                _answer(batch, await writer.insert(batch))
        finally:
            writer.is_busy = False

    def _next_batch(self) -> list[_Arrival]:
        batch: list[_Arrival] = []
        size = 0
        while self._waiting and len(batch) < MAX_ROWS:
            size += len(self._waiting[0].body)
            if batch and size > MAX_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch


class _Writer:
    """One connection, in autocommit, made when first needed and again when lost.

    It prepares its statement, until it meets a pooler that does not keep prepared statements.
    """

    def __init__(self, parameters: Callable[[], Mapping[str, Any]]) -> None:
        self.is_busy = False
        self._parameters = parameters
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._prepare_after: int | None = 1
        self._backoff_seconds = 0.0
        self._not_before = 0.0

    async def insert(self, batch: Sequence[_Arrival]) -> StoreUnavailable | None:
        """Commit the batch; a connection that had gone stale gets one second chance."""
        was_connected = self._connection is not None
        failure = await self._attempt(batch)
        if failure and was_connected:
            failure = await self._attempt(batch)
        return failure

    async def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _attempt(self, batch: Sequence[_Arrival]) -> StoreUnavailable | None:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                connection = await self._connected()
                rows = [arrival.id for arrival in batch], [arrival.body for arrival in batch]
                await connection.execute(_INSERT, rows)
        except StoreUnavailable as failure:
            return failure
        except _NOT_PREPARED:
            logger.info("webhook_store_stops_preparing")
            self._prepare_after = None
            await self.disconnect()
            return StoreUnavailable("The event could not be stored.")
        except Exception as error:  # every caller must get an answer, and never a 200
            logger.warning("webhook_store_failed", error=type(error).__name__, rows=len(batch))
            await self.disconnect()
            return StoreUnavailable("The event could not be stored.")
        return None

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        clock = asyncio.get_running_loop().time
        if clock() < self._not_before:
            raise StoreUnavailable("The event could not be stored.")
        self._backoff_seconds = min(
            max(self._backoff_seconds * 2, _FIRST_BACKOFF_SECONDS), _LONGEST_BACKOFF_SECONDS
        )
        self._not_before = clock() + self._backoff_seconds
        self._connection = await psycopg.AsyncConnection.connect(
            **self._parameters(), autocommit=True, prepare_threshold=self._prepare_after
        )
        self._backoff_seconds = self._not_before = 0.0
        return self._connection


def _answer(batch: Sequence[_Arrival], failure: StoreUnavailable | None) -> None:
    for arrival in batch:
        if arrival.stored.done():  # its client went away and the wait was cancelled
            continue
        if failure:
            arrival.stored.set_exception(failure)
        else:
            arrival.stored.set_result(None)
