"""What compliance and accounts hold about people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection

from accounts import tenancy
from accounts.models import IdempotencyRecord
from compliance import pending_files
from compliance.models import Consent, ConsentEvent
from compliance.privacy import export as copies
from compliance.privacy import registry, requests, suppression
from compliance.privacy.models import PrivacyRequest
from compliance.privacy.registry import BATCH, File, Later, Person, Rows, Step
from config.lib import crypto, paging
from config.lib.addresses import digits_in
from config.lib.crypto import DecryptionFailed
from config.lib.errors import Unavailable

_EVENT: Final = (
    "occurred_at",
    "scope",
    "status",
    "source",
    "reason",
    "wording",
    "language",
    "evidence",
    "ip_address",
)


class ConsentHolder:
    """The ledger and the state, in the clear until the hash takes their place."""

    name = "consent"
    title = "Consent and opt-outs"
    explanation = "Deleted. That the person had opted out stays with the keyed hash."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield the ledger, oldest first."""
        rows = ConsentEvent.objects.filter(address__in=person.address_keys)
        if rows.exists():
            yield Rows(self.name, paging.values_by_key(rows, *_EVENT, size=BATCH))

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Delete state and ledger; somebody who is back already gets their opt-out again."""
        if not person.keys:
            return
        while (sources := _delete_consent(person)) is not None:
            # The opt-out the erasure itself wrote is nothing the person said.
            said = sum(source != ConsentEvent.Source.PRIVACY for source in sources)
            yield Step({"events": said} if said else {})
        if registry.identify(Person(keys=person.address_keys)).contacts - person.contacts:
            suppression.bring_back(sorted(person.address_keys))

    def widen(self, person: Person) -> Person:
        """Know nobody by more than the address."""
        return Person(keys=frozenset())

    def everybody(self) -> Iterator[Person]:
        """Yield every address of the ledger."""
        rows = Consent.objects.values_list("address", flat=True).distinct()
        for address in paging.by_key(rows, key="address", size=BATCH):
            yield Person(keys=frozenset({address}))


class AnswersHolder:
    """First answers to repeated requests, sealed; kept for a day."""

    name = "answers"
    title = "Stored answers of the API"
    explanation = "Answers that mention the person are deleted; none lives longer than a day."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield nothing: they repeat what other stores hold."""
        yield from ()

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Delete the answers that name the person."""
        words = _words(person)
        rows = IdempotencyRecord.objects.filter(business_id=tenancy.current_id()).order_by("id")
        while page := list(_after(rows, cursor)[:BATCH]):
            cursor = str(page[-1].pk)
            named = [row.pk for row in page if _mentions(row, words)]
            IdempotencyRecord.objects.filter(pk__in=named).delete()
            yield Step({"answers": len(named)} if named else {}, cursor)


class PendingFilesHolder:
    """Files of consents that wait for a "yes", sealed; kept for half an hour."""

    name = "consent_files"
    title = "Files of consents not imported yet"
    explanation = "All that wait are dropped; none waits longer than half an hour."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield nothing: nothing was taken from them yet."""
        yield from ()

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Drop the files, whoever stands in them; looking again drops nobody's."""
        if not person.keys:
            return
        try:
            dropped = pending_files.drop_all()
        except Unavailable as error:
            raise Later("Redis does not answer.") from error
        if dropped:
            yield Step({"files": dropped})


class CopiesHolder:
    """Copies made for the person, and what their other requests say about them."""

    name = "copies"
    title = "Copies made for the person, and their requests"
    explanation = "Copies are deleted. Requests keep their dates and forget who asked."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield the requests."""
        rows = requests.list_of(person)
        if rows.exists():
            fields = ("received_at", "kind", "status", "channel", "note", "finished_at")
            yield Rows(self.name, paging.values_by_key(rows, *fields, size=BATCH))

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Delete the copies; let go of what other requests say."""
        if not person.keys:
            return
        ended = requests.list_of(person).exclude(kind=PrivacyRequest.Kind.ERASURE)
        made = sum(copies.discard(one) for one in ended.exclude(file=""))
        told = ended.exclude(note="").update(note="")
        waiting = ended.filter(status__in=["open", "running", "failed"]).update(
            status=PrivacyRequest.Status.WITHDRAWN, finished_at=now, person="", next_at=None
        )
        counts = {"copies": made, "notes": told, "requests_closed": waiting}
        if any(counts.values()):
            yield Step({name: count for name, count in counts.items() if count})


def register() -> None:
    """Put the holders into the registry."""
    consent = ConsentHolder()
    registry.register(AnswersHolder(), place=60)
    registry.register(PendingFilesHolder(), place=65)
    registry.register(CopiesHolder(), place=70)
    registry.register(consent, place=90)
    registry.register_index("consent", consent)


def _delete_consent(person: Person) -> list[str] | None:
    """Delete the state and a page of the ledger; return the events' sources, None at the end."""
    where: Mapping[str, Any] = {
        "business": tenancy.current_id(),
        "addresses": sorted(person.address_keys),
        "limit": BATCH,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_STATES, where)
        states = cursor.rowcount
        cursor.execute(_DELETE_EVENTS, where)
        sources = [source for (source,) in cursor.fetchall()]
        return sources if states or sources else None


_DELETE_STATES: Final = (
    "DELETE FROM compliance_consent "
    "WHERE business_id = %(business)s AND address = ANY(%(addresses)s)"
)
# The ledger is append-only; an erasure says that it is one.
_DELETE_EVENTS: Final = (
    "DELETE FROM compliance_consentevent WHERE id IN (SELECT id FROM compliance_consentevent "
    "WHERE business_id = %(business)s AND address = ANY(%(addresses)s) LIMIT %(limit)s) "
    "AND set_config('switchboard.erasing', 'on', true) = 'on' RETURNING source"
)


def _words(person: Person) -> tuple[str, ...]:
    return (*sorted(person.needles), *(str(one) for one in sorted(person.contacts)))


def _after(rows: Any, cursor: str) -> Any:
    return rows.filter(id__gt=cursor) if cursor else rows


def _mentions(row: IdempotencyRecord, words: tuple[str, ...]) -> bool:
    """Say whether an answer or its key names the person; one no key opens is better gone."""
    try:
        body = crypto.decrypt(bytes(row.body).decode()) if row.body else ""
    except DecryptionFailed:
        return True
    # A number may be written with blanks between, as in the name of a file.
    digits = digits_in(f"{row.key} {body}")
    return any(word in body or word in row.key or word in digits for word in words)
