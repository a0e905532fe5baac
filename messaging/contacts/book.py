"""Contacts at hand, and how what is told about people changes them.

Where what Meta says contradicts what is known, the newest fact wins:

    phone known, BSUID new        the contact gets the BSUID (or a new one: Meta makes a new id
                                  when a person changes number or registers again)
    BSUID known, phone new        the contact gets the phone
    two contacts, one incomplete  they are the same person: merged, the older one stays
    two complete contacts         the BSUID says who it is; the phone moves to that contact

A person who gets another address keeps what they said about consent (`persons`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import IntegrityError, connection
from django.db.models import Q

from accounts import tenancy
from compliance import persons
from compliance.privacy import suppression
from config.lib.ids import new_id
from messaging.contacts.merging import merge
from messaging.contacts.models import Contact
from messaging.contacts.person import Fact, Person, country_of, spelling

_SAVED: Final = (
    "phone", "phone_key", "bsuid", "wa_id", "name", "named_at", "username", "country",
)  # fmt: skip
_SAVE: Final = """
    UPDATE messaging_contact contact SET phone = told.phone, phone_key = told.phone_key,
        bsuid = told.bsuid, wa_id = told.wa_id, name = told.name, named_at = told.named_at,
        username = told.username, country = told.country, updated_at = %(now)s
    FROM unnest(%(id)s::uuid[], %(phone)s::text[], %(phone_key)s::text[], %(bsuid)s::text[],
        %(wa_id)s::text[], %(name)s::text[], %(named_at)s::timestamptz[], %(username)s::text[],
        %(country)s::text[])
        AS told (id, phone, phone_key, bsuid, wa_id, name, named_at, username, country)
    WHERE contact.id = told.id AND contact.business_id = %(business)s
"""


@dataclass(slots=True)
class Book:
    """Contacts at hand, by each address; what changed, who left an address, who became whom."""

    now: datetime
    by_phone: dict[str, Contact] = field(default_factory=dict)
    by_bsuid: dict[str, Contact] = field(default_factory=dict)
    changed: dict[UUID, Contact] = field(default_factory=dict)
    became: dict[UUID, UUID] = field(default_factory=dict)
    moves: list[persons.Move] = field(default_factory=list)
    moving: set[str] = field(default_factory=set)

    def put(self, contacts: Iterable[Contact]) -> None:
        for contact in contacts:
            if contact.phone_key:
                self.by_phone[contact.phone_key] = contact
            if contact.bsuid:
                self.by_bsuid[contact.bsuid] = contact

    def matches(self, fact: Fact) -> tuple[Contact | None, Contact | None]:
        by_phone = self.by_phone.get(fact.phone_key) if fact.phone_key else None
        by_bsuid = self.by_bsuid.get(fact.bsuid) if fact.bsuid else None
        return by_phone, by_bsuid

    def is_known(self, fact: Fact) -> bool:
        """Say whether nothing about this person is news."""
        by_phone, by_bsuid = self.matches(fact)
        contact = by_phone or by_bsuid
        if contact is None or (fact.phone_key and not by_phone) or (fact.bsuid and not by_bsuid):
            return False
        same = not (by_phone and by_bsuid) or by_phone.pk == by_bsuid.pk
        return same and not news(contact, fact.person)

    def settle(self, fact: Fact) -> UUID:
        """Apply the rules of this module to one person; return their contact."""
        by_phone, by_bsuid = self.matches(fact)
        if by_phone and by_bsuid and by_phone.pk != by_bsuid.pk:
            contact = self._reconcile(by_phone, by_bsuid)
        else:
            contact = present(by_phone or by_bsuid)
        self._address(contact, fact)
        for name, value in news(contact, fact.person).items():
            setattr(contact, name, value)
            self.changed[contact.pk] = contact
        return contact.pk

    def final(self, contact_id: UUID) -> UUID:
        while contact_id in self.became:
            contact_id = self.became[contact_id]
        return contact_id

    def save(self) -> None:
        """Write what changed in one statement: Django's own takes a second for 500 people."""
        self._carry()
        if not self.changed:
            return
        rows = [self.changed[pk] for pk in sorted(self.changed)]
        columns = {name: [getattr(row, name) for row in rows] for name in ("id", *_SAVED)}
        with connection.cursor() as cursor:
            cursor.execute(_SAVE, {**columns, "business": tenancy.current_id(), "now": self.now})

    def _reconcile(self, by_phone: Contact, by_bsuid: Contact) -> Contact:
        if by_phone.bsuid and by_bsuid.phone_key:
            self._take_phone(by_phone)
            return by_bsuid
        winner, loser = sorted((by_phone, by_bsuid), key=lambda contact: contact.pk)
        self._forget(loser)
        self.became[loser.pk] = winner.pk
        said = [*winner.address_keys, *loser.address_keys]
        phone, phone_key, bsuid = loser.phone, loser.phone_key, loser.bsuid
        merge(winner=winner, loser=loser, now=self.now)
        if not winner.phone_key:
            winner.phone, winner.phone_key = phone, phone_key
        winner.bsuid = winner.bsuid or bsuid
        self.changed[winner.pk] = winner
        self.put([winner])
        self._move(persons.Move(said, winner.address_keys))
        return winner

    def _take_phone(self, contact: Contact) -> None:
        """Free the number at once: its next holder is saved in the same statement as others."""
        before = contact.address_keys
        if contact.phone_key:
            del self.by_phone[contact.phone_key]
        contact.phone, contact.phone_key, contact.wa_id = "", None, ""
        contact.save(update_fields=["phone", "phone_key", "wa_id", "updated_at"])
        self._move(persons.Move(before, contact.address_keys))

    def _address(self, contact: Contact, fact: Fact) -> None:
        before = contact.address_keys
        if fact.phone_key and contact.phone_key != fact.phone_key:
            self.by_phone.pop(contact.phone_key or "", None)
            contact.phone, contact.phone_key = spelling(fact.person.number), fact.phone_key
            contact.country = country_of(contact.phone)
        if fact.bsuid and contact.bsuid != fact.bsuid:
            self.by_bsuid.pop(contact.bsuid or "", None)
            contact.bsuid = fact.bsuid
        if contact.address_keys == before:
            return
        self.changed[contact.pk] = contact
        self.put([contact])
        self._move(persons.Move(before, contact.address_keys))

    def _move(self, move: persons.Move) -> None:
        """Have consent follow, with that of all others unless it is theirs that moves on."""
        if not move.leaves:
            return
        keys = {*move.before, *move.kept}
        if keys & self.moving:
            self._carry()
        self.moves.append(move)
        self.moving |= keys

    def _carry(self) -> None:
        persons.carry_all(self.moves, now=self.now)
        self.moves.clear()
        self.moving.clear()

    def _forget(self, contact: Contact) -> None:
        self.changed.pop(contact.pk, None)
        for index, key in ((self.by_phone, contact.phone_key), (self.by_bsuid, contact.bsuid)):
            if key and index.get(key) is contact:
                del index[key]


def present(contact: Contact | None) -> Contact:
    """Return the contact; raise IntegrityError when it is gone: another look makes it anew."""
    if contact is None:
        raise IntegrityError("the contact was taken away meanwhile")
    return contact


def known_of(facts: Sequence[Fact], *, lock: bool = False) -> list[Contact]:
    """Return the contacts with any address of these people."""
    phones = [fact.phone_key for fact in facts if fact.phone_key]
    bsuids = [fact.bsuid for fact in facts if fact.bsuid]
    if lock:
        return locked(phones=phones, bsuids=bsuids)
    return list(Contact.objects.filter(Q(phone_key__in=phones) | Q(bsuid__in=bsuids)))


def locked(*, phones: Sequence[str] = (), bsuids: Sequence[str] = ()) -> list[Contact]:
    """Return the contacts with any of these addresses, locked in one order for all workers."""
    found = Contact.objects.filter(Q(phone_key__in=phones) | Q(bsuid__in=bsuids))
    return list(found.order_by("id").select_for_update())


def insert_missing(book: Book, facts: Sequence[Fact], now: datetime) -> list[Contact]:
    """Insert people nobody knows; return those no other worker inserted first."""
    business_id = tenancy.current_id()
    missing = [fact for fact in facts if not any(book.matches(fact))]
    distinct = {(fact.phone_key, fact.bsuid): fact for fact in reversed(missing)}
    rows = [
        _new_contact(fact, business_id) for fact in sorted(distinct.values(), key=lambda f: f.order)
    ]
    if not rows:
        return []
    columns = {name: [getattr(row, name) for row in rows] for name in _INSERTED}
    columns["attributes"] = [orjson.dumps(row.attributes).decode() for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {**columns, "business": business_id, "now": now})
        made = {pk for (pk,) in cursor.fetchall()}
    new = [row for row in rows if row.pk in made]
    suppression.bring_back([key for row in new for key in row.address_keys])
    return new


_INSERTED: Final = (
    "id", "name", "named_at", "phone", "phone_key", "bsuid", "wa_id", "username", "language",
    "country",
)  # fmt: skip
# One array a column: a thousand rows are one short statement.
_INSERT: Final = """
    INSERT INTO messaging_contact (business_id, updated_at, time_zone, id, name, named_at, phone,
        phone_key, bsuid, wa_id, username, language, country, attributes)
    SELECT %(business)s, %(now)s, '', * FROM unnest(
        %(id)s::uuid[], %(name)s::text[], %(named_at)s::timestamptz[], %(phone)s::text[],
        %(phone_key)s::text[], %(bsuid)s::text[], %(wa_id)s::text[], %(username)s::text[],
        %(language)s::text[], %(country)s::text[], %(attributes)s::jsonb[])
    ON CONFLICT DO NOTHING
    RETURNING id
"""


def _new_contact(fact: Fact, business_id: UUID) -> Contact:
    person = fact.person
    phone = spelling(person.number) if fact.phone_key else ""
    return Contact(
        id=new_id(),
        business_id=business_id,
        name=person.name[:200],
        named_at=person.named_at if person.name else None,
        phone=phone,
        phone_key=fact.phone_key,
        bsuid=fact.bsuid,
        wa_id=person.wa_id[:32],
        username=person.username[:80],
        language=person.language,
        attributes=dict(person.attributes or {}),
        country=country_of(phone or person.bsuid),
    )


def news(contact: Contact, person: Person) -> Mapping[str, Any]:
    """Return what the person's own fields tell us that the contact lacks."""
    news: dict[str, Any] = {}
    if person.name and not contact.name:
        news |= {"name": person.name[:200], "named_at": person.named_at}
    if person.wa_id and contact.wa_id != person.wa_id:
        news["wa_id"] = person.wa_id[:32]
    if person.username and contact.username != person.username[:80]:
        news["username"] = person.username[:80]
    return news
