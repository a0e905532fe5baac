"""Senders, contacts, messages and conversations."""

from __future__ import annotations

import itertools

from factory.declarations import (
    LazyAttribute,
    LazyFunction,
    SelfAttribute,
    Sequence,
    SubFactory,
)

from config.lib.addresses import phone_key
from messaging.contacts.models import Contact
from messaging.conversations.models import Conversation
from messaging.messages.models import Message
from messaging.senders.models import Sender
from tests.factories.accounts import BusinessFactory, WhatsAppAccountFactory
from tests.factories.tenants import TenantFactory

_phone_number_ids = itertools.count(512_345_678_000_000)
_phones = itertools.count(34_622_100_000)


class SenderFactory(TenantFactory[Sender]):
    """A connected number of a new account, in the business it is given."""

    class Meta:
        model = Sender

    business = SubFactory(BusinessFactory)
    account = SubFactory(WhatsAppAccountFactory, business=SelfAttribute("..business"))
    phone_number_id = LazyFunction(lambda: str(next(_phone_number_ids)))
    phone = LazyFunction(lambda: f"+{next(_phones)}")
    verified_name = Sequence(lambda n: f"Shop {n}")


class ContactFactory(TenantFactory[Contact]):
    """A person with a Spanish number."""

    class Meta:
        model = Contact

    business = SubFactory(BusinessFactory)
    name = Sequence(lambda n: f"Contact {n}")
    phone = LazyFunction(lambda: f"+{next(_phones)}")
    phone_key = LazyAttribute(lambda one: phone_key(one.phone) if one.phone else None)


class ConversationFactory(TenantFactory[Conversation]):
    """A thread nothing was said in yet."""

    class Meta:
        model = Conversation

    business = SubFactory(BusinessFactory)
    sender = SubFactory(SenderFactory, business=SelfAttribute("..business"))
    contact = SubFactory(ContactFactory, business=SelfAttribute("..business"))


class MessageFactory(TenantFactory[Message]):
    """A text that Meta accepted."""

    class Meta:
        model = Message

    business = SubFactory(BusinessFactory)
    sender = SubFactory(SenderFactory, business=SelfAttribute("..business"))
    contact = SubFactory(ContactFactory, business=SelfAttribute("..business"))
    direction = Message.Direction.OUTBOUND
    type = "text"
    status = Message.Status.SENT
    category = "service"
    address = LazyAttribute(lambda one: one.contact.address)
    content = LazyFunction(lambda: {"body": "Hello"})
    wamid = Sequence(lambda n: f"wamid.factory{n}")
