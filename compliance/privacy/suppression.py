"""People who were erased and must not be written to: remembered by a keyed hash only.

The gate asks the consent ledger and nothing else. So whoever brings such an address back, as a
contact or with a consent, first puts an opt-out of the day of the erasure into the ledger
(`bring_back`). The order of the ledger does the rest: an older or undated opt-in loses, one the
person gives later wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from accounts import tenancy
from compliance import ledger
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope
from compliance.privacy import keys
from compliance.privacy.models import SuppressedPerson

REASON: Final = "erased at the person's request"


def add(addresses: Sequence[str], *, at: datetime) -> list[str]:
    """Remember these address keys as erased; return their digests.

    The proof of an opt-out stays with the hash. Erased twice, the later day counts.
    """
    key, business_id = keys.current(), tenancy.current_id()
    said = _opted_out(addresses)
    rows = [
        SuppressedPerson(
            business_id=business_id,
            key_id=key.id,
            digest=key.digest(business_id, one),
            erased_at=at,
            opted_out=said.get(one, {}),
        )
        for one in sorted(set(addresses))
    ]
    SuppressedPerson.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["business", "digest"],
        update_fields=["erased_at", "opted_out"],
    )
    return [row.digest for row in rows]


def find(addresses: Sequence[str]) -> dict[str, SuppressedPerson]:
    """Return those of these address keys that were erased; erased twice, the later row."""
    if not addresses or not SuppressedPerson.objects.exists():
        return {}
    by_digest = keys.digests(tenancy.current_id(), list(addresses))
    rows = SuppressedPerson.objects.filter(digest__in=by_digest).order_by("erased_at")
    return {by_digest[row.digest]: row for row in rows}


def bring_back(addresses: Sequence[str]) -> int:
    """Put the opt-out of erased people who are back into the ledger; return how many people.

    Told twice it is written once, so it never stands above what the person said since.
    """
    found = find([one for one in dict.fromkeys(addresses) if one])
    events = [
        ledger.event(
            address=address,
            scope=scope,
            status=ConsentStatus.OPTED_OUT,
            source=ConsentEvent.Source.PRIVACY,
            occurred_at=row.erased_at,
            reason=REASON,
        )
        for address, row in found.items()
        for scope in Scope
    ]
    ledger.write(events)
    return len(found)


def _opted_out(addresses: Sequence[str]) -> dict[str, dict[str, str]]:
    said: dict[str, dict[str, str]] = {}
    rows = Consent.objects.filter(address__in=addresses, status=ConsentStatus.OPTED_OUT)
    for address, scope, at in rows.values_list("address", "scope", "changed_at"):
        said.setdefault(address, {})[scope] = at.isoformat()
    return said
