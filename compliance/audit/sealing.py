"""One round of sealing: every chain that grew, its checkpoint, and whether an entry is gone."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from compliance.audit import chain, checkpoints, trail, verify, witness
from compliance.audit.chain import Head
from config.lib import alerts, apart

logger = structlog.get_logger(__name__)

_WHOLE: Final = 2**63 - 1


def run(*, now: datetime) -> dict[str, int]:
    """Seal every chain with waiting entries; return how many entries, checkpoints, failures."""
    counts = {"sealed": 0, "checkpoints": 0, "unsigned": 0, "lost": 0}
    signed: dict[UUID | None, Head | None] = {}
    for business_id in chain.businesses_waiting():
        with apart.going_on("audit.seal", business_id=str(business_id)):
            counts["sealed"] += chain.seal(business_id, now=now)
        signed[business_id] = _sign(business_id, now)
    with apart.going_on("audit.witness"):
        counts["lost"] = _look(signed, now)
    counts["checkpoints"] = sum(head is not None for head in signed.values())
    counts["unsigned"] = len(signed) - counts["checkpoints"]
    return counts


def _sign(business_id: UUID | None, now: datetime) -> Head | None:
    """Sign the head of a chain and return it; one not signed now is signed in a later round."""
    end = chain.head(business_id)
    try:
        checkpoints.write(end, now=now)
    except checkpoints.ChainNotFollowing as broken:
        alerts.send_hourly(
            f"The audit trail of {business_id or 'the platform'} is not as it was written",
            f"{broken}. Run manage.py verify_audit.",
            alerts.Severity.CRITICAL,
        )
        return None
    except Exception:
        logger.exception("audit_checkpoint_not_stored", business_id=str(business_id))
        return None
    return end


def _look(signed: dict[UUID | None, Head | None], now: datetime) -> int:
    """Let go of the entries a checkpoint covers; record those that are gone, and return how many.

    A chain that a round before this one sealed and could not sign is signed here.
    """
    lost = 0
    try:
        is_full = witness.is_full()
        for business_id, ids in witness.noted():
            if business_id not in signed:
                signed[business_id] = _sign(business_id, now)
            head = signed[business_id] or Head(business_id, _WHOLE if is_full else 0, "")
            found = witness.look(business_id, ids, signed=head)
            _record_lost(business_id, found.lost)
            witness.let_go(business_id, found.covered | found.lost)
            lost += len(found.lost)
    except RedisError:
        logger.warning("audit_witness_not_read")
    return lost


def _record_lost(business_id: UUID | None, lost: frozenset[UUID]) -> None:
    if not lost:
        return
    signed = _signed_position(business_id)
    with chain.sight(business_id):
        for id_ in sorted(lost):
            trail.record(
                action=verify.LOST,
                resource="audit_entry",
                resource_id=str(id_),
                details={verify.SIGNED: signed},
                actor_name="Switchboard",
            )
    alerts.send_hourly(
        f"The audit trail of {business_id or 'the platform'} is not as it was written",
        f"{len(lost)} entries were taken out before they were signed for. Run manage.py "
        "verify_audit.",
        alerts.Severity.CRITICAL,
    )


def _signed_position(business_id: UUID | None) -> int:
    try:
        return checkpoints.signed_position(business_id)
    except Exception:
        logger.exception("audit_checkpoint_not_read", business_id=str(business_id))
        return 0
