"""What templates do about facts from accounts."""

from __future__ import annotations

from typing import Any

from accounts.models import WhatsAppAccount
from accounts.signals import WhatsAppAccountConnected, whatsapp_account_connected
from templates_mgmt import sync


def connect() -> None:
    """Listen to accounts."""
    whatsapp_account_connected.connect(pull_templates, dispatch_uid="templates.pull")


def pull_templates(fact: WhatsAppAccountConnected, **_: Any) -> None:
    """Pull the templates of a WhatsApp account that was just connected."""
    sync.enqueue(WhatsAppAccount.across_businesses.get(pk=fact.account_id))
