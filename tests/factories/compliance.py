"""Consent, recorded through its own door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from compliance import consent
from compliance.models import ConsentEvent, ConsentStatus


def opt_in(
    business: Business, *addresses: str, scope: str = "all", at: datetime | None = None
) -> Sequence[ConsentEvent]:
    """Record an opt-in of a person at these address keys."""
    return _record(business, addresses, scope, ConsentStatus.OPTED_IN, at)


def opt_out(
    business: Business, *addresses: str, scope: str = "all", at: datetime | None = None
) -> Sequence[ConsentEvent]:
    """Record an opt-out of a person at these address keys."""
    return _record(business, addresses, scope, ConsentStatus.OPTED_OUT, at)


def _record(
    business: Business,
    addresses: Sequence[str],
    scope: str,
    status: ConsentStatus,
    at: datetime | None,
) -> Sequence[ConsentEvent]:
    now = timezone.now()
    with tenancy.scope(business):
        return consent.record(
            addresses=addresses,
            scopes=consent.expand(scope),
            status=status,
            source=ConsentEvent.Source.API,
            occurred_at=at or now,
            now=now,
        )
