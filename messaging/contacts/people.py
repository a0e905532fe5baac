"""Who a contact is: found or made by phone, by Meta user id (BSUID) or by both.

One person stays one contact, however the number is spelt. `book` has the rules of what happens
when an address is news.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from compliance import persons
from config.lib import addresses
from messaging.contacts.book import (
    Book,
    insert_missing,
    known_of,
    locked,
    present,
)
from messaging.contacts.merging import merge
from messaging.contacts.models import Contact
from messaging.contacts.person import Fact, MissingAddress, Person, country_of, spelling

__all__ = [
    "MissingAddress",
    "Person",
    "change_bsuid",
    "change_number",
    "complete",
    "country_of",
    "find",
    "find_or_create",
    "keys_of_many",
    "merge",
    "resolve_many",
]

T = TypeVar("T")
_TRIES: Final = 5


def find(address: str) -> Contact | None:
    """Return the contact of this E.164 number or BSUID, if there is one."""
    if addresses.is_bsuid(address):
        return Contact.objects.filter(bsuid=address).first()
    return Contact.objects.filter(phone_key=addresses.phone_key(address)).first()


def keys_of_many(keys: Sequence[str]) -> dict[str, list[str]]:
    """Return every address key of the people who have one of these."""
    known = Contact.objects.filter(Q(phone_key__in=keys) | Q(bsuid__in=keys))
    wanted = set(keys)
    return {
        key: contact.address_keys
        for contact in known.only("phone_key", "bsuid")
        for key in contact.address_keys
        if key in wanted
    }


def find_or_create(
    *,
    phone: str | None = None,
    bsuid: str | None = None,
    wa_id: str = "",
    name: str = "",
    now: datetime,
) -> Contact:
    """Return the contact with these addresses, made or completed as needed."""
    person = Person(phone=phone or "", bsuid=bsuid or "", wa_id=wa_id, name=name)
    [contact_id] = resolve_many([person], now=now)
    contact: Contact = Contact.objects.get(pk=contact_id)
    return contact


def resolve_many(people: Sequence[Person], *, now: datetime) -> list[UUID]:
    """Return the contact id of each person, in order; make, complete and merge as needed.

    Set-based and safe against other workers doing the same: known people cost one query, new
    ones an insert that ignores conflicts and a second look. Raises `MissingAddress`.
    """
    facts = [Fact.of(person) for person in people]
    if not facts:
        return []
    ids = _in_spite_of_others(lambda: _resolve(facts, now))
    _rename(people, ids)
    return ids


def complete(people: Sequence[Person], *, now: datetime) -> None:
    """Take over what is new about people who are known by one of their addresses; make nobody.

    As safe against other workers as `resolve_many`. Raises `MissingAddress`.
    """
    facts = [Fact.of(person) for person in people]
    if facts:
        _in_spite_of_others(lambda: _complete(facts, now))


def _in_spite_of_others(work: Callable[[], T]) -> T:
    """Do the work again when another worker wrote one of its addresses: the next look sees it."""
    for _ in range(_TRIES - 1):
        try:
            with transaction.atomic():
                return work()
        except IntegrityError:
            continue
    with transaction.atomic():
        return work()


def change_number(
    *,
    old: str,
    new: str,
    bsuid: str = "",
    previous_bsuid: str = "",
    now: datetime,
) -> Contact:
    """Follow a person to their new number (Meta's `user_changed_number`); numbers in any spelling.

    Whoever held the new number here is taken to be the same person.
    """
    key = addresses.phone_key(old) if old else None
    known = locked(phones=[key] if key else [], bsuids=[previous_bsuid] if previous_bsuid else [])
    return _readdress(known, Person(phone=_with_plus(new), bsuid=bsuid), now=now)


def change_bsuid(*, previous: str, bsuid: str, now: datetime) -> Contact:
    """Give a person the id Meta made for them anew (`user_changed_user_id`)."""
    return _readdress(locked(bsuids=[previous]), Person(bsuid=bsuid), now=now)


def _resolve(facts: Sequence[Fact], now: datetime) -> list[UUID]:
    book = Book(now)
    book.put(known_of(facts))
    news = [fact for fact in facts if not book.is_known(fact)]
    if not news:
        return [_id_of(book, fact) for fact in facts]
    book.put(insert_missing(book, news, now))
    if all(book.is_known(fact) for fact in news):
        return [_id_of(book, fact) for fact in facts]
    return _settle(facts, now)


def _complete(facts: Sequence[Fact], now: datetime) -> None:
    book = Book(now)
    book.put(known_of(facts))
    news = [fact for fact in facts if any(book.matches(fact)) and not book.is_known(fact)]
    if news:
        _settle(news, now)


def _settle(facts: Sequence[Fact], now: datetime) -> list[UUID]:
    book = Book(now)
    book.put(known_of(facts, lock=True))
    ids = [book.settle(fact) for fact in facts]
    book.save()
    return [book.final(contact_id) for contact_id in ids]


def _id_of(book: Book, fact: Fact) -> UUID:
    by_phone, by_bsuid = book.matches(fact)
    return present(by_phone or by_bsuid).pk


# Of two names of the same second the later in the alphabet: any order gives the same end.
_RENAME: Final = """
    WITH told AS (
        SELECT DISTINCT ON (id) * FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[])
            AS one (id, name, at)
        ORDER BY id, at DESC, name COLLATE "C" DESC
    ), held AS (
        SELECT contact.id FROM messaging_contact contact JOIN told USING (id)
        WHERE (contact.named_at, contact.name COLLATE "C") < (told.at, told.name COLLATE "C")
        ORDER BY contact.id FOR NO KEY UPDATE OF contact)
    UPDATE messaging_contact contact SET name = told.name, named_at = told.at
    FROM told, held WHERE contact.id = told.id AND contact.id = held.id
      AND (contact.named_at, contact.name COLLATE "C") < (told.at, told.name COLLATE "C")
"""


def _rename(people: Sequence[Person], ids: Sequence[UUID]) -> None:
    """Give contacts whose name is Meta's the newest one; without a time nothing is newer."""
    told = [
        (contact_id, person.name[:200], person.named_at)
        for contact_id, person in zip(ids, people, strict=True)
        if person.name and person.named_at
    ]
    if told:
        with connection.cursor() as cursor:
            cursor.execute(_RENAME, [list(column) for column in zip(*told, strict=True)])


def _with_plus(number: str) -> str:
    return number if number.startswith("+") else addresses.wa_id_to_phone(number)


@transaction.atomic
def _readdress(known: Sequence[Contact], person: Person, *, now: datetime) -> Contact:
    fact = Fact.of(person)
    book = Book(now)
    book.put(known_of([fact], lock=True))
    everyone = {contact.pk: contact for contact in (*known, *book.matches(fact)) if contact}
    if not everyone:
        return find_or_create(phone=person.phone, bsuid=person.bsuid, now=now)
    winner, *losers = sorted(everyone.values(), key=lambda contact: contact.pk)
    said = [key for contact in everyone.values() for key in contact.address_keys]
    for loser in losers:
        merge(winner=winner, loser=loser, now=now)
    if fact.phone_key:
        winner.phone, winner.phone_key, winner.wa_id = spelling(person.number), fact.phone_key, ""
        winner.country = country_of(winner.phone)
    winner.bsuid = fact.bsuid or winner.bsuid
    winner.updated_at = now
    winner.save(update_fields=["phone", "phone_key", "wa_id", "bsuid", "country", "updated_at"])
    persons.carry(before=said, kept=winner.address_keys, now=now)
    return winner
