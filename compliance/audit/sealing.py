"""One round of sealing: every chain that grew, and its checkpoint."""

from __future__ import annotations

from datetime import datetime

import structlog

from compliance.audit import chain, checkpoints

logger = structlog.get_logger(__name__)


def run(*, now: datetime) -> dict[str, int]:
    """Seal every chain with waiting entries; return how many entries, checkpoints, failures."""
    counts = {"sealed": 0, "checkpoints": 0, "unsigned": 0}
    for business_id in chain.businesses_waiting():
        counts["sealed"] += chain.seal(business_id, now=now)
        try:
            counts["checkpoints"] += checkpoints.write(chain.head(business_id), now=now)
        except Exception:
            # The chain is sealed; its head is signed with the next entry, in a minute or later.
            logger.exception("audit_checkpoint_not_stored", business_id=str(business_id))
            counts["unsigned"] += 1
    return counts
