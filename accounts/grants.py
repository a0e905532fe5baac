"""What is granted to a member beside the role: given, replaced, taken back, ended.

It is kept as guardian's object permission: on the business, or on one sender, campaign or contact
list of it. A grant may have an end, after which it is not held.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts import objects, roles, standing
from accounts.holdings import Holding, holding, list_grants, of_membership
from accounts.models import Business, Grant, Membership
from accounts.models_rights import IN_FORCE
from accounts.objects import Target
from accounts.signals import PermissionsChanged, permissions_changed
from config.lib import moments
from config.lib.apart import apart
from config.lib.errors import InvalidInput, NotAllowed, NotFound

if TYPE_CHECKING:
    from accounts.access import Access

BATCH: Final = 500
_NEVER: Final = object()


@transaction.atomic
def give(
    *,
    membership: Membership,
    permissions: Collection[str],
    by: Access,
    now: datetime,
    target: Target | None = None,
    expires_at: datetime | None = None,
) -> Holding:
    """Grant permissions beside the role, for one object or the business, until then or for good.

    Nobody gives what they do not hold, nor for longer. Announces `PermissionsChanged`.
    """
    wanted = dict.fromkeys(roles.require_known(permissions), expires_at)
    _lock(membership)
    before = _ends(membership, target)
    return _write(membership, before, before | wanted, by=by, now=now, target=target)


@transaction.atomic
def put(
    *,
    membership: Membership,
    permissions: Collection[str],
    by: Access,
    now: datetime,
    target: Target | None = None,
    expires_at: datetime | None = None,
) -> Holding:
    """Make these the permissions granted beside the role, for one object or the business.

    Raises `NotAllowed` when something is given or taken that `by` does not hold, `InvalidInput`
    for what only platform admins may. Announces `PermissionsChanged`.
    """
    wanted = dict.fromkeys(roles.require_known(permissions), expires_at)
    _lock(membership)
    before = _ends(membership, target)
    return _write(membership, before, wanted, by=by, now=now, target=target)


@transaction.atomic
def take_for_objects(*, membership: Membership, by: Access, now: datetime) -> None:
    """Take back everything granted for single objects."""
    _lock(membership)
    for kind, id_ in {(one.kind, one.object_id) for one in of_membership(membership).grants}:
        if found := objects.find_kind(kind):
            target = Target(found, id_, "")
            before = _ends(membership, target)
            _write(membership, before, {}, by=by, now=now, target=target)


@transaction.atomic
def take(*, membership: Membership, grant_ids: Collection[int], by: Access, now: datetime) -> int:
    """Take back single grants of a member; return how many."""
    _lock(membership)
    taken = 0
    for row in list_grants(membership).filter(pk__in=grant_ids).select_related("permission"):
        target = _target_of(row)
        name = row.permission.codename
        before = {name: row.expires_at}
        _write(membership, before, {}, by=by, now=now, target=target)
        taken += 1
    return taken


def clear(membership: Membership, *, by: Access) -> None:
    """Take back all that was granted beside the role, when a member leaves."""
    before = frozenset(one.permission for one in of_membership(membership).grants)
    list_grants(membership).delete()
    announce(membership, given=frozenset(), taken=before, by=by)


def end_expired(*, now: datetime, batch: int = BATCH) -> int:
    """Delete grants whose time is over and announce that they ended; return how many."""
    rows = Grant.across_businesses.filter(expires_at__lte=now).select_related("permission")
    ended = 0
    for row in rows.order_by("pk")[:batch]:
        member = Membership(business_id=row.business_id, user_id=row.user_id)
        with apart("grants.end", grant=row.pk):
            if Grant.across_businesses.filter(pk=row.pk, expires_at__lte=now).delete()[0]:
                name = frozenset({row.permission.codename})
                announce(member, given=frozenset(), taken=name, by=None, target=_target_of(row))
                ended += 1
    return ended


def list_rows(membership: Membership) -> QuerySet[Grant]:
    """List the grants of a member that are in force, for pages."""
    rows = list_grants(membership).filter(IN_FORCE).select_related("permission", "given_by")
    return rows.order_by("pk")


def describe(row: Grant) -> str:
    """Return what a grant is about in words: the whole business, or the object by its name."""
    target = _target_of(row)
    if target is None:
        return "the whole business"
    return f"{target.kind.title} {objects.title_of(target.kind, target.id)}"


def require_within(permissions: frozenset[str], *, held: frozenset[str]) -> None:
    """Raise `NotAllowed` when someone would hand out what they do not hold."""
    beyond = sorted(permissions - held)
    if beyond:
        raise NotAllowed(
            f"You cannot give or take what you do not hold: {', '.join(beyond)}.",
            code="beyond_own_permissions",
        )


def require_role_within(role: str, *, by: Access) -> None:
    """Raise `NotAllowed` for a role with rights the caller lacks, or holds for a time only.

    A role has no end, so what was lent until a day cannot become one.
    """
    held = by.permissions
    if by.person is not None and by.business is not None:
        held &= holding(by.person, by.business).lasting
    require_within(roles.of_role(role), held=held)


def announce(
    membership: Membership,
    *,
    given: frozenset[str],
    taken: frozenset[str],
    by: Access | None,
    target: Target | None = None,
    expires_at: datetime | None = None,
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
        object_type=target.kind.name if target else "",
        object_id=target.id if target else "",
        expires_at=moments.rfc3339(expires_at) if expires_at else "",
    )
    permissions_changed.send(sender=Membership, fact=fact)


def _write(
    membership: Membership,
    before: Mapping[str, datetime | None],
    wanted: Mapping[str, datetime | None],
    *,
    by: Access,
    now: datetime,
    target: Target | None,
) -> Holding:
    given = {name: end for name, end in wanted.items() if before.get(name, _NEVER) != end}
    taken = frozenset(before.keys() - wanted.keys())
    _require_may(by, frozenset(given) | taken, target)
    _require_grantable(frozenset(given), target)
    _require_ends(by, given, target, now)
    rows = list_grants(membership).filter(_of_target(membership, target))
    rows.filter(permission__codename__in=taken | given.keys()).delete()
    _insert(membership, given, by=by, now=now, target=target)
    announce(
        membership,
        given=frozenset(given),
        taken=taken,
        by=by,
        target=target,
        expires_at=next(iter(given.values()), None),
    )
    return of_membership(membership)


def _insert(
    membership: Membership,
    given: Mapping[str, datetime | None],
    *,
    by: Access,
    now: datetime,
    target: Target | None,
) -> None:
    type_ = _type_of(target)
    Grant.across_businesses.bulk_create(
        Grant(
            business_id=membership.business_id,
            user_id=membership.user_id,
            permission=_permission(name, type_),
            content_type=type_,
            object_pk=target.id if target else str(membership.business_id),
            expires_at=end,
            given_by=by.user,
            created_at=now,
        )
        for name, end in given.items()
    )


def _lock(membership: Membership) -> None:
    """Wait until the member acts on nothing; then the row, so that two changes do not mix."""
    standing.change([standing.of_user(membership.user_id)])
    if not Membership.objects.select_for_update().filter(pk=membership.pk):
        raise NotFound("No such member.")


def _ends(membership: Membership, target: Target | None) -> dict[str, datetime | None]:
    """Return what is granted for the object and until when."""
    rows = list_grants(membership).filter(IN_FORCE).filter(_of_target(membership, target))
    return dict(rows.values_list("permission__codename", "expires_at"))


def _require_may(by: Access, names: Iterable[str], target: Target | None) -> None:
    """Raise `NotAllowed` for what the giver does not hold, for this object at least."""
    held = set(by.permissions)
    if target is not None:
        held |= {
            name
            for name, kinds in by.objects.items()
            if target.id in kinds.get(target.kind.name, ())
        }
    require_within(frozenset(names), held=frozenset(held))


def _require_grantable(names: frozenset[str], target: Target | None) -> None:
    roles.require_grantable(names)
    if target is not None:
        objects.require_for(target.kind, names)


def _require_ends(
    by: Access, given: Mapping[str, datetime | None], target: Target | None, now: datetime
) -> None:
    """Refuse an end that is over, one out of reach, and one later than the giver's own."""
    if any(end is not None and end <= now for end in given.values()):
        raise InvalidInput("This time is over.", attr="expires_at")
    for end in given.values():
        moments.require_reachable(end, now=now, attr="expires_at")
    if by.person is None or by.business is None:
        return
    own = holding(by.person, by.business)
    for name, end in given.items():
        limit = own.ends_at(name, target)
        if limit is not None and (end is None or end > limit):
            raise NotAllowed(
                f"You hold {name} until {moments.rfc3339(limit)} yourself: give it no longer.",
                code="beyond_own_permissions",
            )


def _of_target(membership: Membership, target: Target | None) -> Q:
    id_ = target.id if target else str(membership.business_id)
    return Q(content_type=_type_of(target), object_pk=id_)


def _target_of(row: Grant) -> Target | None:
    name = objects.kind_names_by_type().get(row.content_type_id)
    kind = objects.find_kind(name) if name else None
    return Target(kind, row.object_pk, "") if kind else None


def _type_of(target: Target | None) -> ContentType:
    model = target.kind.model if target else Business
    return ContentType.objects.get_for_model(model)


def _permission(name: str, type_: ContentType) -> Permission:
    """Return Django's row for a permission of ours, made when it is first granted."""
    row, _ = Permission.objects.get_or_create(
        content_type=type_, codename=name, defaults={"name": roles.PERMISSIONS[name][:255]}
    )
    return row
