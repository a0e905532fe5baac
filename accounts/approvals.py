"""The two-person rule: what was asked, who agreed, and that it is still what is about to happen.

Who takes a step that needs a second person works in a function marked `@asking` and calls
`require` there, in the transaction of the step, under the locks that keep what is approved as it
is, with a digest of all of it:

    @approvals.asking
    def erase_many(*, people, by, now):
        digest = approvals.digest_of({"the people": ids})
        approvals.require(kind="mass_erasure", subject_type="erasure", subject_id=str(batch.pk),
                          digest=digest, by=by, now=now, asks=Asks("Erase 40 people", lines))

`require` lets the step pass, and uses the approval up, when another person approved exactly this.
Else it raises `ApprovalRequired` or `ApprovalVoid`; `asking` takes the step back and keeps the
request. Whoever asked repeats the step once it is approved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.dispatch import Signal

from accounts import holdings, roles, signals, standing, tenancy
from accounts.access import Access
from accounts.models import Approval, Business, Role, SecurityPolicy, User
from accounts.models_security import ApprovalKind
from accounts.signals import ApprovalChanged
from config.lib.errors import Conflict, InvalidInput, NotAllowed, NotFound

P = ParamSpec("P")
R = TypeVar("R")
Status = Approval.Status

LIFETIME: Final = timedelta(days=7)
_MOST_COUNTED: Final = 100
# What somebody must hold to agree: what the step itself needs.
NEEDED: Final[Mapping[str, frozenset[str]]] = {
    ApprovalKind.CAMPAIGN: frozenset({"messages.bulk_send"}),
    ApprovalKind.TEMPLATE: frozenset({"templates.approve"}),
    ApprovalKind.RESTORE: frozenset({"backups.restore"}),
    ApprovalKind.MASS_ERASURE: frozenset({"privacy.manage"}),
    ApprovalKind.OWNER_GRANT: roles.of_role(Role.OWNER),
    ApprovalKind.SECURITY_POLICY: frozenset({"businesses.manage"}),
}
_WATCHED: Final[dict[str, Callable[[str], Mapping[str, object] | None]]] = {}
_SIGNALS: Final[Mapping[str, Signal]] = {
    Status.OPEN: signals.approval_requested,
    Status.APPROVED: signals.approval_approved,
    Status.REJECTED: signals.approval_rejected,
    Status.WITHDRAWN: signals.approval_withdrawn,
    Status.VOID: signals.approval_voided,
    Status.EXPIRED: signals.approval_expired,
    Status.USED: signals.approval_used,
}


class Digest(str):
    """A hash of everything an approval is given for; `parts` has one for each part by name."""

    parts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Asks:
    """What is asked, in plain words: a title, and lines of a name and what it is.

    It is kept as long as the trail of approvals: name no customer, and numbers only masked.
    """

    title: str = ""
    lines: tuple[tuple[str, str], ...] = ()


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


class NotYours(NotAllowed):
    """Nobody approves what they asked for."""

    code = "own_request"


class NoLongerOpen(Conflict):
    """The request was decided, withdrawn or has ended."""

    code = "approval_closed"


class Stale(NoLongerOpen):
    """What was asked about changed before anybody decided."""

    code = "approval_void"
    keeps_work = True


def digest_of(parts: Mapping[str, object]) -> Digest:
    """Return the canonical hash of named parts; name them as a sentence would: "the sender"."""
    hashes = {name: _hash(value) for name, value in parts.items()}
    found = Digest(_hash(hashes))
    found.parts = hashes
    return found


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
    asks: Asks = Asks(),
) -> None:
    """Use up the approval of exactly this by another person, if the business wants one.

    `by` is None when a planned step starts by itself. Raises `ApprovalRequired` or `ApprovalVoid`.
    """
    if not is_needed(kind):
        return
    wanted = Wanted(kind, subject_type, subject_id, digest, by, now, asks)
    found = _standing(wanted)
    _move(found, Status.USED, by=by, now=now)


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


def require_standing(
    *,
    kind: str,
    subject_type: str,
    subject_id: str,
    digest: str,
    by: Access | None,
    now: datetime,
    asks: Asks = Asks(),
) -> Approval | None:
    """Do as `require`, and leave the approval to the step that was planned; None: none needed."""
    if not is_needed(kind):
        return None
    return _standing(Wanted(kind, subject_type, subject_id, digest, by, now, asks))


@transaction.atomic
def request(
    *,
    kind: str,
    subject_type: str,
    subject_id: str,
    digest: str,
    by: Access,
    now: datetime,
    asks: Asks = Asks(),
) -> Approval:
    """Ask for an approval ahead of the step; one that waits for the same is returned."""
    found = _ask(Wanted(kind, subject_type, subject_id, digest, by, now, asks), why="")
    assert found is not None  # noqa: S101  # somebody asks
    return found


def approve(*, approval: Approval, by: Access, now: datetime) -> Approval:
    """Agree, as another person who may take the step themselves.

    Raises `NotYours`, `NotAllowed` or `NoLongerOpen`; `Stale` when it is no longer what was asked.
    """
    _require_fresh(approval, by=by, now=now)
    return _approve(approval, by=by, now=now)


@transaction.atomic
def _approve(approval: Approval, *, by: Access, now: datetime) -> Approval:
    held = _open(approval, now)
    _require_other(held, by)
    require_right(held.kind, by)
    held.expires_at = now + LIFETIME
    return _decide(held, Status.APPROVED, by=by, now=now)


@transaction.atomic
def reject(*, approval: Approval, reason: str, by: Access, now: datetime) -> Approval:
    """Refuse, with a reason for whoever asked. Raises as `approve`."""
    held = _open(approval, now)
    _require_other(held, by)
    require_right(held.kind, by)
    if not reason.strip():
        raise InvalidInput("Say why.", code="required", attr="reason")
    held.reason = reason.strip()[:500]
    return _decide(held, Status.REJECTED, by=by, now=now)


@transaction.atomic
def withdraw(*, approval: Approval, by: Access, now: datetime) -> Approval:
    """Take a request or an approval back: who asked, or who approved."""
    held = _locked(approval.pk)
    if held.status not in Approval.LIVE or held.expires_at <= now:
        raise NoLongerOpen(_closed(held, now))
    person = _person_of(by)
    if person is None or person not in {held.requested_by_id, held.decided_by_id}:
        raise NotAllowed("Only who asked or who approved takes it back.")
    return _move(held, Status.WITHDRAWN, by=by, now=now)


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
    found = find_live(kind=kind, subject_type=subject_type, subject_id=subject_id, lock=True)
    if found is None or not (changed := changed_parts(found, parts)):
        return None
    found.reason = _sentence(found, changed)[:500]
    return _move(found, Status.VOID, by=by, now=now)


def changed_parts(approval: Approval, parts: Mapping[str, object]) -> list[str]:
    """Name those of these parts that are not what was asked about."""
    return [name for name, value in parts.items() if approval.parts.get(name) != _hash(value)]


def watch(subject_type: str, now_of: Callable[[str], Mapping[str, object] | None]) -> None:
    """Have what is asked compared with what is there before somebody approves it.

    `now_of` gives the parts of a subject of this type by its id, None when it is gone.
    """
    _WATCHED[subject_type] = now_of


def list_visible(by: Access) -> QuerySet[Approval]:
    """List what the caller asked for or may decide, newest first; auditors see all."""
    rows: QuerySet[Approval] = Approval.objects.order_by("-id")
    if by.allows("audit.view"):
        return rows
    kinds = [kind for kind, needed in NEEDED.items() if needed <= by.permissions]
    person = _person_of(by)
    mine = Q(requested_by=person) if person is not None else Q(pk__in=[])
    return rows.filter(Q(kind__in=kinds) | mine)


def count_waiting(by: Access, now: datetime) -> int:
    """Return how many requests wait for the caller's decision; 100 stands for more, too."""
    if by.user is None or by.business is None:
        return 0
    kinds = [kind for kind, needed in NEEDED.items() if needed <= by.permissions]
    # A page of the whole installation has the menu too, and no business in scope.
    with tenancy.scope(by.business):
        rows = Approval.objects.filter(status=Status.OPEN, expires_at__gt=now, kind__in=kinds)
        others = rows.exclude(requested_by=by.user).order_by()
        return len(others.values_list("pk", flat=True)[:_MOST_COUNTED]) if kinds else 0


def get(id_: UUID, *, by: Access) -> Approval:
    """Return a request the caller may see; raise `NotFound`."""
    found = list_visible(by).filter(pk=id_).first()
    if found is None:
        raise NotFound("No such request.")
    return found


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


def may_decide(approval: Approval, by: Access, now: datetime) -> bool:
    """Tell whether the caller could approve or reject it now."""
    try:
        _require_other(approval, by)
        require_right(approval.kind, by)
    except NotAllowed:
        return False
    return state_of(approval, now) == Status.OPEN


def require_right(kind: str, by: Access) -> None:
    """Raise `NotAllowed` unless the caller is a person who may take such a step themselves."""
    if by.user is None:
        raise NotAllowed("Only a person approves, no API key.", code="person_required")
    missing = sorted(NEEDED[kind] - by.permissions)
    if missing:
        raise NotAllowed(f"This needs the permission {missing[0]}.")


def expire(*, now: datetime) -> int:
    """End what nobody decided or used in time; return how many. Crosses businesses."""
    with tenancy.across(tenancy.Door.SWEEP):
        rows = Approval.across_businesses.filter(status__in=Approval.LIVE, expires_at__lte=now)
        found = list(rows.order_by("pk").values_list("pk", "business_id"))
    return sum(_expire(pk, business_id, now) for pk, business_id in found)


@transaction.atomic
def _expire(pk: UUID, business_id: UUID, now: datetime) -> int:
    with tenancy.scope(business_id):
        held = _locked(pk)
        if state_of(held, now) != Status.EXPIRED or held.status == Status.EXPIRED:
            return 0
        _move(held, Status.EXPIRED, by=None, now=now)
        return 1


def _standing(wanted: Wanted) -> Approval:
    """Return the approval of exactly this, locked, or raise why there is none."""
    found = find_live(
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
            f"{_changed_sentence(found, wanted.digest)} It was asked for again.",
            wanted,
            changed=_changed(found, wanted.digest),
        )
    _require_approver(found, wanted)
    return found


def _unasked(wanted: Wanted) -> NeedsApproval:
    """Return the refusal where nothing waits or stands, with what became of the last request."""
    last = find_latest(
        kind=wanted.kind, subject_type=wanted.subject_type, subject_id=wanted.subject_id
    )
    if last is not None and last.status == Status.VOID and last.decided_by_id is not None:
        changed = _changed(last, wanted.digest)
        return ApprovalVoid(f"{last.reason} It was asked for again.", wanted, changed=changed)
    if last is not None and last.status == Status.REJECTED and last.digest == wanted.digest:
        return ApprovalRequired(
            f"{last.decider} rejected it: {last.reason} It was asked for again.", wanted
        )
    return ApprovalRequired("This needs a second person: it was asked for.", wanted)


def _require_approver(found: Approval, wanted: Wanted) -> None:
    """Raise unless who approved still may, and is somebody else than who acts."""
    if not _still_may(found):
        raise ApprovalVoid(
            f"{found.decider} approved it and may no longer: it was asked for again.",
            wanted,
            changed=["who approved it"],
        )
    if wanted.by is not None and _person_of(wanted.by) == found.decided_by_id:
        raise ApprovalRequired("You approved it yourself: somebody else has to do it.", wanted)


def _still_may(approval: Approval) -> bool:
    user: User | None = approval.decided_by
    if user is None:
        return False
    standing.keep([standing.of_user(user.pk)])
    user.refresh_from_db()
    business = Business.objects.get(pk=approval.business_id)
    return NEEDED[approval.kind] <= holdings.effective(user, business)


@transaction.atomic
def _ask(wanted: Wanted, *, why: str) -> Approval | None:
    """Return the live request for exactly this; end one that is not and make a new one.

    Nobody asks where nobody acts: then what no longer fits is ended only.
    """
    found = find_live(
        kind=wanted.kind,
        subject_type=wanted.subject_type,
        subject_id=wanted.subject_id,
        lock=True,
    )
    if found is not None:
        is_over = found.expires_at <= wanted.now
        is_stale = found.digest != wanted.digest
        is_orphan = found.status == Status.APPROVED and not _still_may(found)
        if not (is_over or is_stale or is_orphan):
            return found
        found.reason = "" if is_over else (_changed_sentence(found, wanted.digest) or why)[:500]
        _move(found, Status.EXPIRED if is_over else Status.VOID, by=wanted.by, now=wanted.now)
    return _create(wanted) if wanted.by is not None else None


def _create(wanted: Wanted) -> Approval:
    by = wanted.by
    assert by is not None  # noqa: S101  # asked by _ask
    row = Approval(
        business_id=tenancy.current_id(),
        kind=ApprovalKind(wanted.kind),
        subject_type=wanted.subject_type,
        subject_id=wanted.subject_id,
        digest=str(wanted.digest),
        parts=getattr(wanted.digest, "parts", {}),
        title=wanted.asks.title[:200],
        summary=[list(line) for line in wanted.asks.lines],
        requested_by_id=_person_of(by),
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
    _announce(row, by)
    return row


def _require_live(wanted: Wanted) -> Approval:
    found = find_live(
        kind=wanted.kind, subject_type=wanted.subject_type, subject_id=wanted.subject_id
    )
    if found is None:
        raise NoLongerOpen("The request was decided meanwhile: try again.")
    return found


def _locked(pk: UUID) -> Approval:
    rows: Any = Approval.objects.select_for_update(of=("self",))
    found: Approval | None = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound("No such request.")
    return found


def _open(approval: Approval, now: datetime) -> Approval:
    held = _locked(approval.pk)
    if state_of(held, now) != Status.OPEN:
        raise NoLongerOpen(_closed(held, now))
    return held


def _closed(approval: Approval, now: datetime) -> str:
    return f"The request is {Status(state_of(approval, now)).label.lower()}."


def _decide(held: Approval, status: str, *, by: Access, now: datetime) -> Approval:
    held.decided_by_id = _person_of(by)
    held.decider, held.decided_at = by.actor_name[:254], now
    return _move(held, status, by=by, now=now)


def _move(held: Approval, status: str, *, by: Access | None, now: datetime) -> Approval:
    held.status = status
    if status not in Approval.LIVE:
        held.closed_at = now
    held.save()
    _announce(held, by)
    return held


def _require_other(approval: Approval, by: Access) -> None:
    if approval.requested_by_id is not None and _person_of(by) == approval.requested_by_id:
        raise NotYours("Nobody approves their own request: somebody else decides.")


def _person_of(by: Access) -> int | None:
    """Return the user behind the caller: of an API key, who issued it."""
    if by.user is not None:
        return by.user.pk
    return by.api_key.created_by_id if by.api_key else None


def _changed(approval: Approval, digest: str) -> list[str]:
    """Name the parts that are not what was approved."""
    now: Mapping[str, str] = getattr(digest, "parts", {})
    names = dict.fromkeys([*approval.parts, *now])
    return [name for name in names if approval.parts.get(name) != now.get(name)]


def _changed_sentence(approval: Approval, digest: str) -> str:
    """Say which part changed since it was asked for or approved; empty if none did."""
    if approval.digest == digest:
        return ""
    return _sentence(approval, _changed(approval, digest) or ["what was approved"])


def _sentence(approval: Approval, changed: Sequence[str]) -> str:
    verb = "were" if len(changed) > 1 or changed[0].endswith("s") else "was"
    listed = " and ".join(filter(None, [", ".join(changed[:-1]), changed[-1]]))
    since = f"{approval.decider} approved it" if approval.decider else "it was asked for"
    return f"{listed[:1].upper()}{listed[1:]} {verb} changed after {since}."


def _require_fresh(approval: Approval, *, by: Access, now: datetime) -> None:
    """End a request that is no longer about what is there, and say so."""
    now_of = _WATCHED.get(approval.subject_type)
    if now_of is None or approval.status != Status.OPEN:
        return
    parts = now_of(approval.subject_id)
    if parts is None:
        raise NoLongerOpen("What this was about is gone.")
    ended = void_changed(
        kind=approval.kind,
        subject_type=approval.subject_type,
        subject_id=approval.subject_id,
        parts=parts,
        by=by,
        now=now,
    )
    if ended is not None:
        raise Stale(f"{ended.reason} It has to be asked for again.")


def _hash(value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)
    return hashlib.sha256(text).hexdigest()


def _announce(row: Approval, by: Access | None) -> None:
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
