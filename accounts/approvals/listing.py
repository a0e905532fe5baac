"""What the caller sees of requests, and whether they could decide them."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts import tenancy
from accounts.access import Access
from accounts.approvals import records, rights
from accounts.approvals.records import Status
from accounts.models import Approval
from config.lib.errors import NotAllowed, NotFound

_MOST_COUNTED: Final = 100


def list_visible(by: Access) -> QuerySet[Approval]:
    """List what the caller asked for or may decide, newest first; auditors see all."""
    rows: QuerySet[Approval] = Approval.objects.order_by("-id")
    if by.allows("audit.view"):
        return rows
    person = rights.person_of(by)
    mine = Q(requested_by=person) if person is not None else Q(pk__in=[])
    return rows.filter(Q(kind__in=rights.kinds_of(by)) | mine)


def in_state(rows: QuerySet[Approval], state: str, now: datetime) -> QuerySet[Approval]:
    """Narrow to those whose `state_of` is this one."""
    is_over = Q(status__in=Approval.LIVE, expires_at__lte=now)
    if state == Status.EXPIRED:
        return rows.filter(Q(status=state) | is_over)
    return rows.filter(status=state).exclude(is_over)


def get(id_: UUID, *, by: Access) -> Approval:
    """Return a request the caller may see; raise `NotFound`."""
    found = list_visible(by).filter(pk=id_).first()
    if found is None:
        raise NotFound("No such request.")
    return found


def count_waiting(by: Access, now: datetime) -> int:
    """Return how many requests wait for the caller's decision; 100 stands for more, too."""
    if by.user is None or by.business is None:
        return 0
    kinds = rights.kinds_of(by)
    # A page of the whole installation has the menu too, and no business in scope.
    with tenancy.scope(by.business):
        rows = Approval.objects.filter(status=Status.OPEN, expires_at__gt=now, kind__in=kinds)
        others = rows.exclude(requested_by=by.user).order_by()
        return len(others.values_list("pk", flat=True)[:_MOST_COUNTED]) if kinds else 0


def may_decide(approval: Approval, by: Access, now: datetime) -> bool:
    """Tell whether the caller could approve or reject it now."""
    try:
        rights.require_other(approval, by)
        rights.require_right(approval.kind, by)
    except NotAllowed:
        return False
    return records.state_of(approval, now) == Status.OPEN
