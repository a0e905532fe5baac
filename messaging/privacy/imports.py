"""Files of contacts the person came with.

A file that was read to its end is of no more use: it goes as a whole, and its name with it. One
that waits to be imported would bring the person back: it goes too, and the import says what to do.
A name that tells of the person goes from every import, whatever stands in the file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from compliance.privacy.registry import File, Later, Person, Rows, Step
from config.lib import paging, storage, tables
from config.lib.addresses import digits_in
from config.lib.tables import UnreadableFile
from messaging.contacts.choices import Choices
from messaging.contacts.models import Contact, ContactImport

Status = ContactImport.Status

STOPPED: Final = "Somebody in this file was erased. Upload it again without them."
# A national spelling lacks the country code; so many last digits tell people apart.
_TELLING_DIGITS: Final = 8
# A name of fewer letters is part of too many words to tell of anybody.
_TELLING_LETTERS: Final = 3
# Each import may hold a preview of fifty rows.
_PAGE: Final = 50


class ImportsHolder:
    """Uploaded files, files of refused rows, and the first rows kept for the preview."""

    name = "imports"
    title = "Files of contacts"
    explanation = (
        "Every file the person stands in is deleted, and every name of a file that tells of them; "
        "the import keeps its counts."
    )

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield the person's rows as they stand in the files."""
        found = [row for held in _imports() for row in _readable(held, person)]
        if found:
            yield Rows(self.name, found)

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Look into one file a step."""
        if not person.needles:
            return
        names = _names_of(person)
        for held in _imports(after=cursor):
            reading = _Reading(held, person)
            yield Step(look=reading.find)
            if reading.has_found:
                counts = _clear(held, person, names, now)
            else:
                counts = _unname(held, person, names)
            yield Step(counts, str(held.pk))


@dataclass(slots=True)
class _Reading:
    """Whether a person stands in a file; found out while no transaction is open."""

    held: ContactImport
    person: Person
    has_found: bool = False

    def find(self) -> None:
        self.has_found = _stands_in(self.held, self.person)


def delete_files(held: ContactImport) -> int:
    """Delete the files of an import, and what the file was called; return how many there were."""
    paths = [path for path in (held.file, held.refused_file) if path]
    for path in paths:
        with suppress(FileNotFoundError):
            storage.media().delete(path)
    ContactImport.objects.filter(pk=held.pk).update(
        file="", refused_file="", sample=[], filename=""
    )
    return len(paths)


def _imports(*, after: str = "") -> Iterator[ContactImport]:
    rows = ContactImport.objects.all()
    return paging.by_key(rows.filter(pk__gt=after) if after else rows, size=_PAGE)


def _clear(
    held: ContactImport, person: Person, names: Collection[str], now: datetime
) -> dict[str, int]:
    rows = ContactImport.objects.select_for_update(of=("self",))
    current: ContactImport | None = rows.filter(pk=held.pk).first()
    if current is None:
        return {}  # discarded meanwhile
    if current.status == Status.IMPORTING:
        raise Later("A file of contacts is just being imported.")
    if current.status not in {Status.DONE, Status.FAILED}:
        ContactImport.objects.filter(pk=held.pk).update(
            status=Status.FAILED, error=STOPPED, finished_at=now
        )
    # A first row without names was taken for names of columns.
    if any(_is_named([one], person) or _tells_of(one, person, names) for one in current.columns):
        ContactImport.objects.filter(pk=held.pk).update(columns=[], mapping={})
    return {"files": delete_files(current), "imports": 1}


def _unname(held: ContactImport, person: Person, names: Collection[str]) -> dict[str, int]:
    if not _tells_of(held.filename, person, names):
        return {}
    return {"names": ContactImport.objects.filter(pk=held.pk).update(filename="")}


def _names_of(person: Person) -> list[str]:
    rows = Contact.objects.filter(pk__in=sorted(person.contacts))
    said = {_plain(name) for row in rows.values_list("name", "username") for name in row}
    return sorted(name for name in said if len(name) >= _TELLING_LETTERS)


def _tells_of(text: str, person: Person, names: Collection[str]) -> bool:
    """Say whether a free text names the person, or a number or user id of theirs."""
    digits, plain = digits_in(text), _plain(text)
    return any(f" {name} " in f" {plain} " for name in names) or any(
        one[-_TELLING_DIGITS:] in digits if one.isdigit() else _plain(one) in plain
        for one in person.needles
    )


def _plain(text: str) -> str:
    """Return the words of a text in lower case, without accents, a space between."""
    split = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(char for char in split if not unicodedata.combining(char))
    return " ".join(re.sub(r"[\W_]+", " ", kept).split())


def _stands_in(held: ContactImport, person: Person) -> bool:
    if any(_is_named(one.get("cells", ()), person) for one in held.sample):
        return True
    try:
        return next(_rows_of(held, person), None) is not None
    except UnreadableFile:
        # Nobody can tell who stands in it, and it is of no use.
        return True


def _readable(held: ContactImport, person: Person) -> Iterator[dict[str, str]]:
    with suppress(UnreadableFile):
        yield from _rows_of(held, person)


def _rows_of(held: ContactImport, person: Person) -> Iterator[dict[str, str]]:
    if not held.file:
        return
    with (
        suppress(FileNotFoundError),
        storage.media().open(held.file) as file,
        tables.rows(file, Choices.of(held.options).dialect) as source,
    ):
        for _, cells in source:
            if _is_named(cells, person):
                told = dict(zip(held.columns, cells, strict=False))
                yield {"import": str(held.pk), **told}


def _is_named(cells: Any, person: Person) -> bool:
    return any(_is_address(str(cell), person) for cell in cells if cell)


def _is_address(cell: str, person: Person) -> bool:
    """Say whether a cell is an address of the person, also without its country code."""
    if cell in person.addresses:
        return True
    if len(cell) > 64:
        return False
    digits = digits_in(cell).lstrip("0")
    if len(digits) < _TELLING_DIGITS:
        return False
    return any(
        one.isdigit() and (one.endswith(digits) or digits.endswith(one)) for one in person.needles
    )
