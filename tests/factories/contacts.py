"""People, tags, lists and imports."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from factory.declarations import LazyAttribute, Sequence, SubFactory

from accounts import tenancy
from accounts.models import Business
from config.lib import addresses
from messaging.contacts import imports, people
from messaging.contacts.models import Contact, ContactImport, ContactList, Tag
from messaging.webhooks.models import FormerAddress
from tests.factories.accounts import BusinessFactory
from tests.factories.tenants import TenantFactory

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class ContactFactory(TenantFactory[Contact]):
    """A person in Spain, known by phone."""

    class Meta:
        model = Contact

    business = SubFactory(BusinessFactory)
    name = Sequence(lambda n: f"Contact {n}")
    phone = Sequence(lambda n: f"+34600{n % 1_000_000:06d}")
    phone_key = LazyAttribute(lambda made: addresses.phone_key(made.phone) if made.phone else None)
    country = "ES"


class BsuidContactFactory(ContactFactory):
    """A person known by Meta's user id only."""

    phone: Any = ""
    bsuid = Sequence(lambda n: f"ES.1349120865530{n:07d}")


class TagFactory(TenantFactory[Tag]):
    """A tag."""

    class Meta:
        model = Tag

    business = SubFactory(BusinessFactory)
    name = Sequence(lambda n: f"tag {n}")


class ContactListFactory(TenantFactory[ContactList]):
    """An empty list."""

    class Meta:
        model = ContactList

    business = SubFactory(BusinessFactory)
    name = Sequence(lambda n: f"List {n}")


def uploaded(
    business: Business, content: bytes, *, filename: str = "people.csv", **choices: Any
) -> ContactImport:
    """Upload a file and have it judged."""
    with tenancy.scope(business):
        made = imports.create(
            file=io.BytesIO(content), filename=filename, by=None, choices=choices, now=NOW
        )
        imports.run(import_id=made.pk, now=NOW)
        made.refresh_from_db()
    return made


def imported(
    business: Business, content: bytes, *, filename: str = "people.csv", **choices: Any
) -> ContactImport:
    """Upload a file, have it judged, commit it, and have it written."""
    made = uploaded(business, content, filename=filename, **choices)
    with tenancy.scope(business):
        imports.commit(made, by=None, now=NOW)
        imports.run(import_id=made.pk, now=NOW)
        made.refresh_from_db()
    return made


def left_number(business: Business, old: str, new: str) -> Contact:
    """Make somebody who had the old number and has the new one, as Meta told long ago."""
    at = NOW - timedelta(days=90)
    with tenancy.scope(business):
        people.find_or_create(phone=old, now=at)
        contact = people.change_number(old=old, new=new, now=at)
        FormerAddress.objects.create(business=business, address=old, contact=contact, changed_at=at)
    return contact
