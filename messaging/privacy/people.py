"""Find somebody by any of their addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from django.db.models import Q

from compliance.privacy.registry import BATCH, Person
from config.lib import addresses, paging
from messaging.contacts.models import Contact
from messaging.messages.models import Message
from messaging.webhooks.models import FormerAddress

_MOST_SPELLINGS: Final = 200


class PeopleIndex:
    """Contacts, with the addresses they have and had."""

    def widen(self, person: Person) -> Person:
        """Add the contacts of these addresses, and every address of theirs.

        A former address counts only as a spelling: by now it may be somebody else's.
        """
        rows = Contact.objects.filter(
            Q(pk__in=person.contacts) | Q(phone_key__in=person.keys) | Q(bsuid__in=person.keys)
        )
        found = Person(keys=frozenset())
        for contact in rows:
            found = found.joined(_of(contact))
        return found.joined(
            Person(keys=frozenset(), spellings=frozenset(_former(found.contacts | person.contacts)))
        )

    def everybody(self) -> Iterator[Person]:
        """Yield every contact."""
        for contact in paging.by_key(Contact.objects.all(), size=BATCH):
            yield _of(contact)


def _of(contact: Contact) -> Person:
    spellings = {contact.phone, f"+{contact.wa_id}" if contact.wa_id else ""} - {""}
    return Person(
        keys=frozenset(contact.address_keys),
        spellings=frozenset(spellings),
        contacts=frozenset({contact.pk}),
    )


def _former(contact_ids: Iterable[object]) -> set[str]:
    """Return addresses the contacts had that no other contact has now."""
    ids = list(contact_ids)
    if not ids:
        return set()
    left = set(FormerAddress.objects.filter(contact__in=ids).values_list("address", flat=True))
    sent = Message.objects.filter(contact__in=ids).exclude(address="").order_by()
    left |= set(sent.values_list("address", flat=True).distinct()[:_MOST_SPELLINGS])
    by_key = {_key(address): address for address in left}
    others = Contact.objects.exclude(pk__in=ids).filter(
        Q(phone_key__in=by_key) | Q(bsuid__in=by_key)
    )
    taken = {key for one in others for key in one.address_keys}
    return {address for address in left if _key(address) not in taken}


def _key(address: str) -> str:
    return address if addresses.is_bsuid(address) else addresses.phone_key(address)
