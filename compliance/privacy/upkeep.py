"""What time alone brings about: requests due again, second looks, copies whose days are over."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from accounts import tenancy
from accounts.tenancy import Door
from compliance.privacy import erase, export, records, requests
from compliance.privacy.models import ErasureRecord, PrivacyRequest
from compliance.privacy.registry import Later
from config.lib.apart import going_on


def sweep(*, now: datetime) -> dict[str, int]:
    """Do what is due in every business; return counts. What fails for one is tried next time."""
    stored = copies = left_behind = 0
    with going_on("store_erasures"):
        stored = records.store_pending(now=now)
    with tenancy.across(Door.SWEEP):
        due = requests.list_due(now=now)
        unsettled = erase.list_unsettled(now=now)
        rows = PrivacyRequest.across_businesses.filter(export.is_over(now))
        expired = set(rows.values_list("business_id", flat=True))
    for request in due:
        requests.wake(request)
    for business_id in expired:
        with tenancy.scope(business_id):
            copies += export.forget_expired(now=now)
    for record in unsettled:
        left_behind += _look_again(record, now)
    return {"stored": stored, "woken": len(due), "left_behind": left_behind, "copies": copies}


def _look_again(record: ErasureRecord, now: datetime) -> int:
    """Look at one erasure once more; one that is to wait has its turn in the next sweep."""
    whose = {"business": str(record.business_id), "record": str(record.pk)}
    with going_on("look_again", **whose), tenancy.scope(record.business_id), suppress(Later):
        return sum(erase.look_again(record, now=now).values())
    return 0
