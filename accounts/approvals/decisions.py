"""Another person agrees or refuses; who asked or agreed takes it back."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.access import Access
from accounts.approvals import endings, records, rights, subjects
from accounts.approvals.records import LIFETIME, NoLongerOpen, Status
from accounts.models import Approval
from config.lib.errors import InvalidInput, NotAllowed


class Stale(NoLongerOpen):
    """What was asked about changed before anybody decided."""

    code = "approval_void"
    keeps_work = True


def approve(*, approval: Approval, by: Access, now: datetime) -> Approval:
    """Agree, as another person who may take the step themselves.

    Raises `NotYours`, `NotAllowed` or `NoLongerOpen`; `Stale` when it is no longer what was asked.
    """
    _require_fresh(approval, by=by, now=now)
    return _approve(approval, by=by, now=now)


@transaction.atomic
def _approve(approval: Approval, *, by: Access, now: datetime) -> Approval:
    held = _open(approval, now)
    rights.require_other(held, by)
    rights.require_right(held.kind, by)
    held.expires_at = now + LIFETIME
    return _decide(held, Status.APPROVED, by=by, now=now)


@transaction.atomic
def reject(*, approval: Approval, reason: str, by: Access, now: datetime) -> Approval:
    """Refuse, with a reason for whoever asked. Raises as `approve`."""
    held = _open(approval, now)
    rights.require_other(held, by)
    rights.require_right(held.kind, by)
    if not reason.strip():
        raise InvalidInput("Say why.", code="required", attr="reason")
    held.reason = reason.strip()[:500]
    return _decide(held, Status.REJECTED, by=by, now=now)


@transaction.atomic
def withdraw(*, approval: Approval, by: Access, now: datetime) -> Approval:
    """Take a request or an approval back: who asked, or who approved."""
    held = records.locked(approval.pk)
    if held.status not in Approval.LIVE or held.expires_at <= now:
        raise records.closed(held, now)
    person = rights.person_of(by)
    if person is None or person not in {held.requested_by_id, held.decided_by_id}:
        raise NotAllowed("Only who asked or who approved takes it back.")
    return records.move(held, Status.WITHDRAWN, by=by, now=now)


def _open(approval: Approval, now: datetime) -> Approval:
    held = records.locked(approval.pk)
    if records.state_of(held, now) != Status.OPEN:
        raise records.closed(held, now)
    return held


def _decide(held: Approval, status: str, *, by: Access, now: datetime) -> Approval:
    held.decided_by_id = rights.person_of(by)
    held.decider, held.decided_at = by.actor_name[:254], now
    return records.move(held, status, by=by, now=now)


def _require_fresh(approval: Approval, *, by: Access, now: datetime) -> None:
    """End a request that is no longer about what is there, and say so."""
    now_of = subjects.find_watch(approval.subject_type)
    if now_of is None or approval.status != Status.OPEN:
        return
    parts = now_of(approval.subject_id)
    if parts is None:
        raise NoLongerOpen("What this was about is gone.")
    ended = endings.void_changed(
        kind=approval.kind,
        subject_type=approval.subject_type,
        subject_id=approval.subject_id,
        parts=parts,
        by=by,
        now=now,
    )
    if ended is not None:
        raise Stale(f"{ended.reason} It has to be asked for again.")
