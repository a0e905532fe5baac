"""Pages about who: businesses, members, users, API keys, WhatsApp accounts."""

from accounts.admin import (  # noqa: F401  # register their pages
    api_keys,
    approvals,
    businesses,
    invitations,
    members,
    security,
    users,
    whatsapp,
)
