"""The row of a request: found, locked, moved from state to state. Announces each move."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.dispatch import Signal

from accounts import signals
from accounts.access import Access
from accounts.models import Approval
from accounts.signals import ApprovalChanged
from config.lib.errors import Conflict, NotFound

Status = Approval.Status

LIFETIME: Final = timedelta(days=7)
_SIGNALS: Final[Mapping[str, Signal]] = {
    Status.OPEN: signals.approval_requested,
    Status.APPROVED: signals.approval_approved,
    Status.REJECTED: signals.approval_rejected,
    Status.WITHDRAWN: signals.approval_withdrawn,
    Status.VOID: signals.approval_voided,
    Status.EXPIRED: signals.approval_expired,
    Status.USED: signals.approval_used,
}


class NoLongerOpen(Conflict):
    """The request was decided, withdrawn or has ended."""

    code = "approval_closed"


def find_live(
    *, kind: str, subject_type: str, subject_id: str, lock: bool = False
) -> Approval | None:
    """Return what waits or stands for this subject."""
    rows: QuerySet[Approval] = Approval.objects.filter(
        kind=kind, subject_type=subject_type, subject_id=subject_id, status__in=Approval.LIVE
    )
    return (rows.select_for_update() if lock else rows).first()


def find_latest(*, kind: str, subject_type: str, subject_id: str) -> Approval | None:
    """Return the newest request about this subject, whatever became of it."""
    rows: QuerySet[Approval] = Approval.objects.filter(
        kind=kind, subject_type=subject_type, subject_id=subject_id
    )
    return rows.order_by("-id").first()


def state_of(approval: Approval, now: datetime) -> str:
    """Return its status, with one whose time has passed called expired."""
    is_over = approval.status in Approval.LIVE and approval.expires_at <= now
    return Status.EXPIRED if is_over else approval.status


def closed(approval: Approval, now: datetime) -> NoLongerOpen:
    """Return the refusal for one that has ended."""
    return NoLongerOpen(f"The request is {Status(state_of(approval, now)).label.lower()}.")


def locked(pk: UUID) -> Approval:
    """Return the row as it is, locked; raise `NotFound`."""
    rows: Any = Approval.objects.select_for_update(of=("self",))
    found: Approval | None = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound("No such request.")
    return found


def move(held: Approval, status: str, *, by: Access | None, now: datetime) -> Approval:
    """Write what became of a locked row."""
    held.status = status
    if status not in Approval.LIVE:
        held.closed_at = now
    held.save()
    announce(held, by)
    return held


def announce(row: Approval, by: Access | None) -> None:
    """Announce `ApprovalChanged` by the signal of the row's state."""
    fact = ApprovalChanged(
        business_id=row.business_id,
        approval_id=row.pk,
        kind=row.kind,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        digest=row.digest,
        by=by,
    )
    _SIGNALS[row.status].send(sender=Approval, fact=fact)
