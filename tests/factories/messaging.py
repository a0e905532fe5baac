"""Senders, contacts, messages and conversations."""

from __future__ import annotations

import itertools

import factory

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

    business = factory.SubFactory(BusinessFactory)
    account = factory.SubFactory(
        WhatsAppAccountFactory, business=factory.SelfAttribute("..business")
    )
    phone_number_id = factory.LazyFunction(lambda: str(next(_phone_number_ids)))
    phone = factory.LazyFunction(lambda: f"+{next(_phones)}")
    verified_name = factory.Sequence(lambda n: f"Shop {n}")


class ContactFactory(TenantFactory[Contact]):
    """A person with a Spanish number."""

    class Meta:
        model = Contact

    business = factory.SubFactory(BusinessFactory)
    name = factory.Sequence(lambda n: f"Contact {n}")
    phone = factory.LazyFunction(lambda: f"+{next(_phones)}")
    phone_key = factory.LazyAttribute(lambda one: phone_key(one.phone) if one.phone else None)


class ConversationFactory(TenantFactory[Conversation]):
    """A thread nothing was said in yet."""

    class Meta:
        model = Conversation

    business = factory.SubFactory(BusinessFactory)
    sender = factory.SubFactory(SenderFactory, business=factory.SelfAttribute("..business"))
    contact = factory.SubFactory(ContactFactory, business=factory.SelfAttribute("..business"))


class MessageFactory(TenantFactory[Message]):
    """A text that Meta accepted."""

    class Meta:
        model = Message

    business = factory.SubFactory(BusinessFactory)
    sender = factory.SubFactory(SenderFactory, business=factory.SelfAttribute("..business"))
    contact = factory.SubFactory(ContactFactory, business=factory.SelfAttribute("..business"))
    direction = Message.Direction.OUTBOUND
    type = "text"
    status = Message.Status.SENT
    category = "service"
    address = factory.LazyAttribute(lambda one: one.contact.address)
    content = factory.LazyFunction(lambda: {"body": "Hello"})
    wamid = factory.Sequence(lambda n: f"wamid.factory{n}")
