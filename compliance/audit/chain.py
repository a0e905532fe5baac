"""Sealing: pending entries join the chain of their business in batches, so no write waits for it.

Writers add an entry and a pending row and hold no lock in common. Sealing takes an advisory lock
per business, reads the committed pending rows, appends one link each and deletes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from accounts import tenancy
from compliance.audit import canonical
from compliance.audit.models import AuditEntry, AuditLink, AuditPending

BATCH: Final = 1000
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain of a business (of the platform without one) ends now."""

    business_id: UUID | None
    position: int
    chain_hash: str


def seal(business_id: UUID | None, *, now: datetime) -> int:
    """Chain all entries of a business that are pending; return how many there were."""
    sealed = 0
    while count := _seal_batch(business_id, now):
        sealed += count
    return sealed


def businesses_waiting() -> list[UUID | None]:
    """Return the businesses (None for the platform) with entries that wait."""
    with tenancy.across(tenancy.Door.SWEEP):
        found = AuditPending.objects.order_by().values_list("business_id", flat=True).distinct()
        return list(found)


def head(business_id: UUID | None) -> Head:
    """Return the last link of a chain; position 0 when it has none."""
    with sight(business_id):
        last = AuditLink.objects.filter(of(business_id)).order_by("-position").first()
    if last is None:
        return Head(business_id, 0, canonical.first_hash(business_id))
    return Head(business_id, last.position, last.chain_hash)


def hash_at(business_id: UUID | None, position: int) -> str:
    """Return the hash of the chain at a position; empty when there is no such link."""
    with sight(business_id):
        links = AuditLink.objects.filter(of(business_id), position=position)
        return links.values_list("chain_hash", flat=True).first() or ""


def count_waiting(business_id: UUID | None) -> int:
    """Return how many entries of a business wait to be chained."""
    with sight(business_id):
        return AuditPending.objects.filter(of(business_id)).count()


def of(business_id: UUID | None) -> Q:
    """Return the condition for rows of one chain; without a business, the platform's."""
    return Q(business_id=business_id)


@contextmanager
def sight(business_id: UUID | None) -> Iterator[None]:
    """See the rows of one business, or of none."""
    if business_id:
        with tenancy.scope(business_id):
            yield
        return
    with tenancy.across(tenancy.Door.AUDIT):
        yield


def _seal_batch(business_id: UUID | None, now: datetime) -> int:
    with sight(business_id), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [f"switchboard audit {business_id}"])
        # A pending row whose entry is gone stays: it is what tells that one was removed.
        waiting = AuditEntry.objects.filter(pending__isnull=False, link__isnull=True)
        entries = list(waiting.filter(Q(pending__business_id=business_id)).order_by("pk")[:BATCH])
        if entries:
            AuditLink.objects.bulk_create(_links(business_id, entries, now))
            AuditPending.objects.filter(entry_id__in=[entry.pk for entry in entries]).delete()
        return len(entries)


def _links(business_id: UUID | None, entries: list[AuditEntry], now: datetime) -> list[AuditLink]:
    end = head(business_id)
    position, chain_hash = end.position, end.chain_hash
    links = []
    for entry in entries:
        digest = canonical.digest(entry)
        position, chain_hash = position + 1, canonical.next_hash(chain_hash, digest)
        links.append(
            AuditLink(
                entry_id=entry.pk,
                business_id=business_id,
                position=position,
                digest=digest,
                chain_hash=chain_hash,
                sealed_at=now,
            )
        )
    return links
