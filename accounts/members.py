"""Members of the business in scope: join, change role, remove. The last owner stays."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts import api_keys, approvals, grants, holdings, sign_ins, standing, tenancy
from accounts.access import Access
from accounts.approvals import Asks
from accounts.models import Business, Membership, Role, User
from accounts.models_security import ApprovalKind
from accounts.signals import MemberRoleChanged, member_role_changed
from accounts.tenancy import Door, current_id
from config.lib.errors import Conflict, NotFound


class LastOwner(Conflict):
    """A business keeps at least one active owner."""

    code = "last_owner"


class AlreadyMember(Conflict):
    """The person belongs to the business."""

    code = "already_member"


def list_members() -> QuerySet[Membership]:
    """List the members of the business in scope, with their users."""
    return Membership.objects.filter(business_id=current_id()).select_related("user")


def get_member(user_id: int) -> Membership:
    """Return this user's membership; raise `NotFound` for a stranger, like for nobody."""
    membership = list_members().filter(user_id=user_id).first()
    if membership is None:
        raise NotFound("No such member.")
    return membership


@transaction.atomic
def join(*, user: User, role: str, by: Access) -> Membership:
    """Make this person, who agreed to it, a member of the business in scope.

    Announces `MemberRoleChanged`. Raises `AlreadyMember`.
    """
    try:
        with transaction.atomic():
            membership = Membership.objects.create(business_id=current_id(), user=user, role=role)
    except IntegrityError as error:
        raise AlreadyMember("This person is already a member.") from error
    _announce(membership, before="", after=role, by=by)
    return membership


@approvals.asking
def change_role(*, membership: Membership, role: str, by: Access, now: datetime) -> Membership:
    """Give a member another role. Raises `LastOwner`, or `NotAllowed` above one's own rank.

    Raises `ApprovalRequired` where two people make an owner.
    """
    locked = _lock(membership)
    before = locked.role
    if before == role:
        return locked
    _require_rank(before, by)
    _require_rank(role, by)
    _require_other_owner(locked)
    require_second_person(email=locked.user.email, role=role, by=by, now=now)
    locked.role = role
    locked.save(update_fields=["role"])
    _announce(locked, before=before, after=role, by=by)
    return locked


@transaction.atomic
def remove(*, membership: Membership, by: Access, now: datetime) -> None:
    """End a membership; the person's account stays, the API keys they made here end.

    Whoever is left with no business is signed out everywhere. Raises `LastOwner` or `NotAllowed`.
    """
    locked = _lock(membership)
    held = holdings.of_membership(locked)
    if by.user is None or by.user.pk != locked.user_id:
        grants.require_within(held.permissions, held=by.permissions)
    _require_other_owner(locked)
    grants.clear(locked, by=by)
    api_keys.revoke_all_of(maker_id=locked.user_id, by=by, now=now)
    _announce(locked, before=locked.role, after="", by=by)
    locked.delete()
    _sign_out_stranger(locked.user, by=by, now=now)


def require_second_person(*, email: str, role: str, by: Access, now: datetime) -> None:
    """Use up the approval of another owner for making this person one, if the business wants it.

    For steps marked `@approvals.asking`. Raises `ApprovalRequired` or `ApprovalVoid`.
    """
    if role != Role.OWNER:
        return
    person = email.strip().lower()
    approvals.require(
        **_owner_grant(person),
        by=by,
        now=now,
        asks=Asks(f"Make {person} an owner", (("Person", person), ("Role", Role.OWNER.label))),
    )


def lacks_second_person(*, email: str, role: str, at: datetime) -> bool:
    """Tell whether two people make an owner here now, and one alone offered the role then."""
    if role != Role.OWNER or not approvals.is_needed(ApprovalKind.OWNER_GRANT):
        return False
    return not approvals.was_used(**_owner_grant(email.strip().lower()), at=at)


def _owner_grant(person: str) -> dict[str, str]:
    """Return what an approval of this person as an owner is bound to."""
    return {
        "kind": ApprovalKind.OWNER_GRANT,
        "subject_type": "owner",
        "subject_id": hashlib.sha256(person.encode()).hexdigest(),
        "digest": approvals.digest_of({"the person": person, "the role": Role.OWNER.value}),
    }


def _lock(membership: Membership) -> Membership:
    """Wait until the member acts on nothing, then take the business's row and the member's.

    So two owners cannot demote each other at once. The rows come last and the business's key stays
    free: whoever acts writes rows that refer to it.
    """
    standing.change([standing.of_user(membership.user_id)])
    Business.objects.select_for_update(no_key=True).get(pk=current_id())
    locked = Membership.objects.select_for_update(of=["self"]).select_related("user")
    found = locked.filter(pk=membership.pk, business_id=current_id()).first()
    if found is None:
        raise NotFound("No such member.")
    return found


def _sign_out_stranger(user: User, *, by: Access, now: datetime) -> None:
    with tenancy.across(Door.SIGN_IN):
        is_member = Membership.objects.filter(user=user).exists()
    if not is_member and not user.is_platform_admin:
        sign_ins.end_all(user, now=now, reason="removed", by=by)


def _require_rank(role: str, by: Access) -> None:
    grants.require_role_within(role, by=by)


def _require_other_owner(membership: Membership) -> None:
    if membership.role != Role.OWNER:
        return
    owners = list_members().filter(role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=membership.pk).exists():
        raise LastOwner("A business keeps at least one owner.")


def _announce(membership: Membership, *, before: str, after: str, by: Access) -> None:
    fact = MemberRoleChanged(
        business_id=membership.business_id,
        user_id=membership.user_id,
        before=before,
        after=after,
        by=by,
    )
    member_role_changed.send(sender=Membership, fact=fact)
