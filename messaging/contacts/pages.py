"""A page of an import: judge its rows, against the file and the database, and write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Q

from accounts import tenancy
from compliance import consent, persons
from compliance.cells import RowRefused
from compliance.models import Consent, ConsentEvent, ConsentStatus
from messaging.contacts import lists, people, rows, tags
from messaging.contacts.models import Contact, ContactImport
from messaging.contacts.rows import Entry, RowReader, Rules
from messaging.contacts.seen import SeenRows

# Rows written at once: some ten megabytes of worker and database; more are no faster.
SIZE: Final = 1000


@dataclass(slots=True)
class Judged:
    """A row with its verdict; `entry` is None when nothing of it is usable."""

    number: int
    cells: Sequence[str]
    entry: Entry | None = None
    verdict: str = ""
    reason: str = ""
    is_known: bool = False

    @property
    def is_imported(self) -> bool:
        return self.verdict in rows.IMPORTED


@dataclass(slots=True)
class Written:
    """What writing a page did."""

    created: int = 0
    updated: int = 0
    refused: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)


class Judge:
    """Judges the rows of one file in their order; remembers who came before."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._reader = RowReader(rules)
        self._seen = SeenRows()

    def read(self, source: Iterable[tuple[int, list[str]]]) -> list[Judged]:
        """Read rows without looking at the database: usable ones have no verdict yet."""
        return [self._read(number, cells) for number, cells in source]

    def settle(self, page: Sequence[Judged]) -> None:
        """Give every usable row its verdict, with two queries for the page."""
        usable = [judged for judged in page if judged.entry and not judged.verdict]
        known = _known([judged.entry for judged in usable if judged.entry])
        standing = _standing(
            {key for judged in usable if judged.entry for key in known.keys_of(judged.entry)}
        )
        for judged in usable:
            if judged.entry:
                keys = known.keys_of(judged.entry)
                judged.is_known = known.has(judged.entry)
                judged.verdict, judged.reason = self._verdict(
                    judged.entry, [state for key in keys for state in standing.get(key, ())]
                )
                if not judged.verdict:
                    judged.verdict = rows.UPDATED if judged.is_known else rows.CREATED

    def _read(self, number: int, cells: list[str]) -> Judged:
        try:
            entry = self._reader.read(number, cells)
        except RowRefused as refused:
            return Judged(number, cells, verdict=refused.verdict, reason=refused.reason)
        earlier = self._seen.first(entry.keys, number)
        if earlier is None:
            return Judged(number, cells, entry)
        reason = f"The same person stands in row {earlier}."
        return Judged(number, cells, entry, verdict=rows.DUPLICATE, reason=reason)

    def _verdict(self, entry: Entry, states: Sequence[_State]) -> tuple[str, str]:
        """Return a verdict about consent, or nothing when there is nothing to say."""
        said = entry.consent
        if said.status == ConsentStatus.OPTED_OUT:
            return rows.WITHDRAWN, "The row says no: the person is opted out."
        scopes = said.scopes or self._rules.consent_scopes
        outs = [state.at for state in states if state.is_out and state.scope in scopes]
        if outs and (said.at is None or said.at <= max(outs)):
            return rows.STAYS_OUT, f"The person said no on {max(outs):%Y-%m-%d}."
        if said.status == ConsentStatus.OPTED_IN:
            return "", ""
        if any(state.scope in scopes and not state.is_out for state in states):
            return "", ""
        return rows.WITHOUT_CONSENT, said.remark or "The row has no consent."


@dataclass(frozen=True, slots=True)
class _State:
    scope: str
    is_out: bool
    at: datetime


@dataclass(slots=True)
class _Known:
    """The contacts a page's addresses belong to: every key with all keys of its contact."""

    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, entry: Entry) -> bool:
        return any(key in self.keys for key in entry.keys)

    def keys_of(self, entry: Entry) -> set[str]:
        return {one for key in entry.keys for one in self.keys.get(key, ())} | set(entry.keys)


def _known(entries: Sequence[Entry]) -> _Known:
    known = _Known()
    phones = [entry.phone_key for entry in entries if entry.phone_key]
    bsuids = [entry.bsuid for entry in entries if entry.bsuid]
    found = Contact.objects.filter(Q(phone_key__in=phones) | Q(bsuid__in=bsuids))
    for pair in found.values_list("phone_key", "bsuid"):
        keys = tuple(key for key in pair if key)
        known.keys |= dict.fromkeys(keys, keys)
    return known


def _standing(keys: set[str]) -> dict[str, list[_State]]:
    standing: dict[str, list[_State]] = {}
    states = Consent.objects.filter(address__in=keys, status__isnull=False)
    for address, scope, status, at in states.values_list(
        "address", "scope", "status", "changed_at"
    ):
        state = _State(scope, status == ConsentStatus.OPTED_OUT, at)
        standing.setdefault(address, []).append(state)
    return standing


def write(page: Sequence[Judged], *, source: ContactImport, now: datetime) -> Written:
    """Write a judged page: contacts, consent with its evidence, tags, list. One transaction."""
    accepted = [(one, one.entry) for one in page if one.is_imported and one.entry]
    ids = people.resolve_many([_person(entry) for _, entry in accepted], now=now)
    contacts = [(contact, entry) for contact, (_, entry) in zip(ids, accepted, strict=True)]
    known = {entry.number for judged, entry in accepted if judged.is_known}
    _update({contact: entry for contact, entry in contacts if entry.number in known})
    _record_consent(
        page, {entry.number: contact for contact, entry in contacts}, source=source, now=now
    )
    _tag(contacts, source)
    if source.list:
        lists.add(source.list, contacts=ids)
    return tally(page)


def tally(page: Sequence[Judged]) -> Written:
    """Count a judged page."""
    counted = Written(verdicts=Counter(judged.verdict for judged in page))
    for judged in page:
        if not judged.is_imported:
            counted.refused += 1
        elif judged.is_known:
            counted.updated += 1
        else:
            counted.created += 1
    return counted


def _person(entry: Entry) -> people.Person:
    return people.Person(
        phone=entry.phone,
        bsuid=entry.bsuid,
        name=entry.name,
        language=entry.language,
        attributes=entry.attributes,
    )


def _update(entries: Mapping[UUID, Entry]) -> None:
    """Bring known contacts up to date: what the file says wins, what it leaves empty stays."""
    changes = [
        (contact, entry.name, entry.language, orjson.dumps(dict(entry.attributes)).decode())
        for contact, entry in entries.items()
        if entry.name or entry.language or entry.attributes
    ]
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_contact c SET name = COALESCE(NULLIF(new.name, ''), c.name),"
            " named_at = CASE WHEN new.name = '' THEN c.named_at END,"
            " language = COALESCE(NULLIF(new.language, ''), c.language),"
            " attributes = c.attributes || new.attributes, updated_at = now()"
            " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::jsonb[])"
            " AS new (id, name, language, attributes)"
            " WHERE c.id = new.id AND c.business_id = %s",
            [*(list(column) for column in zip(*changes, strict=True)), tenancy.current_id()],
        )


def _record_consent(
    page: Sequence[Judged], contacts: Mapping[int, UUID], *, source: ContactImport, now: datetime
) -> None:
    """Put into the ledger what the rows say, at every address of the person.

    A second row about a person counts only when it says no. A no also reaches who has left the
    address it names.
    """
    keys = _address_keys(contacts.values())
    reach = _hold_stopping([judged.entry for judged in page if judged.entry])
    told = []
    for judged in page:
        said = judged.entry.consent if judged.entry else None
        if judged.entry is None or said is None or said.status is None:
            continue
        if not judged.is_imported and said.status != ConsentStatus.OPTED_OUT:
            continue
        contact = contacts.get(judged.number)
        filed = keys.get(contact, ()) if contact else judged.entry.keys
        if said.status == ConsentStatus.OPTED_OUT:
            filed = (*filed, *(also for key in judged.entry.keys for also in reach[key]))
        told.append(
            consent.ConsentRow(
                addresses=filed,
                scopes=said.scopes,
                status=said.status,
                occurred_at=said.at,
                wording=said.wording,
                language=judged.entry.language,
                evidence=_evidence(judged, source),
            )
        )
    consent.record_many(told, source=ConsentEvent.Source.IMPORT, now=now, actor=source.created_by)


def _hold_stopping(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Return all that an opt-out under each address reaches; nobody leaves it meanwhile."""
    outs = [one for one in entries if one.consent.status == ConsentStatus.OPTED_OUT]
    named = [key for one in outs for key in one.keys]
    held = persons.hold_many(lambda: list(persons.keys_to_stop_many(named).values()))
    return {keys[0]: keys for keys in held}


def _evidence(judged: Judged, source: ContactImport) -> dict[str, Any]:
    return {
        "kind": "file_row",
        "import": str(source.pk),
        "sha256": source.sha256,
        "row": judged.number,
    }


def _address_keys(ids: Iterable[UUID]) -> dict[UUID, tuple[str, ...]]:
    found = Contact.objects.filter(pk__in=set(ids)).values_list("pk", "phone_key", "bsuid")
    return {pk: tuple(key for key in keys if key) for pk, *keys in found}


def _tag(contacts: Sequence[tuple[UUID, Entry]], source: ContactImport) -> None:
    names: dict[UUID, list[str]] = {}
    for contact, entry in contacts:
        if entry.tags:
            names.setdefault(contact, []).extend(entry.tags)
    if names:
        tags.add_each(names, by=source.created_by)
