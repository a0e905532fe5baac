"""Which records the audit trail watches: every change of one of these fields makes an entry.

Messages and what hangs on them are not watched: they have a history of their own, and writing
them is the hot path. The consent ledger is a trail itself.
"""

from typing import Any

# `resource` is what the trail calls it, `id` the field its entries are filed under. `left_out`
# fields change by themselves; of `hidden` ones (all with "*") only that they changed is kept.
AUDITED: dict[str, dict[str, Any]] = {
    "accounts.Business": {"resource": "business"},
    "accounts.User": {
        "resource": "user",
        "left_out": {"last_login", "tokens_valid_from"},
        "hidden": {"name", "email", "password"},
    },
    "accounts.Membership": {"resource": "user", "id": "user_id"},
    "accounts.ApiKey": {"resource": "api_key", "left_out": {"digest", "last_used_at"}},
    "accounts.WhatsAppAccount": {
        "resource": "whatsapp_account",
        "left_out": {"token_checked_at"},
        "hidden": {"access_token"},
    },
    "accounts.Grant": {"resource": "user", "id": "user_id"},
    "accounts.Invitation": {
        "resource": "invitation",
        "left_out": {"nonce", "mailed_at"},
        "hidden": {"email", "name"},
    },
    "compliance.ContactPolicy": {"resource": "contact_policy"},
    "compliance.RetentionRule": {
        "resource": "retention_rule",
        "left_out": {"changed_by", "changed_at"},
    },
    "compliance.OptOutWord": {"resource": "optout_word"},
    "templates_mgmt.Template": {
        "resource": "template",
        "left_out": {"synced_at", "told_at"},
        "hidden": {"components"},
    },
    "messaging.Sender": {"resource": "sender"},
    "messaging.Contact": {"resource": "contact", "hidden": {"*"}},
    "messaging.ContactList": {"resource": "list", "left_out": {"size"}},
    "messaging.Tag": {"resource": "tag"},
    "messaging.Campaign": {
        "resource": "campaign",
        "left_out": {"total", "skipped", "cursor", "fanned_out_at", "refused", "pulse"},
        "hidden": {"variables"},
    },
}

# django-auditlog finds the changes; they are kept in the same trail as everything else.
AUDITLOG_LOGENTRY_MODEL = "compliance.RowChange"
AUDITLOG_STORE_JSON_CHANGES = True
AUDITLOG_USE_BASE_MANAGER = True
AUDITLOG_DISABLE_ON_RAW_SAVE = True
# Its own table is not made.
MIGRATION_MODULES: dict[str, str | None] = {"auditlog": None}
