"""Which business a request acts in: named by the caller, or the only one, or the session's."""

from __future__ import annotations

from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import holdings, tenancy
from accounts.access import Access
from accounts.models import Business, Membership, User
from accounts.tenancy import Door
from config.lib.errors import InvalidInput, NotAllowed, NotFound

HEADER = "X-Business-Id"
SESSION_KEY = "business_id"


def list_choices(user: User) -> QuerySet[Business]:
    """List the businesses a user may act in, by name; a platform admin sees all.

    To be read through a door.
    """
    rows = Business.objects.select_related("security_policy")
    found = rows.exclude(status=Business.Status.CLOSED).order_by("name", "id")
    return found if user.is_platform_admin else found.filter(memberships__user=user)


def named(user: User, business_id: str) -> Access:
    """Return the user's access to the business with this id.

    One that is not theirs raises `NotFound`, like one that does not exist.
    """
    id_ = parse_id(business_id)
    if id_ is None:
        raise unknown()
    with tenancy.across(Door.SIGN_IN):
        if user.is_platform_admin:
            business = Business.objects.select_related("security_policy").filter(pk=id_).first()
            if business is None:
                raise unknown()
            return Access(user, None, business, holdings.EVERYTHING.permissions)
        rows = Membership.objects.select_related("business__security_policy")
        membership = rows.filter(user=user, business_id=id_).first()
        if membership is None:
            raise unknown()
        return _through(user, membership)


def only(user: User) -> Access:
    """Return the user's access to their one business; raise `InvalidInput` when they must say."""
    if user.is_platform_admin:
        raise _must_name("A platform admin names the business to act in.")
    with tenancy.across(Door.SIGN_IN):
        found = list(
            Membership.objects.select_related("business__security_policy").filter(user=user)[:2]
        )
        if len(found) > 1:
            raise _must_name("You belong to several businesses: name one.")
        if not found:
            raise NotAllowed("You do not belong to a business.", code="no_business")
        return _through(user, found[0])


def of_session(user: User, session: SessionBase) -> Access | None:
    """Return the access a session has: to the business chosen, else to the one joined first.

    A platform admin must choose: until then the access has no business and no permission. None
    when there is no business the user may act in.
    """
    chosen = parse_id(str(session.get(SESSION_KEY, "")))
    with tenancy.across(Door.SIGN_IN):
        choices = list_choices(user)
        business = choices.filter(pk=chosen).first() if chosen else None
        if business is None and user.is_platform_admin:
            return Access(user, None, None, frozenset())
        if business is None:
            active = choices.exclude(status=Business.Status.SUSPENDED)
            business = active.order_by("memberships__pk", "id").first()
        if business is None:
            return None
        access = _in(user, business)
    return access if user.is_platform_admin or business.is_active else None


def switch(request: HttpRequest, *, business_id: str) -> Business:
    """Make this the business of the session; raise `NotFound` for one that is not the user's."""
    user = request.user
    if not isinstance(user, User):
        raise unknown()
    business = require_active(named(user, business_id)).business
    if business is None:
        raise unknown()
    request.session[SESSION_KEY] = str(business.pk)
    return business


def require_active(access: Access) -> Access:
    """Return the access unless its business is suspended or closed; a platform admin may look."""
    business = access.business
    if business is None or business.is_active or access.is_platform_admin:
        return access
    raise NotAllowed(
        f"The business is {business.get_status_display().lower()}.",
        code=f"business_{business.status}",
    )


def unknown() -> NotFound:
    """Return the refusal for a business that is not there, or not the caller's."""
    return NotFound("No such business.", attr=HEADER)


def parse_id(text: str) -> UUID | None:
    """Read an id as a client wrote it; None when it is not one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _through(user: User, membership: Membership) -> Access:
    held = holdings.of_membership(membership)
    return Access(user, None, membership.business, held.permissions, held.objects)


def _in(user: User, business: Business) -> Access:
    held = holdings.holding(user, business)
    return Access(user, None, business, held.permissions, held.objects)


def _must_name(detail: str) -> InvalidInput:
    return InvalidInput(detail, code="business_required", attr=HEADER)
