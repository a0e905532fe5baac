"""What was asked or approved ends: when it no longer fits, and when its time is over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts import tenancy
from accounts.access import Access
from accounts.approvals import digests, records
from accounts.approvals.records import Status
from accounts.models import Approval
from config.lib.apart import apart


@transaction.atomic
def void_changed(
    *,
    kind: str,
    subject_type: str,
    subject_id: str,
    parts: Mapping[str, object],
    by: Access | None,
    now: datetime,
) -> Approval | None:
    """End what was asked or approved about this subject if one of these parts is another now."""
    found = records.find_live(
        kind=kind, subject_type=subject_type, subject_id=subject_id, lock=True
    )
    if found is None or not (names := digests.changed_parts(found, parts)):
        return None
    found.reason = digests.sentence(found, names)[:500]
    return records.move(found, Status.VOID, by=by, now=now)


def expire(*, now: datetime) -> int:
    """End what nobody decided or used in time; return how many. Crosses businesses."""
    with tenancy.across(tenancy.Door.SWEEP):
        rows = Approval.across_businesses.filter(status__in=Approval.LIVE, expires_at__lte=now)
        found = list(rows.order_by("pk").values_list("pk", "business_id"))
    ended = 0
    for pk, business_id in found:
        with apart("approvals.expire", approval=str(pk)):
            ended += _expire(pk, business_id, now)
    return ended


def _expire(pk: UUID, business_id: UUID, now: datetime) -> int:
    with tenancy.scope(business_id):
        held = records.locked(pk)
        if records.state_of(held, now) != Status.EXPIRED or held.status == Status.EXPIRED:
            return 0
        records.move(held, Status.EXPIRED, by=None, now=now)
        return 1
