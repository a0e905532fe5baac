"""The step that needs a second person: it waits, or uses the approval up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import transaction

from accounts.access import Access
from accounts.approvals import digests, records, rights
from accounts.approvals.records import Status
from accounts.approvals.requests import (
    WORDLESS,
    ApprovalRequired,
    ApprovalVoid,
    Asks,
    NeedsApproval,
    Wanted,
)
from accounts.models import Approval, SecurityPolicy
from accounts.models_security import ApprovalKind

P = ParamSpec("P")
R = TypeVar("R")


def asking(step: Callable[P, R]) -> Callable[P, R]:
    """Run a step in a transaction; when it needs an approval, take it back and keep the request."""

    @wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with transaction.atomic():
                return step(*args, **kwargs)
        except NeedsApproval as refused:
            refused.ask()
            raise

    return run


def is_needed(kind: str) -> bool:
    """Tell whether the business in scope wants a second person for this kind."""
    found: list[str] | None = SecurityPolicy.objects.values_list("two_person", flat=True).first()
    wanted = found or []
    return bool(wanted) if kind == ApprovalKind.SECURITY_POLICY else kind in wanted


def require(
    *,
    kind: str,
    subject_type: str,
    subject_id: str,
    digest: str,
    by: Access | None,
    now: datetime,
    asks: Asks = WORDLESS,
) -> None:
    """Use up the approval of exactly this by another person, if the business wants one.

    `by` is None when a planned step starts by itself. Raises `ApprovalRequired` or `ApprovalVoid`.
    """
    if not is_needed(kind):
        return
    wanted = Wanted(kind, subject_type, subject_id, digest, by, now, asks)
    found = _standing(wanted)
    records.move(found, Status.USED, by=by, now=now)


def require_standing(
    *,
    kind: str,
    subject_type: str,
    subject_id: str,
    digest: str,
    by: Access | None,
    now: datetime,
    asks: Asks = WORDLESS,
) -> Approval | None:
    """Do as `require`, and leave the approval to the step that was planned; None: none needed."""
    if not is_needed(kind):
        return None
    return _standing(Wanted(kind, subject_type, subject_id, digest, by, now, asks))


def was_used(*, kind: str, subject_type: str, subject_id: str, digest: str, at: datetime) -> bool:
    """Tell whether the step that was taken then used an approval of exactly this."""
    used = Approval.objects.filter(
        kind=kind,
        subject_type=subject_type,
        subject_id=subject_id,
        digest=digest,
        status=Status.USED,
        closed_at=at,
    )
    return bool(used.exists())


def _standing(wanted: Wanted) -> Approval:
    """Return the approval of exactly this, locked, or raise why there is none."""
    found = records.find_live(
        kind=wanted.kind,
        subject_type=wanted.subject_type,
        subject_id=wanted.subject_id,
        lock=True,
    )
    if found is None:
        raise _unasked(wanted)
    if found.expires_at <= wanted.now:
        raise ApprovalRequired("The approval has expired: it was asked for again.", wanted)
    if found.status == Status.OPEN:
        raise ApprovalRequired("This waits for a second person to approve it.", wanted)
    if found.digest != wanted.digest:
        raise ApprovalVoid(
            f"{digests.changed_sentence(found, wanted.digest)} It was asked for again.",
            wanted,
            changed=digests.changed(found, wanted.digest),
        )
    _require_approver(found, wanted)
    return found


def _unasked(wanted: Wanted) -> NeedsApproval:
    """Return the refusal where nothing waits or stands, with what became of the last request."""
    last = records.find_latest(
        kind=wanted.kind, subject_type=wanted.subject_type, subject_id=wanted.subject_id
    )
    if last is not None and last.status == Status.VOID and last.decided_by_id is not None:
        changed = digests.changed(last, wanted.digest)
        return ApprovalVoid(f"{last.reason} It was asked for again.", wanted, changed=changed)
    if last is not None and last.status == Status.REJECTED and last.digest == wanted.digest:
        return ApprovalRequired(
            f"{last.decider} rejected it: {last.reason} It was asked for again.", wanted
        )
    return ApprovalRequired("This needs a second person: it was asked for.", wanted)


def _require_approver(found: Approval, wanted: Wanted) -> None:
    """Raise unless who approved still may, and is somebody else than who acts."""
    if not rights.still_may(found):
        raise ApprovalVoid(
            f"{found.decider} approved it and may no longer: it was asked for again.",
            wanted,
            changed=["who approved it"],
        )
    if wanted.by is not None and rights.person_of(wanted.by) == found.decided_by_id:
        raise ApprovalRequired("You approved it yourself: somebody else has to do it.", wanted)
