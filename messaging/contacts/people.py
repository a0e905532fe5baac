"""Who a contact is: found or made by phone, by Meta user id (BSUID) or by both.

One person stays one contact, however the number is spelt. Where what Meta says contradicts what
is known, the newest fact wins:

    phone known, BSUID new        the contact gets the BSUID (or a new one: Meta makes a new id
                                  when a person changes number or registers again)
    BSUID known, phone new        the contact gets the phone
    two contacts, one incomplete  they are the same person: merged, the older one stays
    two complete contacts         the BSUID says who it is; the phone moves to that contact

A person who gets another address keeps what they said about consent (`persons`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
import phonenumbers
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from accounts import tenancy
from compliance import persons
from compliance.privacy import suppression
from config.lib import addresses
from config.lib.errors import InvalidInput
from config.lib.ids import new_id
from messaging.contacts.merging import merge
from messaging.contacts.models import Contact

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


class MissingAddress(InvalidInput):
    """A person was named with neither a phone number nor a Meta user id."""

    code = "missing_address"


@dataclass(frozen=True, slots=True)
class Person:
    """What a webhook or a caller says about somebody; at least one address is needed.

    `phone` is E.164 with "+"; `wa_id` Meta's digits without. `name` fills an empty name; one Meta
    told at `named_at` also takes the place of an older one of Meta's, never of one the business
    gave. `language` and `attributes` are for a contact that is made anew.
    """

    phone: str = ""
    wa_id: str = ""
    bsuid: str = ""
    name: str = ""
    named_at: datetime | None = None
    username: str = ""
    language: str = ""
    attributes: Mapping[str, str] | None = None

    @property
    def number(self) -> str:
        """The phone number with "+", from `phone` or `wa_id`."""
        return self.phone or (addresses.wa_id_to_phone(self.wa_id) if self.wa_id else "")


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
    facts = [_Fact.of(person) for person in people]
    if not facts:
        return []
    ids = _in_spite_of_others(lambda: _resolve(facts, now))
    _rename(people, ids)
    return ids


def complete(people: Sequence[Person], *, now: datetime) -> None:
    """Take over what is new about people who are known by one of their addresses; make nobody.

    As safe against other workers as `resolve_many`. Raises `MissingAddress`.
    """
    facts = [_Fact.of(person) for person in people]
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
    known = _locked(phones=[key] if key else [], bsuids=[previous_bsuid] if previous_bsuid else [])
    return _readdress(known, Person(phone=_with_plus(new), bsuid=bsuid), now=now)


def change_bsuid(*, previous: str, bsuid: str, now: datetime) -> Contact:
    """Give a person the id Meta made for them anew (`user_changed_user_id`)."""
    return _readdress(_locked(bsuids=[previous]), Person(bsuid=bsuid), now=now)


def country_of(address: str) -> str:
    """Return the two-letter country of an E.164 number or BSUID, empty when not known."""
    if addresses.is_bsuid(address):
        return address[:2]
    digits = address.lstrip("+")
    for length in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or 0))
        if regions and len(regions) == 1:
            return "" if regions[0] == "001" else str(regions[0])
        if regions:
            return _shared_country(address)
    return ""


def _shared_country(address: str) -> str:
    """Tell apart the countries that share a code (+1, +7, +44 …)."""
    try:
        number = phonenumbers.parse(address, None)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""


@dataclass(frozen=True, slots=True)
class _Fact:
    """A person with the keys they are looked up by."""

    person: Person
    phone_key: str | None
    bsuid: str | None

    @classmethod
    def of(cls, person: Person) -> _Fact:
        number = person.number
        if not number and not person.bsuid:
            raise MissingAddress("A phone number or a Meta user id is needed.", attr="phone")
        return cls(person, addresses.phone_key(number) if number else None, person.bsuid or None)

    @property
    def order(self) -> tuple[bool, str, str]:
        """Complete people first, so that half known ones meet them; then by key."""
        incomplete = not (self.phone_key and self.bsuid)
        return incomplete, self.phone_key or "", self.bsuid or ""


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
class _Book:
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

    def matches(self, fact: _Fact) -> tuple[Contact | None, Contact | None]:
        by_phone = self.by_phone.get(fact.phone_key) if fact.phone_key else None
        by_bsuid = self.by_bsuid.get(fact.bsuid) if fact.bsuid else None
        return by_phone, by_bsuid

    def is_known(self, fact: _Fact) -> bool:
        """Say whether nothing about this person is news."""
        by_phone, by_bsuid = self.matches(fact)
        contact = by_phone or by_bsuid
        if contact is None or (fact.phone_key and not by_phone) or (fact.bsuid and not by_bsuid):
            return False
        same = not (by_phone and by_bsuid) or by_phone.pk == by_bsuid.pk
        return same and not _news(contact, fact.person)

    def settle(self, fact: _Fact) -> UUID:
        """Apply the rules of this module to one person; return their contact."""
        by_phone, by_bsuid = self.matches(fact)
        if by_phone and by_bsuid and by_phone.pk != by_bsuid.pk:
            contact = self._reconcile(by_phone, by_bsuid)
        else:
            contact = _present(by_phone or by_bsuid)
        self._address(contact, fact)
        for name, value in _news(contact, fact.person).items():
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

    def _address(self, contact: Contact, fact: _Fact) -> None:
        before = contact.address_keys
        if fact.phone_key and contact.phone_key != fact.phone_key:
            self.by_phone.pop(contact.phone_key or "", None)
            contact.phone, contact.phone_key = _spelling(fact.person.number), fact.phone_key
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


def _resolve(facts: Sequence[_Fact], now: datetime) -> list[UUID]:
    book = _Book(now)
    book.put(_known(facts))
    news = [fact for fact in facts if not book.is_known(fact)]
    if not news:
        return [_id_of(book, fact) for fact in facts]
    book.put(_insert_missing(book, news, now))
    if all(book.is_known(fact) for fact in news):
        return [_id_of(book, fact) for fact in facts]
    return _settle(facts, now)


def _complete(facts: Sequence[_Fact], now: datetime) -> None:
    book = _Book(now)
    book.put(_known(facts))
    news = [fact for fact in facts if any(book.matches(fact)) and not book.is_known(fact)]
    if news:
        _settle(news, now)


def _settle(facts: Sequence[_Fact], now: datetime) -> list[UUID]:
    book = _Book(now)
    book.put(_known(facts, lock=True))
    ids = [book.settle(fact) for fact in facts]
    book.save()
    return [book.final(contact_id) for contact_id in ids]


def _id_of(book: _Book, fact: _Fact) -> UUID:
    by_phone, by_bsuid = book.matches(fact)
    return _present(by_phone or by_bsuid).pk


def _present(contact: Contact | None) -> Contact:
    if contact is None:
        raise IntegrityError("the contact was taken away meanwhile")
    return contact


def _known(facts: Sequence[_Fact], *, lock: bool = False) -> list[Contact]:
    phones = [fact.phone_key for fact in facts if fact.phone_key]
    bsuids = [fact.bsuid for fact in facts if fact.bsuid]
    if lock:
        return _locked(phones=phones, bsuids=bsuids)
    return list(Contact.objects.filter(Q(phone_key__in=phones) | Q(bsuid__in=bsuids)))


def _locked(*, phones: Sequence[str] = (), bsuids: Sequence[str] = ()) -> list[Contact]:
    """Return the contacts with any of these addresses, locked in one order for all workers."""
    found = Contact.objects.filter(Q(phone_key__in=phones) | Q(bsuid__in=bsuids))
    return list(found.order_by("id").select_for_update())


def _insert_missing(book: _Book, facts: Sequence[_Fact], now: datetime) -> list[Contact]:
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


def _new_contact(fact: _Fact, business_id: UUID) -> Contact:
    person = fact.person
    phone = _spelling(person.number) if fact.phone_key else ""
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


def _news(contact: Contact, person: Person) -> Mapping[str, Any]:
    """Return what the person's own fields tell us that the contact lacks."""
    news: dict[str, Any] = {}
    if person.name and not contact.name:
        news |= {"name": person.name[:200], "named_at": person.named_at}
    if person.wa_id and contact.wa_id != person.wa_id:
        news["wa_id"] = person.wa_id[:32]
    if person.username and contact.username != person.username[:80]:
        news["username"] = person.username[:80]
    return news


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


def _spelling(number: str) -> str:
    """Return today's spelling of a number; one no numbering plan knows stays as Meta wrote it."""
    if addresses.phone_key(number) == number:
        return number[:20]
    try:
        return addresses.parse_phone(number)
    except addresses.InvalidAddress:
        return number[:20]


def _with_plus(number: str) -> str:
    return number if number.startswith("+") else addresses.wa_id_to_phone(number)


@transaction.atomic
def _readdress(known: Sequence[Contact], person: Person, *, now: datetime) -> Contact:
    fact = _Fact.of(person)
    book = _Book(now)
    book.put(_known([fact], lock=True))
    everyone = {contact.pk: contact for contact in (*known, *book.matches(fact)) if contact}
    if not everyone:
        return find_or_create(phone=person.phone, bsuid=person.bsuid, now=now)
    winner, *losers = sorted(everyone.values(), key=lambda contact: contact.pk)
    said = [key for contact in everyone.values() for key in contact.address_keys]
    for loser in losers:
        merge(winner=winner, loser=loser, now=now)
    if fact.phone_key:
        winner.phone, winner.phone_key, winner.wa_id = _spelling(person.number), fact.phone_key, ""
        winner.country = country_of(winner.phone)
    winner.bsuid = fact.bsuid or winner.bsuid
    winner.updated_at = now
    winner.save(update_fields=["phone", "phone_key", "wa_id", "bsuid", "country", "updated_at"])
    persons.carry(before=said, kept=winner.address_keys, now=now)
    return winner
