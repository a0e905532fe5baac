"""A business that can send through the sandbox, and short ways to make it do so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.utils import timezone

from accounts import tenancy
from accounts.models import Business, WhatsAppAccount
from compliance import consent
from compliance.models import ConsentEvent, ConsentStatus
from config.lib.addresses import is_bsuid, phone_key
from messaging.contacts.models import Contact
from messaging.messages.models import Message
from messaging.senders.models import Sender
from messaging.sending import deliver, request
from templates_mgmt.models import Template
from tests.factories.accounts import BusinessFactory

# Accounts, numbers and templates the sandbox knows: config/dev/sandbox/seed.json.
WABA, PHONE_NUMBER_ID = "623456789000022", "512345678900011"
TEMPLATE = "welcome"


@dataclass(frozen=True)
class Pump:
    """One sender with a utility template, and the verbs of a test."""

    business: Business
    sender: Sender
    template: Template

    def person(self, address: str, *, agreed: bool = True, name: str = "Ana") -> Contact:
        """Return a new contact, opted in unless told otherwise."""
        is_user_id = is_bsuid(address)
        with tenancy.scope(self.business):
            contact: Contact = Contact.objects.create(
                business=self.business,
                name=name,
                phone="" if is_user_id else address,
                phone_key=None if is_user_id else phone_key(address),
                bsuid=address if is_user_id else None,
            )
            if agreed:
                self.consent(contact, ConsentStatus.OPTED_IN)
        return contact

    def consent(self, contact: Contact, status: ConsentStatus) -> None:
        """Record what the person said, in every scope."""
        now = timezone.now()
        with tenancy.scope(self.business):
            consent.record(
                addresses=contact.address_keys[:1],
                scopes=consent.expand("all"),
                status=status,
                source=ConsentEvent.Source.API,
                occurred_at=now,
                now=now,
            )

    def ask(self, contact: Contact) -> Message:
        """Queue the template for a person."""
        with tenancy.scope(self.business):
            return request.template(
                sender=self.sender,
                contact=contact,
                template=self.template,
                variables={},
                now=timezone.now(),
            )

    def run(
        self, *, seconds: float = 20, clock: Callable[[], datetime] = timezone.now
    ) -> Counter[str]:
        """Run the send loop here until nothing is due."""
        return deliver.run(self.sender.pk, clock=clock, seconds=seconds)

    def status_of(self, message: Message) -> str:
        """Return the message's status as stored."""
        found: Message = Message.across_businesses.get(pk=message.pk)
        return found.status


def make_pump() -> Pump:
    """Write the business, its sender and its template to the database."""
    business = BusinessFactory.create()
    create = partial(WhatsAppAccount.across_businesses.create, business=business)
    account = create(
        name="Store", waba_id=WABA, access_token="token", messaging_limit="TIER_UNLIMITED"
    )
    sender = Sender.across_businesses.create(
        business=business,
        account=account,
        phone_number_id=PHONE_NUMBER_ID,
        phone="+34911000100",
        is_default=True,
    )
    template = Template.across_businesses.create(
        business=business,
        account=account,
        name=TEMPLATE,
        language="en_US",
        category=Template.Category.UTILITY,
        status=Template.Status.APPROVED,
        components=[{"type": "BODY", "text": "Thanks for your order."}],
    )
    return Pump(business, sender, template)
