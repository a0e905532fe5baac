"""Businesses: open, change, suspend, resume, close."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Final
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from phonenumbers import SUPPORTED_REGIONS

from accounts import tenancy
from accounts.access import Access
from accounts.models import ApiKey, Business, Membership, Role, User
from accounts.signals import BusinessChanged, MemberRoleChanged, business_changed
from accounts.signals import member_role_changed as member_role_changed_signal
from config.lib.errors import Conflict, InvalidInput

CHANGEABLE: Final = frozenset(
    {
        "name",
        "region",
        "time_zone",
        "resend_unknown_utility",
        "resend_unknown_marketing",
        "reconcile_after_seconds",
    }
)
SHORTEST_RECONCILIATION_SECONDS: Final = 60
_SLUG_LENGTH: Final = 50


@tenancy.across(tenancy.Door.PLATFORM)
@transaction.atomic
def open_(
    *,
    name: str,
    region: str = "ES",
    time_zone: str = "UTC",
    owner: User | None = None,
    by: Access | None = None,
) -> Business:
    """Open a business, with its first owner when one is given. Announces `BusinessChanged`."""
    changes = {"name": name, "region": region, "time_zone": time_zone}
    _require_valid(changes)
    business = _create(changes)
    _announce(business, "opened", tuple(changes), by)
    if owner is not None:
        Membership.objects.create(business=business, user=owner, role=Role.OWNER)
        fact = MemberRoleChanged(business.pk, owner.pk, before="", after=Role.OWNER, by=by)
        member_role_changed_signal.send(sender=Membership, fact=fact)
    return business


@transaction.atomic
def update(*, business: Business, changes: Mapping[str, object], by: Access | None) -> Business:
    """Write these settings and return the business. Raises `InvalidInput`."""
    _require_valid(changes)
    for field, value in changes.items():
        setattr(business, field, value)
    with tenancy.scope(business):
        business.save(update_fields=list(changes))
        _announce(business, "changed", tuple(changes), by)
    return business


def move(*, business: Business, status: str, by: Access | None, now: datetime) -> Business:
    """Suspend, resume or close: whatever brings the business into this status."""
    if status == Business.Status.CLOSED:
        return close(business=business, by=by, now=now)
    if status == Business.Status.SUSPENDED:
        return suspend(business=business, by=by)
    return resume(business=business, by=by)


def suspend(*, business: Business, by: Access | None) -> Business:
    """Refuse every request of its members and keys until it is resumed."""
    return _move(business, Business.Status.SUSPENDED, "suspended", by)


def resume(*, business: Business, by: Access | None) -> Business:
    """Let a suspended business act again."""
    return _move(business, Business.Status.ACTIVE, "resumed", by)


@transaction.atomic
def close(*, business: Business, by: Access | None, now: datetime) -> Business:
    """End a business for good: its keys are revoked, its data stays."""
    closed = _move(business, Business.Status.CLOSED, "closed", by)
    with tenancy.scope(business):
        ApiKey.objects.filter(revoked_at=None).update(revoked_at=now)
    return closed


@transaction.atomic
def _move(business: Business, status: str, change: str, by: Access | None) -> Business:
    with tenancy.scope(business):
        locked = Business.objects.select_for_update().get(pk=business.pk)
        if locked.status == Business.Status.CLOSED:
            raise Conflict("The business is closed.", code="business_closed")
        if locked.status != status:
            locked.status = status
            locked.save(update_fields=["status"])
            _announce(locked, change, ("status",), by)
    return locked


def _create(fields: dict[str, str]) -> Business:
    """Insert with the first free slug; two businesses of one name may come at once."""
    stem = slugify(fields["name"])[:_SLUG_LENGTH] or "business"
    for number in count(1):
        slug = stem if number == 1 else f"{stem}-{number}"
        if Business.objects.filter(slug=slug).exists():
            continue
        try:
            with transaction.atomic():
                return Business.objects.create(slug=slug, **fields)
        except IntegrityError:
            continue
    raise AssertionError("unreachable: slugs do not run out")


def _require_valid(changes: Mapping[str, object]) -> None:
    unknown = sorted(set(changes) - CHANGEABLE)
    if unknown:
        raise InvalidInput("This setting cannot be changed.", attr=unknown[0])
    name = str(changes.get("name", "-"))
    if not name.strip():
        raise InvalidInput("A business needs a name.", attr="name")
    if len(name.splitlines()) > 1:
        raise InvalidInput("The name of a business is one line.", attr="name")
    if changes.get("region", "ES") not in SUPPORTED_REGIONS:
        raise InvalidInput("Not a two-letter country.", code="invalid_region", attr="region")
    if changes.get("time_zone", "UTC") not in available_timezones():
        raise InvalidInput("Not a time zone.", code="invalid_time_zone", attr="time_zone")
    seconds = changes.get("reconcile_after_seconds", SHORTEST_RECONCILIATION_SECONDS)
    if not isinstance(seconds, int) or seconds < SHORTEST_RECONCILIATION_SECONDS:
        raise InvalidInput(
            f"The shortest window is {SHORTEST_RECONCILIATION_SECONDS} seconds.",
            attr="reconcile_after_seconds",
        )


def _announce(business: Business, change: str, fields: tuple[str, ...], by: Access | None) -> None:
    fact = BusinessChanged(business_id=business.pk, change=change, fields=fields, by=by)
    business_changed.send(sender=Business, fact=fact)
