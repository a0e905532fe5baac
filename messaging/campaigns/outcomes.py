"""What became of each recipient, one line each, in bounded memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from messaging.campaigns.models import Campaign
from messaging.campaigns.verdicts import START
from messaging.contacts.refused import neutral

_PAGE: Final = 2000
COLUMNS: Final = (
    "contact",
    "name",
    "address",
    "outcome",
    "code",
    "reason",
    "message",
    "queued_at",
    "sent_at",
    "delivered_at",
    "read_at",
    "failed_at",
)


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient: `code` is Meta's or ours, `reason` a sentence or the refusal."""

    contact: UUID | None
    name: str
    address: str
    outcome: str
    code: str
    reason: str
    message: UUID | None = None
    queued_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failed_at: datetime | None = None


_SQL: Final = """
SELECT r.contact_id, COALESCE(c.name, ''),
       COALESCE(m.address, NULLIF(c.phone, ''), c.bsuid, ''),
       CASE WHEN m.status IS NOT NULL THEN m.status
            WHEN r.skip_code <> '' THEN 'skipped' ELSE 'waiting' END,
       COALESCE(m.error_code::text, NULLIF(m.error_reason, ''), r.skip_code),
       COALESCE(NULLIF(m.error_title, ''), NULLIF(m.error_reason, ''), r.skip_code),
       r.message_id, m.created_at, m.sent_at, m.delivered_at, m.read_at, m.failed_at
FROM (SELECT * FROM messaging_campaignrecipient
      WHERE campaign_id = %(campaign)s AND contact_id > %(after)s
      ORDER BY contact_id LIMIT %(limit)s) AS r
LEFT JOIN messaging_contact c ON c.id = r.contact_id
LEFT JOIN messaging_message m ON m.id = r.message_id
ORDER BY r.contact_id
"""


def lines(campaign: Campaign) -> Iterator[Line]:
    """Yield every recipient; those of a request that are no contacts come first."""
    for one in campaign.refused:
        yield Line(None, "", one["to"], "skipped", one["code"], one["code"])
    after = START
    while page := _page(campaign.pk, after):
        yield from page
        last = page[-1].contact
        if len(page) < _PAGE or last is None:
            return
        after = last


def csv_lines(campaign: Campaign) -> Iterator[str]:
    """Yield the outcomes as CSV with the mark Excel looks for; no cell runs as a formula."""
    yield "\ufeff" + _row(COLUMNS)
    for line in lines(campaign):
        yield _row([neutral(_text(getattr(line, name))) for name in COLUMNS])


def _page(campaign_id: UUID, after: UUID) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"campaign": campaign_id, "after": after, "limit": _PAGE})
        return [Line(*row) for row in cursor.fetchall()]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return "" if value is None else str(value)


def _row(cells: Any) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
