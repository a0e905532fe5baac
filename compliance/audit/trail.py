"""Writing the trail: an entry in the transaction of what it records; reading an object's part."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import structlog
from django.db.models import QuerySet
from django.utils import timezone

from accounts import access as callers
from accounts import tenancy
from accounts.access import Access
from accounts.models import Membership, User
from compliance.audit import canonical, masking, witness
from compliance.audit.models import AuditEntry
from config.lib import context

EXTERNAL: Final = "external."
Origin = AuditEntry.Origin


def record(
    *,
    action: str,
    resource: str = "",
    resource_id: str = "",
    details: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    actor: User | None = None,
    actor_name: str = "",
    access: Access | None = None,
    origin: str = Origin.INTERNAL,
    hidden: Collection[str] = (),
) -> AuditEntry:
    """Add an entry; the business is the one in scope, if any.

    Who acted is `access`, else `actor` and `actor_name`, else the caller of the request under
    way. Request id and address are the request's, the time is ours. Of `before` and `after`
    only what differs is kept. Secrets, message text, people's data and `hidden` fields are masked.
    """
    caller = access or callers.current()
    if access or not (actor or actor_name):
        actor, actor_name = (caller.user, caller.actor_name) if caller else (None, "")
    old, new = _difference(before, after)
    entry = AuditEntry(
        business_id=tenancy.find_current_id(),
        origin=origin,
        actor=actor,
        actor_name=masking.plain(actor_name or (str(actor) if actor else ""))[:254],
        api_key_id=caller.api_key.pk if caller and caller.api_key else None,
        action=action[:60],
        resource=resource[:60],
        resource_id=masking.shown("resource_id", str(resource_id))[:64],
        details=masking.clean(details or {}),
        before=None if old is None else masking.clean(old, hidden),
        after=None if new is None else masking.clean(new, hidden),
        ip_address=canonical.address(context.address()),
        request_id=_request_id(),
        created_at=timezone.now(),
    )
    entry.signature = canonical.sign(entry)
    with _place():
        entry.save(force_insert=True)
    witness.note(entry)
    return entry


def history(resource: str, id_: object) -> QuerySet[AuditEntry]:
    """Return what happened to an object of the business in scope, newest first."""
    return AuditEntry.objects.filter(
        business_id=tenancy.current_id(), resource=resource, resource_id=str(id_)
    ).order_by("-id")


def list_entries() -> QuerySet[AuditEntry]:
    """Return the entries of the business in scope; on pages of the installation, of all."""
    if tenancy.find_door() is tenancy.Door.PLATFORM:
        return AuditEntry.objects.all()
    return AuditEntry.objects.filter(business_id=tenancy.current_id())


def is_known_actor(user_id: int) -> bool:
    """Say whether a user belongs to the business in scope, or once acted in it."""
    if Membership.objects.filter(business_id=tenancy.current_id(), user_id=user_id).exists():
        return True
    return list_entries().filter(actor_id=user_id).exists()


def external(action: str) -> str:
    """Return the action under which an entry from outside is kept: never one of ours."""
    return EXTERNAL + action.removeprefix(EXTERNAL)


def _difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    if before is None or after is None:
        return before, after
    same = {name for name in before if name in after and before[name] == after[name]}
    return (
        {name: value for name, value in before.items() if name not in same},
        {name: value for name, value in after.items() if name not in same},
    )


def _request_id() -> str:
    bound = structlog.contextvars.get_contextvars()
    return str(bound.get("request_id") or "")[:128]


@contextmanager
def _place() -> Iterator[None]:
    """Let an entry that belongs to no business be written where none is in scope."""
    if tenancy.find_current_id() or tenancy.find_door():
        yield
        return
    with tenancy.across(tenancy.Door.AUDIT):
        yield
