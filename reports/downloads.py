"""Reports as answers that stream: for the API and for the admin.

The rows are read in the business they were asked for in, whatever is in scope when the server
gets to sending them. Between two pages no database connection is held, so that a slow reader
costs none. Under ASGI pages are read on a thread, one at a time, as the client takes them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse

from accounts import tenancy
from analytics.queries import database
from reports.catalog import Prepared
from reports.columns import Pages, Row
from reports.exports import csv, xlsx


def as_csv(request: HttpRequest, prepared: Prepared, *, mark: bool = True) -> StreamingHttpResponse:
    """Return the report as CSV, with the byte order mark Excel needs unless told otherwise."""
    zone = prepared.selection.period.zone
    chunks = csv.chunks(prepared.columns, pages_of(prepared), zone=zone, mark=mark)
    return _answer(request, chunks, csv.CONTENT_TYPE, f"{prepared.stem}.{csv.EXTENSION}")


def as_xlsx(request: HttpRequest, prepared: Prepared) -> StreamingHttpResponse:
    """Return the report as a workbook; it is complete before its first byte leaves."""
    zone, title = prepared.selection.period.zone, prepared.report.title
    chunks = xlsx.chunks(prepared.columns, pages_of(prepared), zone=zone, title=title)
    return _answer(request, chunks, xlsx.CONTENT_TYPE, f"{prepared.stem}.{xlsx.EXTENSION}")


def pages_of(prepared: Prepared) -> Pages:
    """Yield the pages of a report, each read in its business and on a connection given back."""
    pages = prepared.report.read(prepared.selection)
    while True:
        page = _next(pages, prepared)
        if page is None:
            return
        yield page


def _next(pages: Pages, prepared: Prepared) -> Sequence[Row] | None:
    try:
        with tenancy.scope(prepared.business_id):
            return next(pages, None)
    finally:
        connection = connections[database()]
        if not connection.in_atomic_block:
            connection.close()


def _answer(
    request: HttpRequest, chunks: Iterator[bytes], content_type: str, filename: str
) -> StreamingHttpResponse:
    content: Iterator[bytes] | AsyncIterator[bytes] = chunks
    if isinstance(request, ASGIRequest):
        content = _threaded(chunks)
    return StreamingHttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _threaded(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Take each chunk on a thread: a plain iterator would be collected whole before it is sent."""
    take = sync_to_async(lambda: next(chunks, None))
    while (chunk := await take()) is not None:
        yield chunk
