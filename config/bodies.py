"""In front of Django: no body larger than its address takes is read, announced or not.

Django reads a body to its end before it asks who sends it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson
from django.conf import settings

from config.lib.api import errors, pages

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class BodyLimit:
    """Answer 413 for a body above the limit; hand everything else to `behind`."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one connection event as ASGI defines it."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        limit = limit_of(scope["path"])
        if announced(scope) > limit:
            await _refuse(scope, send)
            return
        counted = _Counted(receive, limit)
        await self._behind(scope, counted.receive, send)
        if counted.is_over:
            await _refuse(scope, send)


def limit_of(path: str) -> int:
    """Return how many bytes a request to this path may bring."""
    for prefix, limit in settings.UPLOAD_MAX_BODY_BYTES.items():
        if path.startswith(prefix):
            return int(limit)
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def announced(scope: Scope) -> int:
    """Return the length the headers tell; 0 when they tell none."""
    given = dict(scope["headers"]).get(b"content-length", b"")
    return int(given) if given.isdigit() else 0


class _Counted:
    """Counts a body as it comes; one that gets too large ends as if the client had hung up."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        self.is_over = False

    async def receive(self) -> Event:
        event = {"type": "http.disconnect"} if self.is_over else await self._receive()
        self._left -= len(event.get("body", b""))
        if self._left < 0:
            self.is_over = True
            return {"type": "http.disconnect"}
        return event


async def _refuse(scope: Scope, send: Send) -> None:
    error = errors.TooLarge()
    is_api = scope["path"].startswith(pages.API_PREFIX)
    body = orjson.dumps(errors.body_of(error)) if is_api else str(error.detail).encode()
    kind = b"application/json" if is_api else b"text/plain; charset=utf-8"
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": error.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
