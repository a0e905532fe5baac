"""Who holds which permission in a business, and why: by role, or granted beside it.

What is granted beside the role is kept as guardian's object permission on the business.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import QuerySet
from guardian.models import UserObjectPermission

from accounts import roles
from accounts.models import Business, Membership, User
from accounts.signals import PermissionsChanged, permissions_changed
from config.lib.errors import NotAllowed

if TYPE_CHECKING:
    from accounts.access import Access

GRANTED: Final = "granted"


@dataclass(frozen=True, slots=True)
class Holding:
    """What a user may do in one business. `role` is empty for a stranger."""

    role: str
    granted: frozenset[str]

    @property
    def permissions(self) -> frozenset[str]:
        """Return everything held, by role or by grant."""
        return self._by_role | self.granted

    @property
    def sources(self) -> dict[str, list[str]]:
        """Return where each permission comes from: `role:agent`, `granted`, or both."""
        by_role = self._by_role
        return {
            name: [f"role:{self.role}"] * (name in by_role) + [GRANTED] * (name in self.granted)
            for name in sorted(self.permissions)
        }

    @property
    def _by_role(self) -> frozenset[str]:
        return roles.matrix().get(self.role, frozenset())


NOTHING: Final = Holding("", frozenset())
EVERYTHING: Final = Holding(roles.PLATFORM_ADMIN, frozenset())


def effective(user: User, business: Business) -> frozenset[str]:
    """Return the permissions a user holds in a business; a stranger holds none."""
    return holding(user, business).permissions


def holding(user: User, business: Business) -> Holding:
    """Return the role a user has in a business and what was granted beside it."""
    if not user.is_active:
        return NOTHING
    if user.is_platform_admin:
        return EVERYTHING
    membership = Membership.objects.filter(user=user, business=business).first()
    return of_membership(membership) if membership else NOTHING


def of_membership(membership: Membership) -> Holding:
    """Return what this membership gives."""
    names = _rows(membership).values_list("permission__codename", flat=True)
    # A name that was dropped from the table since, or is for platform admins, is held by nobody.
    return Holding(membership.role, roles.GRANTABLE.intersection(names))


@transaction.atomic
def give(*, membership: Membership, permissions: Collection[str], by: Access) -> Holding:
    """Grant permissions beside the role; nobody gives what they do not hold."""
    wanted = of_membership(membership).granted | roles.require_known(permissions)
    return put(membership=membership, permissions=wanted, by=by)


@transaction.atomic
def put(*, membership: Membership, permissions: Collection[str], by: Access) -> Holding:
    """Make these the permissions granted beside the role. Announces `PermissionsChanged`.

    Raises `NotAllowed` when something is given or taken that `by` does not hold, `InvalidInput`
    for what only platform admins may.
    """
    Membership.objects.select_for_update().get(pk=membership.pk)
    wanted, before = roles.require_known(permissions), of_membership(membership).granted
    require_within(wanted ^ before, held=by.permissions)
    roles.require_grantable(wanted)
    _rows(membership).filter(permission__codename__in=before - wanted).delete()
    for name in sorted(wanted - before):
        _rows(membership).create(
            user_id=membership.user_id,
            permission=_permission(name),
            content_type=_business_type(),
            object_pk=str(membership.business_id),
        )
    announce(membership, given=wanted - before, taken=before - wanted, by=by)
    return of_membership(membership)


def clear(membership: Membership, *, by: Access) -> None:
    """Take back all that was granted beside the role, when a member leaves."""
    before = of_membership(membership).granted
    _rows(membership).delete()
    announce(membership, given=frozenset(), taken=before, by=by)


def require_within(permissions: frozenset[str], *, held: frozenset[str]) -> None:
    """Raise `NotAllowed` when someone would hand out what they do not hold."""
    beyond = sorted(permissions - held)
    if beyond:
        raise NotAllowed(
            f"You cannot give or take what you do not hold: {', '.join(beyond)}.",
            code="beyond_own_permissions",
        )


def announce(
    membership: Membership, *, given: frozenset[str], taken: frozenset[str], by: Access
) -> None:
    """Announce `PermissionsChanged` if anything did."""
    if not given and not taken:
        return
    fact = PermissionsChanged(
        business_id=membership.business_id,
        user_id=membership.user_id,
        given=tuple(sorted(given)),
        taken=tuple(sorted(taken)),
        by=by,
    )
    permissions_changed.send(sender=Membership, fact=fact)


def _rows(membership: Membership) -> QuerySet[UserObjectPermission]:
    return UserObjectPermission.objects.filter(
        user_id=membership.user_id,
        content_type=_business_type(),
        object_pk=str(membership.business_id),
    )


def _permission(name: str) -> Permission:
    """Return Django's row for a permission of ours, made when it is first granted."""
    row, _ = Permission.objects.get_or_create(
        content_type=_business_type(),
        codename=name,
        defaults={"name": roles.PERMISSIONS[name][:255]},
    )
    return row


def _business_type() -> ContentType:
    return ContentType.objects.get_for_model(Business)
