"""Leave somebody alone for a while: a block that ends by itself.

A block stands beside the consent and says nothing about it: an opt-out refuses first and stays
when the block ends. An opt-in later than the block ends it, as it would an opt-out, so that a block
never lasts longer than an opt-out of the same moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from compliance import consent
from compliance.models import ConsentEvent, ConsentStatus, Scope
from config.lib.errors import InvalidInput

LONGEST_DAYS: Final = 365


def put(
    *,
    addresses: Sequence[str],
    scopes: Sequence[Scope],
    days: int,
    source: str,
    now: datetime,
    **facts: Any,
) -> list[ConsentEvent]:
    """Block a person in these scopes for `days` from now; a new block replaces the one before.

    Takes what `consent.record` takes beside. Returns the new events. Raises `InvalidInput`.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(f"A block lasts 1 to {LONGEST_DAYS} days.", attr="block_days")
    return _record(addresses, scopes, source, now, now + timedelta(days=days), facts)


def lift(
    *,
    addresses: Sequence[str],
    scopes: Sequence[Scope],
    source: str,
    now: datetime,
    **facts: Any,
) -> list[ConsentEvent]:
    """End the block of a person; what they agreed to or refused stays as it is."""
    return _record(addresses, scopes, source, now, now, facts)


def _record(
    addresses: Sequence[str],
    scopes: Sequence[Scope],
    source: str,
    now: datetime,
    until: datetime,
    facts: dict[str, Any],
) -> list[ConsentEvent]:
    return consent.record(
        addresses=addresses,
        scopes=scopes,
        status=ConsentStatus.BLOCKED,
        source=source,
        occurred_at=now,
        now=now,
        until=until,
        **facts,
    )
