"""The audit trail: who did what to which object, in the transaction of what it records."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final

import structlog
from django.db.models import QuerySet

from accounts import tenancy
from accounts.models import User
from compliance.models import AuditEntry
from config.lib import context

MASKED: Final = "[masked]"
_SECRETS: Final = ("token", "password", "secret", "api_key", "authorization", "text", "body")


def record(
    *,
    action: str,
    resource: str = "",
    resource_id: str = "",
    details: Mapping[str, Any] | None = None,
    actor: User | None = None,
    actor_name: str = "",
) -> AuditEntry:
    """Add an entry; the business is the one in scope, if any.

    The request id and address are those of the request under way. Details named like secrets or
    message text are masked.
    """
    bound = structlog.contextvars.get_contextvars()
    return AuditEntry.objects.create(
        business_id=tenancy.find_current_id(),
        actor=actor,
        actor_name=(actor_name or (str(actor) if actor else ""))[:254],
        action=action[:60],
        resource=resource[:60],
        resource_id=str(resource_id)[:64],
        details=_masked(details or {}),
        ip_address=_address(context.address()),
        request_id=str(bound.get("request_id") or "")[:128],
    )


def history(resource: str, id_: object) -> QuerySet[AuditEntry]:
    """Return what happened to an object of the business in scope, newest first."""
    return AuditEntry.objects.filter(
        business_id=tenancy.current_id(), resource=resource, resource_id=str(id_)
    ).order_by("-id")


def _masked(details: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: MASKED
        if any(secret in name.lower() for secret in _SECRETS)
        else _masked(value)
        if isinstance(value, Mapping)
        else value
        for name, value in details.items()
    }


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
