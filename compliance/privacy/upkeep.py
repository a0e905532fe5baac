"""What time alone brings about: requests due again, second looks, copies whose days are over."""

from __future__ import annotations

from datetime import datetime

from accounts import tenancy
from accounts.tenancy import Door
from compliance.privacy import erase, export, records, requests
from compliance.privacy.models import PrivacyRequest


def sweep(*, now: datetime) -> dict[str, int]:
    """Do what is due in every business; return counts."""
    with tenancy.across(Door.SWEEP):
        due = requests.list_due(now=now)
        unsettled = erase.list_unsettled(now=now)
        rows = PrivacyRequest.across_businesses.filter(expires_at__lte=now).exclude(file="")
        expired = set(rows.values_list("business_id", flat=True))
    for request in due:
        requests.wake(request)
    left_behind = 0
    for record in unsettled:
        with tenancy.scope(record.business_id):
            left_behind += sum(erase.look_again(record, now=now).values())
    copies = 0
    for business_id in expired:
        with tenancy.scope(business_id):
            copies += export.forget_expired(now=now)
    stored = records.store_pending(now=now)
    return {"stored": stored, "woken": len(due), "left_behind": left_behind, "copies": copies}
