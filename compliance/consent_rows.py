"""What one row of a file of consents says about one person, or why it says nothing usable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from compliance import cells, vocabulary
from compliance.cells import RowRefused
from compliance.models import ConsentStatus, Scope
from config.lib import addresses
from config.lib.errors import InvalidInput

LONGEST_WORDING: Final = 4000
_LONGEST_CELL: Final = 200
_MOST_CELLS: Final = 20
_TARGETS: Final = (
    "phone", "bsuid", "consent", "consent_at", "consent_scope", "consent_wording", "language",
)  # fmt: skip
# Headers of our own export and of the API, beside those other programs write.
_OWN: Final[Mapping[str, str]] = {
    "address": "phone",
    "status": "consent",
    "state": "consent",
    "occurredat": "consent_at",
    "date": "consent_at",
    "when": "consent_at",
    "fecha": "consent_at",
    "data": "consent_at",
    "datum": "consent_at",
    "wording": "consent_wording",
}


class Declared(Protocol):
    """What is declared about rows that do not say it themselves."""

    @property
    def scopes(self) -> tuple[Scope, ...]: ...
    @property
    def status(self) -> ConsentStatus | None: ...
    @property
    def wording(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def region(self) -> str | None: ...
    @property
    def zone(self) -> ZoneInfo: ...


@dataclass(frozen=True, slots=True)
class Said:
    """A usable row. `at` None: it does not say when. `rest` is what other columns hold."""

    row: int
    address: str
    status: ConsentStatus
    scopes: tuple[str, ...]
    at: datetime | None = None
    wording: str = ""
    language: str = ""
    rest: Mapping[str, str] = field(default_factory=dict)

    @property
    def facts(self) -> tuple[object, ...]:
        """What makes two rows say the same."""
        return self.address, self.status, self.scopes, self.at


class Reader:
    """Reads the rows below one header. Raises `InvalidInput` when no column holds an address."""

    def __init__(self, header: Sequence[str], declared: Declared, *, now: datetime) -> None:
        self._declared = declared
        self._now = now
        self._names = [name.lstrip("\ufeff").strip() or f"Column {n}"
                       for n, name in enumerate(header, start=1)]  # fmt: skip
        self._index: dict[str, int] = {}
        for index, name in enumerate(self._names):
            if target := target_of(name):
                self._index.setdefault(target, index)
        if not {"phone", "bsuid"} & set(self._index):
            raise InvalidInput(
                "The first row has to name the columns; one of them phone_number or bsuid.",
                code="no_address_column",
                attr="file",
            )
        if "consent" not in self._index and declared.status is None:
            raise InvalidInput(
                "No column says who agreed. Add one named status, or say it for the whole file.",
                code="no_status_column",
                attr="status",
            )

    @property
    def mapping(self) -> dict[str, str]:
        """What each column was taken for."""
        targets = {index: target for target, index in self._index.items()}
        return {name: targets.get(n, "evidence") for n, name in enumerate(self._names)}

    def read(self, number: int, row: Sequence[str]) -> Said:
        """Return what the row says; raises `RowRefused`."""
        status, dated = self._status(row)
        at = self._at(row) or dated
        return Said(
            row=number,
            address=self._address(row),
            status=status,
            scopes=self._scopes(row),
            at=cells.past(at, status=status, now=self._now) if at else None,
            wording=self._text(row, "consent_wording", LONGEST_WORDING) or self._declared.wording,
            language=cells.read_language(self._cell(row, "language")) or self._declared.language,
            rest=self._rest(row),
        )

    def _cell(self, row: Sequence[str], target: str) -> str:
        index = self._index.get(target)
        return row[index].strip() if index is not None and index < len(row) else ""

    def _address(self, row: Sequence[str]) -> str:
        phone, bsuid = self._cell(row, "phone"), self._cell(row, "bsuid")
        given = bsuid or phone
        if addresses.is_bsuid(given):
            return given
        if bsuid:
            raise RowRefused(
                "invalid_bsuid", "The Meta user id is not valid: it looks like ES.1234567890."
            )
        if not phone:
            raise RowRefused(
                "missing_address", "The row has neither a phone number nor a Meta user id."
            )
        return addresses.phone_key(cells.read_phone(phone, region=self._declared.region))

    def _status(self, row: Sequence[str]) -> tuple[ConsentStatus, datetime | None]:
        text = self._cell(row, "consent")
        if not text:
            if self._declared.status is None:
                raise RowRefused("missing_status", "The row does not say whether they agreed.")
            return self._declared.status, None
        status, dated = cells.read_consent(text, zone=self._declared.zone)
        if status is None:
            raise RowRefused(
                "invalid_status", f'"{text[:40]}" is neither opted_in nor opted_out, yes nor no.'
            )
        return status, dated

    def _scopes(self, row: Sequence[str]) -> tuple[str, ...]:
        text = self._cell(row, "consent_scope")
        scopes = cells.read_scopes(text) if text else self._declared.scopes
        return tuple(sorted(scope.value for scope in scopes or self._declared.scopes))

    def _at(self, row: Sequence[str]) -> datetime | None:
        text = self._cell(row, "consent_at")
        if not text:
            return None
        at = cells.read_instant(text, zone=self._declared.zone)
        if at is None:
            raise RowRefused(
                "invalid_consent_date",
                f'"{text[:40]}" is no date; write it as 2026-01-31 or 31/01/2026.',
            )
        return at

    def _text(self, row: Sequence[str], target: str, longest: int) -> str:
        text = self._cell(row, target)
        if len(text) > longest:
            raise RowRefused("value_too_long", f"The wording has more than {longest} characters.")
        return text

    def _rest(self, row: Sequence[str]) -> dict[str, Any]:
        """Keep what other columns hold: where the consent came from, an id, an IP address."""
        taken = set(self._index.values())
        kept = [(name, row[n]) for n, name in enumerate(self._names) if n < len(row)
                and n not in taken and row[n]]  # fmt: skip
        return {name[:80]: value[:_LONGEST_CELL] for name, value in kept[:_MOST_CELLS]}


def target_of(name: str) -> str | None:
    """Return what a column of this header holds; None for one of no use here."""
    word = _word(name)
    if word in _OWN:
        return _OWN[word]
    return next((one for one in _TARGETS if word in vocabulary.COLUMNS.get(one, ())), None)


def _word(text: str) -> str:
    """Return the letters of a header, lower case, without accents."""
    split = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(char for char in split if not unicodedata.combining(char))
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", plain))
