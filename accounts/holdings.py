"""Who holds which permission in a business, and why: by role, or granted beside it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet

from accounts import objects, roles
from accounts.models import Business, Grant, Membership, User
from accounts.models_rights import IN_FORCE
from accounts.objects import Target
from config.lib import moments

GRANTED: Final = "granted"


@dataclass(frozen=True, slots=True)
class Given:
    """One permission granted beside the role. `kind` is empty for the whole business."""

    permission: str
    kind: str
    object_id: str
    expires_at: datetime | None
    given_by: int | None
    given_at: datetime

    @property
    def because(self) -> str:
        """Say what it is: `granted`, `granted for sender 0198…`, `granted until …`."""
        where = f" for {self.kind} {self.object_id}" if self.kind else ""
        until = f" until {moments.rfc3339(self.expires_at)}" if self.expires_at else ""
        return f"{GRANTED}{where}{until}"


@dataclass(frozen=True, slots=True)
class Holding:
    """What a user may do in one business. `role` is empty for a stranger."""

    role: str
    grants: tuple[Given, ...]

    @property
    def permissions(self) -> frozenset[str]:
        """Return everything held for the whole business, by role or by grant."""
        return self._by_role | self.granted

    @property
    def granted(self) -> frozenset[str]:
        """Return what is granted beside the role for the whole business."""
        return frozenset(one.permission for one in self.grants if not one.kind)

    @property
    def lasting(self) -> frozenset[str]:
        """Return what is held for the whole business with no end."""
        return frozenset(one for one in self.permissions if self.ends_at(one, None) is None)

    @property
    def objects(self) -> dict[str, dict[str, frozenset[str]]]:
        """Return what is held for single objects: permission, kind, ids."""
        found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for one in self.grants:
            if one.kind:
                found[one.permission][one.kind].add(one.object_id)
        return {
            permission: {kind: frozenset(ids) for kind, ids in kinds.items()}
            for permission, kinds in found.items()
        }

    @property
    def sources(self) -> dict[str, list[str]]:
        """Return where each permission comes from: `role:agent`, `granted …`, or both."""
        names = sorted(self._by_role | {one.permission for one in self.grants})
        return {name: self.sources_of(name) for name in names}

    def sources_of(self, permission: str, target: Target | None = None) -> list[str]:
        """Return where one permission comes from, for one object when it is given."""
        by_role = [f"role:{self.role}"] * (permission in self._by_role)
        return by_role + [
            one.because
            for one in self.grants
            if one.permission == permission and _covers(one, target)
        ]

    def ends_at(self, permission: str, target: Target | None) -> datetime | None:
        """Return when the permission ends by itself; None when it stays."""
        if permission in self._by_role:
            return None
        ends = [
            one.expires_at
            for one in self.grants
            if one.permission == permission and (not one.kind or (target and _covers(one, target)))
        ]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None

    @property
    def _by_role(self) -> frozenset[str]:
        return roles.matrix().get(self.role, frozenset())


NOTHING: Final = Holding("", ())
EVERYTHING: Final = Holding(roles.PLATFORM_ADMIN, ())


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
    rows = list_grants(membership).filter(IN_FORCE).select_related("permission").order_by("pk")
    kinds = objects.kind_names_by_type() | {_business_type().pk: ""}
    found = tuple(
        Given(
            permission=row.permission.codename,
            kind=kinds[row.content_type_id],
            object_id=row.object_pk,
            expires_at=row.expires_at,
            given_by=row.given_by_id,
            given_at=row.created_at,
        )
        for row in rows
        # A name that was dropped from the table since, or is for platform admins, is held by
        # nobody.
        if row.permission.codename in roles.GRANTABLE and row.content_type_id in kinds
    )
    return Holding(membership.role, found)


def of_everybody(business_id: UUID) -> list[frozenset[str]]:
    """Return what each active member holds for the whole business; asks the same of any number."""
    rows = Grant.across_businesses.filter(
        IN_FORCE,
        business_id=business_id,
        content_type=_business_type(),
        permission__codename__in=roles.GRANTABLE,
    )
    granted: dict[int, set[str]] = defaultdict(set)
    for user_id, name in rows.values_list("user_id", "permission__codename"):
        granted[user_id].add(name)
    members = Membership.objects.filter(business_id=business_id, user__is_active=True)
    return [
        roles.of_role(role) | granted[user_id]
        for user_id, role in members.values_list("user_id", "role")
    ]


def list_grants(membership: Membership) -> QuerySet[Grant]:
    """List what was granted to a member beside the role, ended or not."""
    rows: QuerySet[Grant] = Grant.across_businesses.filter(
        user_id=membership.user_id, business_id=membership.business_id
    )
    return rows


def _covers(one: Given, target: Target | None) -> bool:
    if not one.kind or target is None:
        return True
    return one.kind == target.kind.name and one.object_id == target.id


def _business_type() -> ContentType:
    return ContentType.objects.get_for_model(Business)
