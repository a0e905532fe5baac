"""What a permission can be granted for here: one sender, one campaign, one contact list."""

from __future__ import annotations

from accounts import objects
from accounts.objects import Kind
from messaging.campaigns.models import Campaign
from messaging.contacts.models import ContactList
from messaging.messages.models import Message
from messaging.senders.models import Sender, SenderEvent


def register() -> None:
    """Register the kinds; what goes with a sender or a campaign goes with its grants."""
    objects.register(
        Kind(
            "sender",
            "sender",
            Sender,
            frozenset(
                {
                    "senders.view",
                    "senders.manage",
                    "rate_limits.view",
                    "rate_limits.manage",
                    "messages.view",
                    "messages.send",
                    "messages.bulk_send",
                }
            ),
            reach={Campaign: "sender_id", Message: "sender_id", SenderEvent: "sender_id"},
        )
    )
    objects.register(
        Kind(
            "campaign",
            "campaign",
            Campaign,
            frozenset({"messages.view", "messages.bulk_send"}),
            reach={Message: "campaign_id"},
        )
    )
    objects.register(
        Kind(
            "contact_list",
            "contact list",
            ContactList,
            frozenset({"contacts.view", "contacts.manage"}),
        )
    )
