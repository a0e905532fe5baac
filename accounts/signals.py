"""Facts accounts announces, inside the transaction that makes them true.

Each signal is sent with `fact=`. `by` is whoever caused it, None when nobody signed in did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.dispatch import Signal

if TYPE_CHECKING:
    from accounts.access import Access


@dataclass(frozen=True, slots=True)
class BusinessChanged:
    """A business was opened, changed, suspended, resumed or closed (`change` says which)."""

    business_id: UUID
    change: str
    fields: tuple[str, ...]
    by: Access | None


@dataclass(frozen=True, slots=True)
class MemberRoleChanged:
    """Someone joined (`before` is empty), changed role, or left (`after` is empty)."""

    business_id: UUID
    user_id: int
    before: str
    after: str
    by: Access | None


@dataclass(frozen=True, slots=True)
class PermissionsChanged:
    """A member was given permissions beyond their role, or lost some of them."""

    business_id: UUID
    user_id: int
    given: tuple[str, ...]
    taken: tuple[str, ...]
    by: Access | None
    object_type: str = ""
    object_id: str = ""
    expires_at: str = ""


@dataclass(frozen=True, slots=True)
class InvitationChanged:
    """Somebody was invited, or answered: `change` is invited, resent, revoked, accepted, declined.

    It names nobody: an invitation refused leaves no person behind.
    """

    business_id: UUID
    invitation_id: UUID
    change: str
    role: str
    by: Access | None


@dataclass(frozen=True, slots=True)
class ApiKeyIssued:
    """A key was made."""

    business_id: UUID
    api_key_id: UUID
    name: str
    permissions: tuple[str, ...]
    by: Access | None


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked:
    """A key was ended."""

    business_id: UUID
    api_key_id: UUID
    name: str
    by: Access | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A user signed in, by the API (`door` "api") or the admin ("admin")."""

    user_id: int
    door: str


@dataclass(frozen=True, slots=True)
class SignInFailed:
    """A sign-in was refused. `user_id` is None for an e-mail nobody has."""

    user_id: int | None
    door: str
    code: str


@dataclass(frozen=True, slots=True)
class SignedOut:
    """A user signed out, or all their sessions were ended (`everywhere`, with the reason).

    `by` is whoever ended a session of somebody else.
    """

    user_id: int
    everywhere: bool
    reason: str
    by: Access | None = None


@dataclass(frozen=True, slots=True)
class UserChanged:
    """A platform admin changed an account: `change` is disabled, enabled, promoted, demoted or
    password.
    """

    user_id: int
    change: str
    by: Access | None


@dataclass(frozen=True, slots=True)
class WhatsAppAccountConnected:
    """A WhatsApp account and a token that Meta accepts are here; its numbers are not yet."""

    business_id: UUID
    account_id: UUID
    waba_id: str
    by: Access | None


@dataclass(frozen=True, slots=True)
class AccessTokenRotated:
    """A WhatsApp account speaks with a new token."""

    business_id: UUID
    account_id: UUID
    by: Access | None


@dataclass(frozen=True, slots=True)
class TokenHealthChanged:
    """Meta began to refuse a token, or accepts it again."""

    business_id: UUID
    account_id: UUID
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ApprovalChanged:
    """A second person was asked, agreed or refused, or what they agreed to was done or changed.

    The signal says which; `digest` names exactly what it is about.
    """

    business_id: UUID
    approval_id: UUID
    kind: str
    subject_type: str
    subject_id: str
    digest: str
    by: Access | None


@dataclass(frozen=True, slots=True)
class SecondFactorChanged:
    """A second factor: `change` is enrolled, replaced, taken_off, reset, codes_renewed or
    recovery_code_used.
    """

    user_id: int
    change: str
    by: Access | None


@dataclass(frozen=True, slots=True)
class SecurityPolicyChanged:
    """A business demands something else of its people: the settings before and after."""

    business_id: UUID
    changes: dict[str, tuple[object, object]]
    by: Access | None


business_changed = Signal()  # kwargs: fact: BusinessChanged
member_role_changed = Signal()  # kwargs: fact: MemberRoleChanged
permissions_changed = Signal()  # kwargs: fact: PermissionsChanged
invitation_changed = Signal()  # kwargs: fact: InvitationChanged
api_key_issued = Signal()  # kwargs: fact: ApiKeyIssued
api_key_revoked = Signal()  # kwargs: fact: ApiKeyRevoked
user_changed = Signal()  # kwargs: fact: UserChanged
signed_in = Signal()  # kwargs: fact: SignedIn
sign_in_failed = Signal()  # kwargs: fact: SignInFailed
signed_out = Signal()  # kwargs: fact: SignedOut
whatsapp_account_connected = Signal()  # kwargs: fact: WhatsAppAccountConnected
access_token_rotated = Signal()  # kwargs: fact: AccessTokenRotated
token_health_changed = Signal()  # kwargs: fact: TokenHealthChanged
approval_requested = Signal()  # kwargs: fact: ApprovalChanged
approval_approved = Signal()  # kwargs: fact: ApprovalChanged
approval_rejected = Signal()  # kwargs: fact: ApprovalChanged
approval_withdrawn = Signal()  # kwargs: fact: ApprovalChanged
approval_voided = Signal()  # kwargs: fact: ApprovalChanged
approval_expired = Signal()  # kwargs: fact: ApprovalChanged
approval_used = Signal()  # kwargs: fact: ApprovalChanged
security_policy_changed = Signal()  # kwargs: fact: SecurityPolicyChanged
second_factor_changed = Signal()  # kwargs: fact: SecondFactorChanged
