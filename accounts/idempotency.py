"""The first answers to requests that carried an `Idempotency-Key`, sealed, for 24 hours."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from accounts import tenancy
from accounts.models import IdempotencyRecord
from config.lib import crypto
from config.lib.api.idempotency import KEPT, Slot, StoredResponse

BATCH: Final = 5_000


class Store:
    """Keeps answers in PostgreSQL. Bodies are encrypted: one may be a new API key."""

    def find(self, slot: Slot, *, since: datetime) -> StoredResponse | None:
        """Return the answer stored at or after `since`, or None."""
        with _sight_of(slot):
            row = _rows(slot).filter(created_at__gte=since).first()
        if row is None or row.status is None or row.body is None:
            return None
        body = crypto.decrypt(bytes(row.body).decode()).encode()
        return StoredResponse(row.fingerprint, row.status, body)

    def save(self, slot: Slot, response: StoredResponse, *, now: datetime) -> None:
        """Store the answer, replacing one that has expired."""
        with _sight_of(slot):
            _rows(slot).delete()
            IdempotencyRecord.objects.create(
                business_id=slot.business_id,
                actor=slot.actor,
                key=slot.key,
                fingerprint=response.fingerprint,
                status=response.status,
                body=crypto.encrypt(response.body.decode()).encode(),
                created_at=now,
            )


def _sight_of(slot: Slot) -> AbstractContextManager[None]:
    """Stay in the slot's business; a request that named none is told apart by its caller."""
    if slot.business_id is None:
        return tenancy.across(tenancy.Door.SIGN_IN)
    return tenancy.scope(slot.business_id)


def _rows(slot: Slot) -> QuerySet[IdempotencyRecord]:
    rows = IdempotencyRecord.objects.filter(actor=slot.actor, key=slot.key)
    if slot.business_id is None:
        return rows.filter(business__isnull=True)
    return rows.filter(business_id=slot.business_id)


@tenancy.across(tenancy.Door.SWEEP)
def forget_expired(*, now: datetime, batch: int = BATCH) -> int:
    """Delete answers older than 24 hours, in small statements; return how many."""
    deleted = 0
    while True:
        expired = IdempotencyRecord.objects.filter(created_at__lt=now - KEPT)
        ids = list(expired.order_by("created_at").values_list("pk", flat=True)[:batch])
        if not ids:
            return deleted
        deleted += IdempotencyRecord.objects.filter(pk__in=ids).delete()[0]
