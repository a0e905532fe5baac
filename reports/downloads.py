"""Reports as answers that stream: for the API and for the admin.

The rows are read in the business they were asked for in, whatever is in scope when the server
gets to sending them. Between two pages no database connection is held, so that a slow reader
costs none.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse

from accounts import tenancy
from analytics.queries import database
from config.lib import streams
from reports.catalog import Prepared
from reports.columns import Pages, Row
from reports.exports import csv, xlsx


def as_csv(request: HttpRequest, prepared: Prepared, *, mark: bool = True) -> StreamingHttpResponse:
    """Return the report as CSV, with the byte order mark Excel needs unless told otherwise."""
    zone = prepared.selection.period.zone
    chunks = csv.chunks(prepared.columns, pages_of(prepared), zone=zone, mark=mark)
    name = f"{prepared.stem}.{csv.EXTENSION}"
    return streams.download(request, chunks, content_type=csv.CONTENT_TYPE, filename=name)


def as_xlsx(request: HttpRequest, prepared: Prepared) -> StreamingHttpResponse:
    """Return the report as a workbook; it is complete before its first byte leaves."""
    zone, title = prepared.selection.period.zone, prepared.report.title
    chunks = xlsx.chunks(prepared.columns, pages_of(prepared), zone=zone, title=title)
    name = f"{prepared.stem}.{xlsx.EXTENSION}"
    return streams.download(request, chunks, content_type=xlsx.CONTENT_TYPE, filename=name)


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
