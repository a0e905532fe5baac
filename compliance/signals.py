"""Facts compliance announces, inside the transaction that makes them true."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class ConsentWithdrawn:
    """People opted out; their consent locks are held until the transaction ends.

    Whoever sends lets what is under way to them land before returning, so that nothing reaches
    them after the commit.
    """

    business_id: UUID
    addresses: tuple[str, ...]


consent_withdrawn = Signal()  # kwargs: fact: ConsentWithdrawn
