"""Consent from a file: look at every row first, then write what was understood.

A preview writes nothing. A row is one person: their number or Meta user id, whether they agreed,
for what, when, and the words. An opt-in without its date yields to any dated opt-out, so that an
old list brings nobody back. Files of more rows than `MOST_ROWS` come in with the contacts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice, product
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

from accounts.models import Business, User
from compliance import audit, consent, consent_rows, persons, zones
from compliance.cells import RowRefused
from compliance.consent import ConsentRow
from compliance.consent_rows import Said
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope
from compliance.privacy import suppression
from config.lib import deadlocks, tables
from config.lib.errors import InvalidInput
from config.lib.tables import UnreadableFile

MOST_BYTES: Final = 9 * 1024 * 1024
MOST_ROWS: Final = 20_000
SHOWN_ROWS: Final = 50
SHOWN_ERRORS: Final = 500
# Of a workbook, held in memory while a page waits: 800 a row.
_MOST_TEXT_BYTES: Final = 16 * 1024 * 1024
# Rows a transaction: each address of an opt-out holds a lock, and sends to it wait.
_PAGE: Final = 500

DUPLICATE: Final = "duplicate_in_file"
STAYS_OUT: Final = "stays_opted_out"

# Writes the rows of a page, given counts of it; returns how many events were new.
_Write = Callable[[Sequence[Said], Mapping[str, int]], int]


@dataclass(frozen=True, slots=True)
class Choices:
    """What is declared about every row that does not say it itself.

    `status` None: a row without a status is refused.
    """

    source: str
    scopes: tuple[Scope, ...] = (Scope.MARKETING,)
    status: ConsentStatus | None = None
    wording: str = ""
    language: str = ""
    region: str | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Line:
    """One row and what becomes of it: `opted_in`, `opted_out`, `stays_opted_out`, or refused."""

    row: int
    verdict: str
    address: str = ""
    scopes: tuple[str, ...] = ()
    occurred_at: datetime | None = None
    reason: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the row is left out."""
        return bool(self.reason) and self.verdict != STAYS_OUT


@dataclass(slots=True)
class Report:
    """What a file says and what was, or would be, written. `errors` has every refused row."""

    filename: str
    columns: Mapping[str, str]
    is_committed: bool = False
    rows: int = 0
    accepted: int = 0
    refused: int = 0
    events: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    sample: list[Line] = field(default_factory=list)
    errors: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Count a row, and show it if it is among the first or refused."""
        self.rows += 1
        self.verdicts[line.verdict] += 1
        if line.is_refused:
            self.refused += 1
            if len(self.errors) < SHOWN_ERRORS:
                self.errors.append(line)
        else:
            self.accepted += 1
        if len(self.sample) < SHOWN_ROWS:
            self.sample.append(line)


def choices_of(given: Mapping[str, Any], *, business: Business | None) -> Choices:
    """Return the choices of a form or request."""
    status = given.get("status")
    return Choices(
        source=given["source"],
        scopes=consent.expand(given["scope"]),
        status=ConsentStatus(status) if status else None,
        wording=given.get("wording", ""),
        language=given.get("language", ""),
        region=(business.region or None) if business else None,
        zone=(zones.find(business.time_zone) if business else None) or ZoneInfo("UTC"),
    )


def preview(*, file: IO[bytes], filename: str, choices: Choices, now: datetime) -> Report:
    """Say what an import would write. Raises `UnreadableFile` or `InvalidInput`."""
    return _run(file, filename, choices, now=now, write=None)


def commit(
    *,
    file: IO[bytes],
    filename: str,
    choices: Choices,
    by: User | None,
    now: datetime,
    keep_rights: Callable[[], object],
) -> Report:
    """Write what the file says, refused rows aside; the same dated file twice changes nothing.

    The whole file is read before the first row is written; then some hundred rows are written a
    transaction, each with its entry in the trail. Call it outside of a transaction. `keep_rights`
    begins each of them; what it raises ends the import, with the rows before it written. Raises as
    `preview`, and `Tangled`.
    """
    preview(file=file, filename=filename, choices=choices, now=now)
    digest = _digest(file)

    def write(said: Sequence[Said], counts: Mapping[str, int]) -> int:
        keep_rights()
        rows = _consents(said, digest=digest)
        done = consent.record_many(
            rows, source=ConsentEvent.Source.IMPORT, now=now, reason=choices.source, actor=by
        )
        audit.record(
            action="consent.imported",
            resource="consent",
            details={"sha256": digest, **counts, "events": done.events},
            actor=by,
        )
        return done.events

    return _run(file, filename, choices, now=now, write=write)


def _run(
    file: IO[bytes],
    filename: str,
    choices: Choices,
    *,
    now: datetime,
    write: _Write | None,
) -> Report:
    """Judge every row; write the good ones of a page in one transaction."""
    _check_size(file)
    dialect = tables.detect(file, most_text_bytes=_MOST_TEXT_BYTES)
    with tables.rows(file, dialect) as source:
        header = next(source, None)
        if header is None:
            raise UnreadableFile("The file has no rows.")
        reader = consent_rows.Reader(header[1], choices, now=now)
        report = Report(filename, reader.mapping, is_committed=write is not None)
        seen: set[tuple[object, ...]] = set()
        for page in _pages(source):
            said = _judge(page, reader, report, seen)
            if write is not None:
                counts = {"first_row": page[0][0], "rows": len(page), "written": len(said)}
                report.events += deadlocks.retry(partial(write, said, counts))
    if not report.rows:
        raise UnreadableFile("The file has a header and no rows below it.")
    return report


def _check_size(file: IO[bytes]) -> None:
    size = file.seek(0, 2)
    file.seek(0)
    if size > MOST_BYTES:
        limit = MOST_BYTES // (1 << 20)
        raise InvalidInput(f"The file is larger than {limit} MB.", code="max_length", attr="file")


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    made = hashlib.sha256()
    while chunk := file.read(1 << 20):
        made.update(chunk)
    return made.hexdigest()


def _pages(source: Iterator[tables.Row]) -> Iterator[list[tables.Row]]:
    count = 0
    while page := list(islice(source, _PAGE)):
        count += len(page)
        if count > MOST_ROWS:
            raise InvalidInput(
                f"The file has more than {MOST_ROWS:,} rows. Split it, or import it with the "
                "contacts.",
                code="max_length",
                attr="file",
            )
        yield page


def _judge(
    page: Sequence[tables.Row],
    reader: consent_rows.Reader,
    report: Report,
    seen: set[tuple[object, ...]],
) -> list[Said]:
    """Add the verdict on each row to the report; return the rows to write."""
    found: list[Said | Line] = []
    for number, row in page:
        try:
            said = reader.read(number, row)
            if said.facts in seen:
                raise RowRefused(DUPLICATE, "An earlier row says the same of this person.")
            seen.add(said.facts)
            found.append(said)
        except RowRefused as error:
            found.append(Line(number, error.verdict, reason=error.reason))
    usable = [one for one in found if isinstance(one, Said)]
    out = _standing_opt_outs(usable)
    for one in found:
        report.add(_line(one, out) if isinstance(one, Said) else one)
    return usable


def _line(said: Said, out: Mapping[tuple[str, str], datetime]) -> Line:
    verdict, reason = said.status.value, ""
    if said.status == ConsentStatus.OPTED_IN:
        refused = [at for scope in said.scopes if (at := out.get((said.address, scope)))]
        if any(said.at is None or at >= said.at for at in refused):
            verdict = STAYS_OUT
            reason = "The person said no later than the row says yes; they stay opted out."
    return Line(said.row, verdict, said.address, said.scopes, said.at, reason)


def _standing_opt_outs(said: Sequence[Said]) -> dict[tuple[str, str], datetime]:
    """Return when people of these rows opted out, by address and scope, over all addresses."""
    keys = persons.keys_of_many([one.address for one in said])
    owners: dict[str, list[str]] = {}
    for address, same in keys.items():
        for key in same:
            owners.setdefault(key, []).append(address)
    rows = Consent.objects.filter(address__in=list(owners), status=ConsentStatus.OPTED_OUT)
    found: dict[tuple[str, str], datetime] = {}
    for key, scope, at in rows.values_list("address", "scope", "changed_at"):
        for address in owners[key]:
            found[address, scope] = max(at, found.get((address, scope), at))
    # Who was erased is opted out as soon as their address is back.
    for key, erased in suppression.find(list(owners)).items():
        for address, scope in product(owners[key], Scope.values):
            at = erased.erased_at
            found[address, scope] = max(at, found.get((address, scope), at))
    return found


def _consents(said: Sequence[Said], *, digest: str) -> list[ConsentRow]:
    """Return what is written, holding who opts out.

    The file is known by its digest: its name may tell of others.
    """
    keys = _keys_of(said)
    return [
        ConsentRow(
            addresses=keys[one.status, one.address],
            scopes=[Scope(scope) for scope in one.scopes],
            status=one.status,
            occurred_at=one.at,
            wording=one.wording,
            language=one.language,
            evidence={
                "kind": "file_row",
                "row": one.row,
                "sha256": digest,
                "cells": dict(one.rest),
            },
        )
        for one in said
    ]


def _keys_of(said: Sequence[Said]) -> dict[tuple[ConsentStatus, str], list[str]]:
    """Return what each row is filed under; an opt-out also reaches who has left the address."""
    outs = [one.address for one in said if one.status == ConsentStatus.OPTED_OUT]
    held = persons.hold_many(lambda: list(persons.keys_to_stop_many(outs).values()))
    found = {(ConsentStatus.OPTED_OUT, keys[0]): keys for keys in held}
    ins = [one.address for one in said if one.status != ConsentStatus.OPTED_OUT]
    known = persons.keys_of_many(ins)
    return found | {(ConsentStatus.OPTED_IN, address): keys for address, keys in known.items()}
