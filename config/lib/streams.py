"""Large answers that leave as they are made, in memory that does not grow with them.

Under ASGI Django collects a plain iterator whole before it sends the first byte. Here pieces are
made on a thread, one at a time, as the client takes them. Between two pieces no database
connection is held, so that a slow client costs none: what makes them reads page by page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import IO, Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE_BYTES: Final = 64 * 1024


def download(
    request: HttpRequest, content: Iterator[bytes], *, content_type: str, filename: str
) -> StreamingHttpResponse:
    """Return a file that is made while it is sent; every part of `content` leaves by itself."""
    return StreamingHttpResponse(
        _threaded(content) if isinstance(request, ASGIRequest) else _released(content),
        content_type=content_type,
        headers={
            "Content-Disposition": str(content_disposition_header(True, filename)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def file(
    request: HttpRequest,
    opened: IO[bytes],
    *,
    content_type: str,
    filename: str,
    as_attachment: bool = True,
) -> FileResponse:
    """Return an open file, closed with the answer."""
    answer = FileResponse(
        opened, as_attachment=as_attachment, filename=filename, content_type=content_type
    )
    if isinstance(request, ASGIRequest):
        answer.streaming_content = _threaded(iter(lambda: opened.read(PIECE_BYTES), b""))
    return answer


def pieces(parts: Iterable[str | bytes]) -> Iterator[bytes]:
    """Join small parts, such as lines, to pieces worth sending."""
    held = bytearray()
    for part in parts:
        held += part.encode() if isinstance(part, str) else part
        if len(held) >= PIECE_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def _threaded(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    take = sync_to_async(_take)
    while (piece := await take(content)) is not None:
        yield piece


def _released(content: Iterator[bytes]) -> Iterator[bytes]:
    while (piece := _take(content)) is not None:
        yield piece


def _take(content: Iterator[bytes]) -> bytes | None:
    try:
        return next(content, None)
    finally:
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close()
