"""What one row of a file says about one person, or why it says nothing usable. Pure.

    created, updated             the contact is imported
    imported_without_consent     imported; the row has no consent, or one nobody can read
    consent_withdrawn            imported; the row says no, so an opt-out is recorded
    stays_opted_out              imported; the person said no later than the row says yes
    invalid_phone, invalid_bsuid, missing_address, duplicate_in_file, name_too_long,
    value_too_long, unknown_language, invalid_tag, invalid_consent_date,
    invalid_consent_scope        refused, with a reason

The first five are decided against the database, by `pages`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from compliance.cells import (
    RowRefused,
    past,
    read_consent,
    read_instant,
    read_language,
    read_phone,
    read_scopes,
)
from compliance.models import ConsentStatus, Scope
from config.lib import addresses
from config.lib.errors import InvalidInput
from messaging.contacts import columns, tags

CREATED: Final = "created"
UPDATED: Final = "updated"
WITHOUT_CONSENT: Final = "imported_without_consent"
WITHDRAWN: Final = "consent_withdrawn"
STAYS_OUT: Final = "stays_opted_out"
DUPLICATE: Final = "duplicate_in_file"
IMPORTED: Final = frozenset({CREATED, UPDATED, WITHOUT_CONSENT, WITHDRAWN, STAYS_OUT})

LONGEST_NAME: Final = 200
LONGEST_VALUE: Final = 1000
LONGEST_WORDING: Final = 2000


@dataclass(frozen=True, slots=True)
class Rules:
    """How the rows of one file are to be read: the operator's choices, made once."""

    mapping: Mapping[str, str]
    columns: Sequence[str]
    region: str | None
    zone: ZoneInfo
    now: datetime
    consent_scopes: tuple[Scope, ...] = (Scope.MARKETING, Scope.UTILITY)
    consent_wording: str = ""
    consent_at: datetime | None = None
    everyone_agreed: bool = False


@dataclass(frozen=True, slots=True)
class Consenting:
    """What a row says about consent. `status` None: nothing, or nothing anyone can read."""

    status: ConsentStatus | None = None
    scopes: tuple[Scope, ...] = ()
    at: datetime | None = None
    wording: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A usable row."""

    number: int
    phone: str = ""
    phone_key: str = ""
    bsuid: str = ""
    name: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    consent: Consenting = field(default_factory=Consenting)
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for key in (self.phone_key, self.bsuid) if key)


class RowReader:
    """Reads the rows of one file by its rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._single = {
            rules.mapping[column]: index
            for index, column in enumerate(rules.columns)
            if rules.mapping.get(column) not in (None, columns.ATTRIBUTE, columns.IGNORE, "tags")
        }
        self._tags = self._indexes("tags")
        self._attributes = [
            (columns.attribute_name(rules.columns[index]), index)
            for index in self._indexes(columns.ATTRIBUTE)
        ]

    def read(self, number: int, cells: Sequence[str]) -> Entry:
        """Return what the row says; raises `RowRefused`."""
        phone, bsuid = self._addresses(cells)
        return Entry(
            number=number,
            phone=phone,
            phone_key=addresses.phone_key(phone) if phone else "",
            bsuid=bsuid,
            name=self._name(cells),
            language=read_language(self._cell(cells, "language")),
            tags=self._read_tags(cells),
            consent=self._consent(cells),
            attributes=self._read_attributes(cells),
        )

    def _indexes(self, target: str) -> list[int]:
        mapped = [self._rules.mapping.get(column) for column in self._rules.columns]
        return [index for index, given in enumerate(mapped) if given == target]

    def _cell(self, cells: Sequence[str], target: str) -> str:
        index = self._single.get(target)
        return cells[index] if index is not None and index < len(cells) else ""

    def _addresses(self, cells: Sequence[str]) -> tuple[str, str]:
        phone, bsuid = self._cell(cells, "phone"), self._cell(cells, "bsuid")
        if addresses.is_bsuid(phone) and not bsuid:
            phone, bsuid = "", phone
        if bsuid and not addresses.is_bsuid(bsuid):
            raise RowRefused(
                "invalid_bsuid", "The Meta user id is not valid: it looks like ES.1234567890."
            )
        if not phone and not bsuid:
            raise RowRefused(
                "missing_address", "The row has neither a phone number nor a Meta user id."
            )
        return (read_phone(phone, region=self._rules.region) if phone else ""), bsuid

    def _name(self, cells: Sequence[str]) -> str:
        full = self._cell(cells, "name")
        parts = (self._cell(cells, "first_name"), self._cell(cells, "last_name"))
        name = _one_line(full or " ".join(part for part in parts if part))
        if len(name) > LONGEST_NAME:
            raise RowRefused("name_too_long", f"The name is longer than {LONGEST_NAME} characters.")
        return name

    def _read_tags(self, cells: Sequence[str]) -> tuple[str, ...]:
        text = ",".join(cells[index] for index in self._tags if index < len(cells))
        words = [word for word in re.split(r"[,;|\n]", text) if word.strip()]
        try:
            return tuple(dict.fromkeys(tags.normalise(word) for word in words))
        except InvalidInput as error:
            raise RowRefused("invalid_tag", error.detail) from error

    def _read_attributes(self, cells: Sequence[str]) -> dict[str, str]:
        values = {
            name: cells[index]
            for name, index in self._attributes
            if index < len(cells) and cells[index]
        }
        for name, value in values.items():
            if len(value) > LONGEST_VALUE:
                raise RowRefused(
                    "value_too_long", f"{name} is longer than {LONGEST_VALUE} characters."
                )
        return values

    def _consent(self, cells: Sequence[str]) -> Consenting:
        rules = self._rules
        text = self._cell(cells, "consent")
        status, dated = read_consent(text, zone=rules.zone)
        if status is None and not text and rules.everyone_agreed:
            status = ConsentStatus.OPTED_IN
        if at := self._consent_at(cells) or dated or rules.consent_at:
            at = past(at, status=status or ConsentStatus.OPTED_IN, now=rules.now)
        if status is None:
            remark = f'"{text[:40]}" says neither yes nor no.' if text else ""
            return Consenting(remark=remark)
        named = read_scopes(self._cell(cells, "consent_scope"))
        default = rules.consent_scopes if status == ConsentStatus.OPTED_IN else tuple(Scope)
        return Consenting(
            status=status,
            scopes=named or default,
            at=at,
            wording=(self._cell(cells, "consent_wording") or rules.consent_wording)[
                :LONGEST_WORDING
            ],
        )

    def _consent_at(self, cells: Sequence[str]) -> datetime | None:
        text = self._cell(cells, "consent_at")
        if not text:
            return None
        at = read_instant(text, zone=self._rules.zone)
        if at is None:
            raise RowRefused(
                "invalid_consent_date",
                f'"{text[:40]}" is no date; write it as 2026-01-31 or 31/01/2026.',
            )
        return at


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def as_json(entry: Entry) -> dict[str, Any]:
    """Return what the preview shows of a usable row."""
    return {
        "phone": entry.phone,
        "bsuid": entry.bsuid,
        "name": entry.name,
        "consent": entry.consent.status or "",
    }
