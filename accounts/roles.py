"""The one table of rights: every permission in a sentence, and what each role may do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from accounts.models import Role
from config.lib.errors import InvalidInput

PERMISSIONS: Final[dict[str, str]] = {
    "messages.view": "See messages, campaigns and their delivery.",
    "messages.send": "Send and cancel single messages.",
    "messages.bulk_send": "Start, pause and cancel campaigns.",
    "messages.retry": "Send failed messages again.",
    "conversations.view": "Read conversations.",
    "conversations.reply": "Answer, assign and close conversations.",
    "contacts.view": "See contacts, tags and lists.",
    "contacts.manage": "Change, import and delete contacts, tags and lists.",
    "senders.view": "See WhatsApp accounts and phone numbers.",
    "senders.manage": "Connect WhatsApp accounts and change phone numbers.",
    "rate_limits.view": "See sending limits and their events.",
    "rate_limits.manage": "Change sending limits; pause and resume numbers.",
    "consent.view": "See and export consent.",
    "consent.manage": "Record consent and opt-outs.",
    "privacy.manage": "Export and erase a person's data.",
    "audit.view": "Read and export the audit trail.",
    "audit.create": "Add audit entries from an integration.",
    "templates.view": "See templates.",
    "templates.edit": "Draft, change, archive and sync templates.",
    "templates.approve": "Approve or reject templates.",
    "analytics.view": "See analytics.",
    "analytics.track": "Record custom events.",
    "leads.view": "See leads.",
    "leads.manage": "Open, move, assign and convert leads.",
    "reports.view": "See and export reports.",
    "reports.schedule": "Have reports mailed.",
    "sales.record": "Record and correct sales.",
    "dead_letters.view": "See events that could not be applied.",
    "dead_letters.replay": "Apply such events again.",
    "businesses.view": "See the business and its settings.",
    "businesses.manage": "Change the business and its settings.",
    "businesses.create": "Open and suspend businesses.",
    "users.view": "See the members of the business.",
    "users.manage": "Add and remove members and change their role.",
    "permissions.view": "See who holds which permission.",
    "permissions.manage": "Grant and revoke permissions.",
    "api_keys.view": "See API keys (never the secret).",
    "api_keys.manage": "Issue, rotate and revoke API keys.",
    "backups.view": "See backups.",
    "backups.create": "Start a backup.",
    "backups.restore": "Restore a backup.",
    "backups.delete": "Delete a backup.",
}

# A backup holds every business, so no role inside one business may touch it.
PLATFORM_ONLY: Final = frozenset(
    {
        "backups.view",
        "backups.create",
        "backups.restore",
        "backups.delete",
        "businesses.create",
    }
)

_VIEWS = frozenset(name for name in PERMISSIONS if name.endswith(".view")) - PLATFORM_ONLY
_OWNER = frozenset(PERMISSIONS) - PLATFORM_ONLY
_MANAGER = _OWNER - {"businesses.manage", "api_keys.manage", "privacy.manage"}
_AGENT = frozenset(
    {
        "messages.view",
        "messages.send",
        "conversations.view",
        "conversations.reply",
        "contacts.view",
        "contacts.manage",
        "senders.view",
        "rate_limits.view",
        "consent.view",
        "consent.manage",
        "templates.view",
        "analytics.track",
        "leads.view",
        "leads.manage",
        "sales.record",
        "businesses.view",
        "users.view",
    }
)
_ANALYST = frozenset(
    {
        "analytics.view",
        "reports.view",
        "reports.schedule",
        "leads.view",
        "templates.view",
        "senders.view",
        "businesses.view",
        "users.view",
    }
)

ROLE_PERMISSIONS: Final[dict[Role, frozenset[str]]] = {
    Role.OWNER: _OWNER,
    Role.MANAGER: _MANAGER,
    Role.AGENT: _AGENT,
    Role.ANALYST: _ANALYST,
    Role.AUDITOR: _VIEWS,
}
PLATFORM_ADMIN: Final = "platform_admin"
ALL_PERMISSIONS: Final = frozenset(PERMISSIONS)
GRANTABLE: Final = ALL_PERMISSIONS - PLATFORM_ONLY


def matrix() -> dict[str, frozenset[str]]:
    """Return every role with its permissions, highest first, the platform admin's included."""
    return {PLATFORM_ADMIN: ALL_PERMISSIONS, **{r.value: p for r, p in ROLE_PERMISSIONS.items()}}


def of_role(role: str) -> frozenset[str]:
    """Return what a role inside a business may do."""
    return ROLE_PERMISSIONS[Role(role)]


def require_known(permissions: Collection[str], *, attr: str = "permissions") -> frozenset[str]:
    """Return the names as a set; raise `InvalidInput` naming those that do not exist."""
    unknown = sorted(set(permissions) - ALL_PERMISSIONS)
    if unknown:
        raise InvalidInput(
            f"No such permission: {', '.join(unknown)}.", code="unknown_permission", attr=attr
        )
    return frozenset(permissions)


def require_grantable(permissions: Collection[str], *, attr: str = "permissions") -> None:
    """Raise `InvalidInput` naming those that no member and no key of a business may hold."""
    beyond = sorted(PLATFORM_ONLY.intersection(permissions))
    if beyond:
        raise InvalidInput(
            f"Only platform admins hold {', '.join(beyond)}.", code="platform_only", attr=attr
        )
