"""The bare programs that benchmarks compare with: what the same machine does without a product."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson
import psycopg
import uvloop

from bench import place, wire

IN_FLIGHT: Final = 32


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
    """An ASGI application that stores each body with an INSERT of its own, then answers 200."""

    def __init__(self, connections: int = 4) -> None:
        self._count = connections
        self._free: asyncio.Queue[psycopg.AsyncConnection[Any]] | None = None
        self._opening = asyncio.Lock()

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        event = await receive()
        free = self._free or await self._open()
        connection = await free.get()
        try:
            await connection.execute("INSERT INTO bench_event (body) VALUES (%b)", [event["body"]])
        finally:
            free.put_nowait(connection)
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _open(self) -> asyncio.Queue[psycopg.AsyncConnection[Any]]:
        async with self._opening:
            if self._free is None:
                free: asyncio.Queue[psycopg.AsyncConnection[Any]] = asyncio.Queue()
                for _ in range(self._count):
                    free.put_nowait(await _connect())
                self._free = free
        return self._free


async def _connect() -> psycopg.AsyncConnection[Any]:
    parts = urlsplit(os.environ["DATABASE_URL"])
    return await psycopg.AsyncConnection.connect(
        parts.geturl().replace("postgres://", "postgresql://", 1),
        autocommit=True,
        prepare_threshold=1,
    )


application = OneInsertARequest()


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    place.answer(uvloop.run(send(arguments[0], int(arguments[1]))))
