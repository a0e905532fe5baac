"""What compliance does about facts from accounts: an audit entry in the same transaction."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.dispatch import Signal

from accounts import signals, tenancy
from accounts.access import Access
from accounts.models import Membership, User
from compliance import audit
from compliance.audit import chain

# Which signal is which action on which resource; the field that names the object.
_ENTRIES: Final[tuple[tuple[Signal, str, str, str], ...]] = (
    (signals.business_changed, "business.changed", "business", "business_id"),
    (signals.member_role_changed, "member.role_changed", "user", "user_id"),
    (signals.permissions_changed, "member.permissions_changed", "user", "user_id"),
    (signals.invitation_changed, "invitation.changed", "invitation", "invitation_id"),
    (signals.api_key_issued, "api_key.issued", "api_key", "api_key_id"),
    (signals.api_key_revoked, "api_key.revoked", "api_key", "api_key_id"),
    (signals.user_changed, "user.changed", "user", "user_id"),
    (signals.signed_in, "user.signed_in", "user", "user_id"),
    (signals.sign_in_failed, "user.sign_in_failed", "user", "user_id"),
    (signals.signed_out, "user.signed_out", "user", "user_id"),
    (signals.whatsapp_account_connected, "account.connected", "whatsapp_account", "account_id"),
    (signals.access_token_rotated, "account.token_rotated", "whatsapp_account", "account_id"),
    (
        signals.token_health_changed,
        "account.token_health_changed",
        "whatsapp_account",
        "account_id",
    ),
    (signals.approval_requested, "approval.requested", "approval", "approval_id"),
    (signals.approval_approved, "approval.approved", "approval", "approval_id"),
    (signals.approval_rejected, "approval.rejected", "approval", "approval_id"),
    (signals.approval_withdrawn, "approval.withdrawn", "approval", "approval_id"),
    (signals.approval_voided, "approval.voided", "approval", "approval_id"),
    (signals.approval_expired, "approval.expired", "approval", "approval_id"),
    (signals.approval_used, "approval.used", "approval", "approval_id"),
    (signals.second_factor_changed, "second_factor.changed", "user", "user_id"),
    (
        signals.security_policy_changed,
        "security_policy.changed",
        "security_policy",
        "business_id",
    ),
)
_SIGNED: Final = (signals.signed_in, signals.signed_out)


def connect() -> None:
    """Listen to accounts."""
    for signal, *_ in _ENTRIES:
        signal.connect(write_entry, dispatch_uid="compliance.audit")


def write_entry(signal: Signal, fact: Any, **_: Any) -> None:
    """Write the entry of a fact."""
    action, resource, field = next(rest for known, *rest in _ENTRIES if known is signal)
    by: Access | None = getattr(fact, "by", None)
    user = by.user if by else None
    if signal in _SIGNED and user is None:
        user = User.objects.filter(pk=fact.user_id).first()
    for place in _places(fact):
        with chain.sight(place):
            audit.record(
                action=action,
                resource=resource,
                resource_id=str(getattr(fact, field) or ""),
                details=_details(fact, field),
                actor=user,
                actor_name=by.actor_name if by else "",
            )


def _details(fact: Any, field: str) -> dict[str, Any]:
    plain = asdict(replace(fact, by=None)) if hasattr(fact, "by") else asdict(fact)
    left_out = {"by", "business_id", field}
    return {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in plain.items()
        if name not in left_out
    }


def _places(fact: Any) -> list[UUID | None]:
    """Return the businesses whose trail a fact belongs in; of a person's, each they work for."""
    if business_id := getattr(fact, "business_id", None):
        return [business_id]
    with tenancy.across(tenancy.Door.SIGN_IN):
        held = Membership.objects.filter(Q(user_id=getattr(fact, "user_id", None)))
        return [*held.order_by("business_id").values_list("business_id", flat=True)] or [None]
