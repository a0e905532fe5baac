"""Pages about who: businesses, members, users, API keys, WhatsApp accounts."""

from accounts.admin import api_keys, businesses, members, users, whatsapp  # noqa: F401  # register
