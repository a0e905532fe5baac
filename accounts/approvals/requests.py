"""Somebody asks for a second person, or is told that one is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction

from accounts import tenancy
from accounts.access import Access
from accounts.approvals import digests, records, rights
from accounts.approvals.records import LIFETIME, NoLongerOpen, Status
from accounts.models import Approval
from accounts.models_security import ApprovalKind
from config.lib.errors import Conflict


@dataclass(frozen=True, slots=True)
class Asks:
    """What is asked, in plain words: a title, and lines of a name and what it is.

    It is kept as long as the trail of approvals: name no customer, and numbers only masked.
    """

    title: str = ""
    lines: tuple[tuple[str, str], ...] = ()


WORDLESS: Final = Asks()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step somebody wants to take."""

    kind: str
    subject_type: str
    subject_id: str
    digest: str
    by: Access | None
    now: datetime
    asks: Asks


class NeedsApproval(Conflict):
    """The step waits for a second person."""

    code = "approval_required"
    keeps_work = True

    def __init__(self, detail: str, wanted: Wanted, **extra: object) -> None:
        super().__init__(detail, extra={"kind": wanted.kind, **extra})
        self.wanted = wanted

    def ask(self) -> None:
        """Keep the request, in a transaction of its own; name it in `extra`."""
        found = _ask(self.wanted, why=self.detail)
        if found is not None:
            self.extra |= {"approval": str(found.pk), "expires_at": found.expires_at.isoformat()}


class ApprovalRequired(NeedsApproval):
    """Nobody else has approved it yet."""


class ApprovalVoid(NeedsApproval):
    """It was approved, and is no longer what was approved. `extra["changed"]` names the parts."""

    code = "approval_void"


@transaction.atomic
def _ask(wanted: Wanted, *, why: str) -> Approval | None:
    """Return the live request for exactly this; end one that is not and make a new one.

    Nobody asks where nobody acts: then what no longer fits is ended only.
    """
    found = records.find_live(
        kind=wanted.kind,
        subject_type=wanted.subject_type,
        subject_id=wanted.subject_id,
        lock=True,
    )
    if found is not None:
        is_over = found.expires_at <= wanted.now
        is_stale = found.digest != wanted.digest
        is_orphan = found.status == Status.APPROVED and not rights.still_may(found)
        if not (is_over or is_stale or is_orphan):
            return found
        reason = digests.changed_sentence(found, wanted.digest) or why
        found.reason = "" if is_over else reason[:500]
        ended = Status.EXPIRED if is_over else Status.VOID
        records.move(found, ended, by=wanted.by, now=wanted.now)
    return _create(wanted, wanted.by) if wanted.by is not None else None


def _create(wanted: Wanted, by: Access) -> Approval:
    row = Approval(
        business_id=tenancy.current_id(),
        kind=ApprovalKind(wanted.kind),
        subject_type=wanted.subject_type,
        subject_id=wanted.subject_id,
        digest=str(wanted.digest),
        parts=digests.parts_of(wanted.digest),
        title=wanted.asks.title[:200],
        summary=[list(line) for line in wanted.asks.lines],
        requested_by_id=rights.person_of(by),
        requester=by.actor_name[:254],
        requested_at=wanted.now,
        expires_at=wanted.now + LIFETIME,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        # Somebody asked for the same in this moment.
        return _require_live(wanted)
    records.announce(row, by)
    return row


def _require_live(wanted: Wanted) -> Approval:
    found = records.find_live(
        kind=wanted.kind, subject_type=wanted.subject_type, subject_id=wanted.subject_id
    )
    if found is None:
        raise NoLongerOpen("The request was decided meanwhile: try again.")
    return found
