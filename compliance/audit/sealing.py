"""One round of sealing: every chain that grew, and its checkpoint."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from compliance.audit import chain, checkpoints
from config.lib import alerts, apart

logger = structlog.get_logger(__name__)


def run(*, now: datetime) -> dict[str, int]:
    """Seal every chain with waiting entries; return how many entries, checkpoints, failures."""
    counts = {"sealed": 0, "checkpoints": 0, "unsigned": 0}
    for business_id in chain.businesses_waiting():
        with apart.apart("audit.seal", business_id=str(business_id)):
            counts["sealed"] += chain.seal(business_id, now=now)
        counts["checkpoints" if _sign(business_id, now) else "unsigned"] += 1
    return counts


def _sign(business_id: UUID | None, now: datetime) -> bool:
    """Sign the head of a chain; one not signed now is signed with the next entry."""
    try:
        checkpoints.write(chain.head(business_id), now=now)
    except checkpoints.ChainNotFollowing as broken:
        alerts.send_hourly(
            f"The audit trail of {business_id or 'the platform'} is not as it was written",
            f"{broken}. Run manage.py verify_audit.",
            alerts.Severity.CRITICAL,
        )
        return False
    except Exception:
        logger.exception("audit_checkpoint_not_stored", business_id=str(business_id))
        return False
    return True
