"""What happened to a sender, as operators read it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from config.lib.ids import derived_id, new_id
from messaging.senders.models import Sender, SenderEvent

Kind = SenderEvent.Kind


def record(
    sender: Sender,
    kind: SenderEvent.Kind,
    detail: str,
    *,
    at: datetime,
    digest: str = "",
) -> None:
    """Write one line; the same `digest` and `at` (a fact of Meta's) is written once."""
    SenderEvent.across_businesses.bulk_create(
        [
            SenderEvent(
                id=_id(sender.pk, kind, at, digest),
                business_id=sender.business_id,
                sender=sender,
                kind=kind,
                detail=detail[:300],
                created_at=at,
            )
        ],
        ignore_conflicts=True,
    )


def _id(sender_id: UUID, kind: SenderEvent.Kind, at: datetime, digest: str) -> UUID:
    return derived_id(at, str(sender_id), kind, digest) if digest else new_id()
