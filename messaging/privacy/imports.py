"""Files of contacts the person came with.

A file that was read to its end is of no more use: it goes as a whole. One that waits to be imported
would bring the person back: it goes too, and the import says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from compliance.privacy.registry import File, Later, Person, Rows, Step
from config.lib import storage, tables
from config.lib.addresses import digits_in
from config.lib.tables import UnreadableFile
from messaging.contacts.choices import Choices
from messaging.contacts.models import ContactImport

Status = ContactImport.Status

STOPPED: Final = "Somebody in this file was erased. Upload it again without them."
# A national spelling lacks the country code; so many last digits tell people apart.
_TELLING_DIGITS: Final = 8


class ImportsHolder:
    """Uploaded files, files of refused rows, and the first rows kept for the preview."""

    name = "imports"
    title = "Files of contacts"
    explanation = "Every file the person stands in is deleted; the import keeps its counts."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield the person's rows as they stand in the files."""
        found = [row for held in _imports() for row in _readable(held, person)]
        if found:
            yield Rows(self.name, found)

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Look into one file a step."""
        if not person.needles:
            return
        for held in _imports():
            if str(held.pk) <= cursor:
                continue
            yield Step(_clear(held, now) if _stands_in(held, person) else {}, str(held.pk))


def delete_files(held: ContactImport) -> int:
    """Delete the files of an import; return how many there were."""
    paths = [path for path in (held.file, held.refused_file) if path]
    for path in paths:
        with suppress(FileNotFoundError):
            storage.media().delete(path)
    ContactImport.objects.filter(pk=held.pk).update(file="", refused_file="", sample=[])
    return len(paths)


def _imports() -> Any:
    return ContactImport.objects.order_by("id")


def _clear(held: ContactImport, now: datetime) -> dict[str, int]:
    current: ContactImport = ContactImport.objects.select_for_update(of=("self",)).get(pk=held.pk)
    if current.status == Status.IMPORTING:
        raise Later("A file of contacts is just being imported.")
    if current.status not in {Status.DONE, Status.FAILED}:
        ContactImport.objects.filter(pk=held.pk).update(
            status=Status.FAILED, error=STOPPED, finished_at=now
        )
    return {"files": delete_files(current), "imports": 1}


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
                yield {"file": held.filename, **dict(zip(held.columns, cells, strict=False))}


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
