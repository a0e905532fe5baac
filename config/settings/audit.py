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
    "accounts.SecurityPolicy": {"resource": "security_policy", "id": "business_id"},
    "accounts.Grant": {"resource": "user", "id": "user_id"},
    "accounts.Invitation": {
        "resource": "invitation",
        "left_out": {"nonce", "mailed_at", "mail_claimed_until"},
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

# Looking at people's data: by the name of the address, what is recorded, of which object, and
# which part of the address names it. Once an hour for each reader and object.
READS: dict[str, tuple[str, str, str]] = {
    "contacts": ("contacts.listed", "contacts", ""),
    "contact": ("contact.viewed", "contact", "pk"),
    "list-contacts": ("list.viewed", "list", "pk"),
    "tag-contacts": ("tag.viewed", "tag", "pk"),
    "contact-import": ("contact_import.viewed", "contact_import", "pk"),
    "messages": ("messages.listed", "messages", ""),
    "message": ("message.viewed", "message", "pk"),
    "delivery-of-message": ("message.viewed", "message", "message_id"),
    "consents": ("consents.listed", "consents", ""),
    "consent": ("consent.viewed", "consent", "phone_number"),
    "approval": ("approval.viewed", "approval", "pk"),
    "admin:accounts_approval_change": ("approval.viewed", "approval", "object_id"),
    "admin:messaging_contact_changelist": ("contacts.listed", "contacts", ""),
    "admin:messaging_contact_change": ("contact.viewed", "contact", "object_id"),
    "admin:messaging_contact_edit": ("contact.viewed", "contact", "object_id"),
    "admin:messaging_contactimport_change": (
        "contact_import.viewed",
        "contact_import",
        "object_id",
    ),
    "admin:messaging_conversation_changelist": ("conversations.listed", "conversations", ""),
    "admin:messaging_conversation_change": ("conversation.viewed", "conversation", "object_id"),
    "admin:messaging_conversation_list": ("conversations.listed", "conversations", ""),
    "admin:messaging_conversation_chat": ("conversation.viewed", "conversation", "key"),
    "admin:messaging_campaign_preview": ("campaign.people_viewed", "campaign", "key"),
    "admin:messaging_campaign_check_result": ("campaign.people_viewed", "campaign", "key"),
    "admin:messaging_message_changelist": ("messages.listed", "messages", ""),
    "admin:messaging_message_change": ("message.viewed", "message", "object_id"),
    "admin:messaging_deadletter_change": ("dead_letter.viewed", "dead_letter", "object_id"),
    "admin:compliance_consent_changelist": ("consents.listed", "consents", ""),
    "admin:compliance_consent_change": ("consent.viewed", "consent", "object_id"),
    "admin:compliance_consentevent_changelist": ("consents.listed", "consents", ""),
    "admin:compliance_consentevent_change": ("consent.viewed", "consent", "object_id"),
}

# Taking files away: recorded every time.
DOWNLOADS: dict[str, tuple[str, str, str]] = {
    "contact-import-refused": ("contact_import.downloaded", "contact_import", "pk"),
    "admin:messaging_contactimport_refused": ("contact_import.downloaded", "contact_import", "key"),
    "admin:messaging_campaign_outcomes": ("campaign.exported", "campaign", "key"),
    "admin:messaging_conversation_file": ("media.downloaded", "media", "key"),
}

# A function of a record and its id in the trail that gives what the page of its history shows.
HISTORY = "compliance.audit.showing.history_of"
