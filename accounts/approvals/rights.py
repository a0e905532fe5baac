"""Who may decide: another person, who could take the step themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from accounts import holdings, roles, standing
from accounts.access import Access
from accounts.models import Approval, Business, Role, User
from accounts.models_security import ApprovalKind
from config.lib.errors import NotAllowed

# What somebody must hold to agree: what the step itself needs.
NEEDED: Final[Mapping[str, frozenset[str]]] = {
    ApprovalKind.CAMPAIGN: frozenset({"messages.bulk_send"}),
    ApprovalKind.TEMPLATE: frozenset({"templates.approve"}),
    ApprovalKind.RESTORE: frozenset({"backups.restore"}),
    ApprovalKind.MASS_ERASURE: frozenset({"privacy.manage"}),
    ApprovalKind.OWNER_GRANT: roles.of_role(Role.OWNER),
    ApprovalKind.SECURITY_POLICY: frozenset({"businesses.manage"}),
}


class NotYours(NotAllowed):
    """Nobody approves what they asked for."""

    code = "own_request"


def person_of(by: Access) -> int | None:
    """Return the user behind the caller: of an API key, who issued it."""
    if by.user is not None:
        return by.user.pk
    return by.api_key.created_by_id if by.api_key else None


def kinds_of(by: Access) -> list[str]:
    """Return the kinds the caller holds enough to decide."""
    return [kind for kind, needed in NEEDED.items() if needed <= by.permissions]


def require_other(approval: Approval, by: Access) -> None:
    """Raise `NotYours` for whoever asked."""
    if approval.requested_by_id is not None and person_of(by) == approval.requested_by_id:
        raise NotYours("Nobody approves their own request: somebody else decides.")


def require_right(kind: str, by: Access) -> None:
    """Raise `NotAllowed` unless the caller is a person who may take such a step themselves."""
    if by.user is None:
        raise NotAllowed("Only a person approves, no API key.", code="person_required")
    missing = sorted(NEEDED[kind] - by.permissions)
    if missing:
        raise NotAllowed(f"This needs the permission {missing[0]}.")


def still_may(approval: Approval) -> bool:
    """Tell whether who approved may do so now; they keep the right until the transaction ends."""
    user: User | None = approval.decided_by
    if user is None:
        return False
    standing.keep([standing.of_user(user.pk)])
    user.refresh_from_db()
    business = Business.objects.get(pk=approval.business_id)
    return NEEDED[approval.kind] <= holdings.effective(user, business)
