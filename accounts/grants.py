"""Who holds which permission in a business, and why."""

from __future__ import annotations

from dataclasses import dataclass

from accounts import roles
from accounts.models import Business, Membership, User
from config.lib.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Holding:
    """What a user may do in one business. `role` is empty for a stranger."""

    role: str
    permissions: frozenset[str]


NOTHING = Holding("", frozenset())
EVERYTHING = Holding(roles.PLATFORM_ADMIN, roles.ALL_PERMISSIONS)


def effective(user: User, business: Business) -> frozenset[str]:
    """Return the permissions a user holds in a business; a stranger holds none."""
    return holding(user, business).permissions


def holding(user: User, business: Business) -> Holding:
    """Return the role a user has in a business and the permissions that come with it."""
    if not user.is_active:
        return NOTHING
    if user.is_platform_admin:
        return EVERYTHING
    membership = Membership.objects.filter(user=user, business=business).first()
    return of_membership(membership) if membership else NOTHING


def of_membership(membership: Membership) -> Holding:
    """Return what this membership gives."""
    return Holding(membership.role, roles.of_role(membership.role))


def require_within(permissions: frozenset[str], *, held: frozenset[str]) -> None:
    """Raise `NotAllowed` when someone would hand out what they do not hold."""
    beyond = sorted(permissions - held)
    if beyond:
        raise NotAllowed(
            f"You cannot give or take what you do not hold: {', '.join(beyond)}.",
            code="beyond_own_permissions",
        )
