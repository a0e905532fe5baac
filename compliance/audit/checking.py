"""Recomputing the trail in the background, and remembering in it what was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from compliance.audit import chain, checkpoints, trail, verify
from compliance.audit.models import AuditEntry
from config.lib import alerts, apart

CLEAN: Final = "audit.verified"
BROKEN: Final = "audit.broken"
MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """When the trail was last recomputed, and the first thing that was wrong."""

    at: datetime
    is_clean: bool
    first: str


def check(business_id: UUID | None, *, now: datetime) -> int:
    """Seal, sign and recompute a trail; record what was found and alert when it is not whole."""
    chain.seal(business_id, now=now)
    end = chain.head(business_id)
    found = [verify.describe(one) for one in islice(verify.findings(business_id), MOST_NAMED)]
    if not found:
        checkpoints.write(end, now=now)
    with chain.sight(business_id):
        trail.record(
            action=BROKEN if found else CLEAN,
            resource="audit",
            details={"entries": end.position, "head": end.chain_hash, "found": found},
        )
    if found:
        alerts.send(
            "The audit trail is not as it was written",
            f"Trail of {business_id or 'the platform'}: {found[0]} Run manage.py verify_audit.",
            alerts.Severity.CRITICAL,
        )
    return len(found)


def check_all(*, now: datetime) -> dict[str, int]:
    """Check every trail; return how many there are and how many are broken."""
    wanted = verify.chains()
    counts = {"trails": len(wanted), "broken": 0, "failed": 0}
    for business_id in wanted:
        counts["failed"] += 1
        with apart.going_on("audit.check", business_id=str(business_id)):
            counts["broken"] += bool(check(business_id, now=now))
            counts["failed"] -= 1
    return counts


def find_last(business_id: UUID | None) -> Checked | None:
    """Return what was found when a trail was last checked."""
    entries = AuditEntry.objects.filter(chain.of(business_id), action__in=(CLEAN, BROKEN))
    last = entries.order_by("-id").first()
    if last is None:
        return None
    found = last.details.get("found") or [""]
    return Checked(last.created_at, last.action == CLEAN, found[0])
