"""The trail as a file that proves itself: every entry with its place in the chain.

Of a JSON line, SHA-256 of `entry` (keys sorted, no spaces), a line feed and `signature` is
`digest`; SHA-256 of the previous line's `chain_hash` and `digest`, as bytes, is `chain_hash`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from accounts import tenancy
from compliance.audit import canonical, chain
from compliance.audit.chain import Head
from compliance.audit.models import AuditEntry

PAGE: Final = 500
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
COLUMNS: Final = (
    *("position", "created_at", "origin", "action", "resource", "resource_id", "actor"),
    *("actor_name", "api_key", "ip_address", "request_id", "details", "before", "after"),
    *("id", "digest", "chain_hash", "signature"),
)

Rows = Iterator[AuditEntry]


@dataclass(frozen=True, slots=True)
class Taken:
    """A file on its way: its lines, and the head of the chain they belong to."""

    head: str
    content_type: str
    lines: Iterator[str]


def take(rows: QuerySet[AuditEntry], *, name: str, now: datetime) -> Taken:
    """Seal what waits and return these entries, oldest first, up to the head of now."""
    business_id = tenancy.current_id()
    chain.seal(business_id, now=now)
    end = chain.head(business_id)
    content_type, lines = FORMATS[name]
    sealed = _sealed(rows.filter(link__position__lte=end.position), business_id)
    return Taken(f"{end.position}:{end.chain_hash}", content_type, lines(sealed, end))


def _sealed(rows: QuerySet[AuditEntry], business_id: UUID) -> Rows:
    """Yield entries page by page: no cursor stays open while a client takes its time.

    Links are named by their business, too: their index begins with it.
    """
    rows, after = rows.filter(link__business_id=business_id), 0
    while True:
        with tenancy.scope(business_id):
            later = rows.filter(link__position__gt=after).select_related("link")
            page = list(later.order_by("link__position")[:PAGE])
        if not page:
            return
        yield from page
        after = page[-1].link.position


def _json_lines(rows: Rows, end: Head) -> Iterator[str]:
    for entry in rows:
        yield _json(
            {
                "position": entry.link.position,
                "entry": json.loads(canonical.canonical(entry)),
                "signature": entry.signature,
                "digest": entry.link.digest,
                "chain_hash": entry.link.chain_hash,
            }
        )
    yield _json({"head": {"position": end.position, "chain_hash": end.chain_hash}})


def _csv(rows: Rows, end: Head) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in rows:
        fields = json.loads(canonical.canonical(entry)) | {
            "position": entry.link.position,
            "digest": entry.link.digest,
            "chain_hash": entry.link.chain_hash,
            "signature": entry.signature,
        }
        yield writer.writerow([_cell(fields[name]) for name in COLUMNS])


FORMATS: Final[dict[str, tuple[str, Callable[[Rows, Head], Iterator[str]]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "jsonl": ("application/x-ndjson; charset=utf-8", _json_lines),
}


def _cell(value: Any) -> str:
    """Return a cell; one a spreadsheet would run as a formula is put in words by an apostrophe."""
    if isinstance(value, dict):
        return _json(value).rstrip("\n") if value else ""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{text}\n"


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line
