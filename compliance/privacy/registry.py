"""Who holds data about people. Every app registers its holders when it starts.

A holder knows one store: it gives out what it holds about a person, and erases it in steps. Each
step runs in a transaction of its own that also notes how far the erasure got; a step that ran
before finds nothing more to do. Files go before the row that names them, so that a kill in
between leaves the row, and the next try finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Any, Final, Protocol
from uuid import UUID

import orjson

from config.lib import addresses

BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Person:
    """All that somebody is known by in the business in scope.

    `keys` are address keys as consent is filed under; `spellings` every other way a store may
    write an address; `contacts` ids of their contacts.
    """

    keys: frozenset[str]
    spellings: frozenset[str] = frozenset()
    contacts: frozenset[UUID] = frozenset()

    @property
    def addresses(self) -> frozenset[str]:
        """Every address in every spelling."""
        return self.keys | self.spellings

    @property
    def address_keys(self) -> frozenset[str]:
        """Every address as consent may have been filed under, former ones too."""
        return frozenset(
            one if addresses.is_bsuid(one) else addresses.phone_key(one)
            for one in self.addresses
            if one
        )

    @property
    def needles(self) -> frozenset[str]:
        """What stands for the person inside longer text: digits without "+", Meta's user ids."""
        return frozenset(one.removeprefix("+") for one in self.addresses if one)

    def joined(self, other: Person) -> Person:
        """Return the person with what another look found."""
        return Person(
            self.keys | other.keys,
            self.spellings | other.spellings,
            self.contacts | other.contacts,
        )

    def without_contacts(self, gone: Iterable[UUID]) -> Person:
        """Return the person as known once these contacts are no more."""
        return replace(self, contacts=self.contacts - frozenset(gone))

    def to_json(self) -> str:
        """Return the person as text."""
        return orjson.dumps(
            {
                "keys": sorted(self.keys),
                "spellings": sorted(self.spellings),
                "contacts": sorted(str(one) for one in self.contacts),
            }
        ).decode()

    @classmethod
    def from_json(cls, text: str) -> Person:
        """Read what `to_json` wrote."""
        told = orjson.loads(text)
        return cls(
            frozenset(told["keys"]),
            frozenset(told["spellings"]),
            frozenset(UUID(one) for one in told["contacts"]),
        )

    @property
    def label(self) -> str:
        """An address without its middle, to tell people apart on a page."""
        phones = sorted(key for key in self.keys if not addresses.is_bsuid(key))
        return addresses.mask((phones or sorted(self.keys))[0])


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of an export, as plain values."""

    name: str
    rows: Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class File:
    """A file of an export."""

    name: str
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction of an erasure did, and where to go on after a kill.

    `look` is done with no transaction open before the next step, which needs what it finds: a file
    may be far away. `found` is the person under addresses they did not have when the erasure
    began: it goes through every store once more before it comes back to this one.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    cursor: str = ""
    look: Callable[[], None] | None = None
    found: Person | None = None


class Later(Exception):
    """Raise when a store cannot be cleared just now; the erasure asks again."""


class DataHolder(Protocol):
    """One store of data about people. `explanation` says in a sentence what becomes of it."""

    name: str
    title: str
    explanation: str

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield all that is held about the person."""

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Erase it, one bounded transaction a step, going on behind `cursor`."""


class Index(Protocol):
    """Finds people: by an address, and all that are held, for the replay after a restore."""

    def widen(self, person: Person) -> Person:
        """Add all other addresses and contacts of the person."""

    def everybody(self) -> Iterator[Person]:
        """Yield everybody who is held in the business in scope, in bounded memory."""


_holders: dict[str, tuple[int, DataHolder]] = {}
_indexes: dict[str, Index] = {}
_WIDEST: Final = 5


def register(holder: DataHolder, *, place: int) -> None:
    """Add a holder; those of a lower `place` are erased first."""
    _holders[holder.name] = (place, holder)


def register_index(name: str, index: Index) -> None:
    """Add something that finds people."""
    _indexes[name] = index


def holders() -> list[DataHolder]:
    """Return the holders in the order of an erasure."""
    return [holder for _, holder in sorted(_holders.values(), key=lambda one: one[0])]


def identify(person: Person) -> Person:
    """Return the person with everything they are known by."""
    for _ in range(_WIDEST):
        wider = person
        for index in _indexes.values():
            wider = wider.joined(index.widen(wider))
        if wider == person:
            break
        person = wider
    return person


def everybody() -> Iterator[Person]:
    """Yield everybody any index knows; the same person may come more than once."""
    for index in _indexes.values():
        yield from index.everybody()
