"""Whose webhook it is: from Meta's ids to our sender and account, across businesses."""

from __future__ import annotations

from accounts.models import WhatsAppAccount
from accounts.tenancy import Door, across
from config.lib.addresses import phone_key
from messaging.senders.models import Sender


@across(Door.ROUTING)
def find(phone_number_id: str) -> Sender | None:
    """Return the sender with this id at Meta, with its account."""
    senders = Sender.across_businesses.select_related("account")
    found: Sender | None = senders.filter(phone_number_id=phone_number_id).first()
    return found


@across(Door.ROUTING)
def find_account(waba_id: str) -> WhatsAppAccount | None:
    """Return the WhatsApp account with this id at Meta."""
    found: WhatsAppAccount | None = WhatsAppAccount.across_businesses.filter(
        waba_id=waba_id
    ).first()
    return found


class Router:
    """Remember routes for as long as one batch lasts: a batch names few numbers, many times."""

    def __init__(self) -> None:
        self._senders: dict[str, Sender | None] = {}
        self._accounts: dict[str, WhatsAppAccount | None] = {}

    def find(self, phone_number_id: str) -> Sender | None:
        """As `routing.find`."""
        if phone_number_id not in self._senders:
            self._senders[phone_number_id] = find(phone_number_id)
        return self._senders[phone_number_id]

    def find_account(self, waba_id: str) -> WhatsAppAccount | None:
        """As `routing.find_account`."""
        if waba_id not in self._accounts:
            self._accounts[waba_id] = find_account(waba_id)
        return self._accounts[waba_id]


def find_by_phone(account: WhatsAppAccount, phone: str) -> Sender | None:
    """Return the account's sender with this number, in any spelling."""
    if not phone:
        return None
    senders = Sender.across_businesses.filter(account=account)
    return next((one for one in senders if phone_key(one.phone) == phone_key(phone)), None)
