"""The bare programs that benchmarks compare with: what the same machine does without a product."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import orjson
import uvloop
from psycopg_pool import AsyncConnectionPool

from bench import place, wire
from config.lib.ids import new_id

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

IN_FLIGHT: Final = 32
CONNECTIONS: Final = 4
_INSERT: Final = "INSERT INTO messaging_rawevent (id, body) VALUES (%s, %b)"


async def send(url: str, count: int) -> dict[str, Any]:
    """Post messages as fast as one client loop can: keep-alive, 32 in flight."""
    target = f"{url}/v26.0/{wire.phone_number_id(0, 0)}/messages"
    headers = {"Authorization": "Bearer bench", "Content-Type": "application/json"}
    bodies = [_message(wire.phone_of(one), wire.CONTENT) for one in range(count)]
    bodies.reverse()

    async def post_until_done(session: aiohttp.ClientSession) -> None:
        while bodies:
            async with session.post(target, data=bodies.pop(), headers=headers) as answer:
                await answer.read()
                if answer.status != 200:
                    raise place.BenchError(f"The sink answered {answer.status}.")

    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:
        place.ready_to_start()
        began = time.perf_counter()
        await asyncio.gather(*(post_until_done(session) for _ in range(IN_FLIGHT)))
        seconds = time.perf_counter() - began
    return {"rate": count / seconds}


def _message(phone: str, content: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": phone,
            "type": "template",
            "template": content,
            "biz_opaque_callback_data": "0199a0a0-0000-7000-8000-000000000000",
        }
    )


class OneInsertARequest:
    """An ASGI application that stores each body with an INSERT of its own, then answers 200.

    It has connections enough that it does not wait for one commit at a time.
    """

    def __init__(self) -> None:
        self._pool: AsyncConnectionPool | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._pool is not None:
            event = await receive()
            async with self._pool.connection() as connection:
                await connection.execute(_INSERT, [new_id(), event["body"]])
            headers = [(b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._pool = AsyncConnectionPool(
            os.environ["DATABASE_URL"].replace("postgres://", "postgresql://", 1),
            min_size=CONNECTIONS,
            max_size=CONNECTIONS,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 1},
        )
        await self._pool.open(wait=True)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})


application = OneInsertARequest()


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    place.answer(uvloop.run(send(arguments[0], int(arguments[1]))))
