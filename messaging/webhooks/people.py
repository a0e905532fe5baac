"""Who a fact is about: the contact, also under an address they have left."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from accounts import tenancy
from compliance import persons
from config.lib.addresses import phone_key
from messaging.contacts import people
from messaging.contacts.models import Contact
from messaging.contacts.people import Person
from messaging.meta import facts
from messaging.webhooks.batch import Item
from messaging.webhooks.models import FormerAddress

# A number may be somebody else's after a change; events of this long after it are still late ones.
# A BSUID is never given to anybody else.
_SLACK: Final = timedelta(hours=1)

_REMEMBER: Final = """
INSERT INTO messaging_formeraddress AS held (business_id, address, contact_id, changed_at)
SELECT %s, unnest(%s::text[]), %s, %s
ON CONFLICT (business_id, address) DO UPDATE
SET contact_id = excluded.contact_id, changed_at = excluded.changed_at
WHERE excluded.changed_at >= held.changed_at
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A person as a fact of this time names them."""

    person: Person
    at: datetime

    @property
    def keys(self) -> list[str]:
        """The keys consent is filed under that the fact itself carries."""
        number = self.person.number
        return [key for key in (phone_key(number) if number else "", self.person.bsuid) if key]


def seen(*, phone: str, bsuid: str, at: datetime, name: str = "", username: str = "") -> Seen:
    """Name a person by Meta's number and user id; either may be empty."""
    wa_id = phone.removeprefix("+")
    return Seen(Person(wa_id=wa_id, bsuid=bsuid, name=name, named_at=at, username=username), at)


def contact_ids(everyone: Sequence[Seen], *, now: datetime) -> list[UUID]:
    """Return the contact of each person, in order; make those who are new.

    Every person must have an address.
    """
    return people.resolve_many(_persons_now(everyone), now=now)


def _persons_now(everyone: Sequence[Seen]) -> list[Person]:
    """Name each person by the addresses they have by now."""
    former = _find_former(everyone)
    moved = {id(one): contact for one in everyone if (contact := _moved(one, former))}
    return [
        _as_now(one.person, moved[id(one)]) if id(one) in moved else one.person for one in everyone
    ]


def hold(everyone: Sequence[tuple[Seen, UUID | None]]) -> list[list[str]]:
    """Return every address key of each person; they leave none until the transaction ends.

    The person is their contact, where it is known, and whoever has an address of theirs or had it
    then. Who was found once stays found when a change takes that address away. Makes nobody.
    """
    seen = [one for one, _ in everyone]
    met: list[set[UUID]] = [{id_} if id_ else set() for _, id_ in everyone]

    def find() -> list[list[str]]:
        former = _find_former(seen)
        for one, ids in zip(seen, met, strict=True):
            if moved := _moved(one, former):
                ids.add(moved.pk)
        keys = {key for one in seen for key in one.keys}
        contacts = _find_any(keys, {id_ for ids in met for id_ in ids})
        by_key = {key: contact.pk for contact in contacts.values() for key in contact.address_keys}
        for one, ids in zip(seen, met, strict=True):
            if not _moved(one, former):
                ids |= {by_key[key] for key in one.keys if key in by_key}
        return [_keys(one, ids, contacts) for one, ids in zip(seen, met, strict=True)]

    return persons.hold_many(find)


def heirs_of_many(keys: Sequence[str]) -> dict[str, list[str]]:
    """Return the address keys people have now who left one of these."""
    rows = FormerAddress.objects.filter(address__in=keys).select_related("contact")
    return {row.address: row.contact.address_keys for row in rows}


def _find_any(keys: Collection[str], ids: Collection[UUID]) -> dict[UUID, Contact]:
    """Return contacts, locked as who changes an address does: the row first, then its addresses."""
    found = Contact.objects.filter(Q(phone_key__in=keys) | Q(bsuid__in=keys) | Q(pk__in=ids))
    return {one.pk: one for one in found.order_by("id").select_for_update(no_key=True)}


def _keys(one: Seen, ids: Collection[UUID], contacts: Mapping[UUID, Contact]) -> list[str]:
    theirs = [key for id_ in ids if id_ in contacts for key in contacts[id_].address_keys]
    return sorted({*one.keys, *theirs})


def change(item: Item, *, now: datetime) -> None:
    """Follow a person to the number or user id Meta says they have now."""
    fact: facts.IdentityChange = item.fact
    is_moved = bool(fact.new_phone) and fact.new_phone != fact.old_phone
    is_renamed = bool(fact.new_bsuid) and fact.new_bsuid != fact.old_bsuid
    left = [phone_key(fact.old_phone)] if is_moved and fact.old_phone else []
    left += [fact.old_bsuid] if is_renamed and fact.old_bsuid else []
    if not left:
        return
    if is_moved:
        contact = people.change_number(
            old=fact.old_phone,
            new=fact.new_phone,
            bsuid=fact.new_bsuid,
            previous_bsuid=fact.old_bsuid,
            now=now,
        )
    else:
        contact = people.change_bsuid(previous=fact.old_bsuid, bsuid=fact.new_bsuid, now=now)
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, [tenancy.current_id(), sorted(left), contact.pk, item.at])


def learn(pairs: Sequence[Seen], *, now: datetime) -> None:
    """Take over addresses Meta named together, of people we know; make nobody."""
    whole = {one.person: one for one in pairs if one.person.bsuid and one.person.number}
    if whole:
        people.complete(_persons_now(list(whole.values())), now=now)


def find_contacts(ids: Sequence[UUID]) -> dict[UUID, Contact]:
    """Return contacts of the business in scope by id."""
    found: dict[UUID, Contact] = Contact.objects.in_bulk(list(set(ids)))
    return found


Former = dict[str, FormerAddress]


def _find_former(everyone: Sequence[Seen]) -> Former:
    keys = {key for one in everyone for key in one.keys}
    rows = FormerAddress.objects.filter(address__in=keys).select_related("contact")
    return {row.address: row for row in rows}


def _moved(one: Seen, former: Former) -> Contact | None:
    """Return the contact who had this address when the fact was true."""
    by_bsuid = former.get(one.person.bsuid)
    if by_bsuid or one.person.bsuid or not one.person.number:
        return by_bsuid.contact if by_bsuid else None
    by_phone = former.get(phone_key(one.person.number))
    is_late = by_phone is not None and one.at <= by_phone.changed_at + _SLACK
    return by_phone.contact if by_phone and is_late else None


def _as_now(person: Person, contact: Contact) -> Person:
    """Name the person by the addresses they have now."""
    return replace(person, phone=contact.phone, wa_id="", bsuid=contact.bsuid or "")
