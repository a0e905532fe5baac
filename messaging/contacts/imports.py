"""Bring a file of contacts in: look at it, judge every row, write it page by page.

    create > run (preview) > configure, again and again > commit > run (pages) > done

Nothing is written about anybody before `commit`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import PurePath
from typing import IO, Any, Final
from uuid import UUID

from django.core.files import File
from django.db import transaction

from accounts import tenancy
from accounts.models import Business, User
from compliance import audit
from config.lib import moments, outward, storage, tables
from config.lib.errors import Conflict
from config.lib.ids import new_id
from config.lib.outward import KeepRights, nobodys_rights
from config.lib.tables import UnreadableFile
from messaging.contacts import columns, lists
from messaging.contacts.choices import Choices
from messaging.contacts.importing import PREVIEW_ROWS, enqueue, locked, resume_stalled, run
from messaging.contacts.models import ContactImport

__all__ = [
    "NotReady",
    "commit",
    "configure",
    "create",
    "discard",
    "look_again",
    "open_refused",
    "resume_stalled",
    "run",
]

Status = ContactImport.Status

_CHANGEABLE: Final = frozenset({Status.UPLOADED, Status.PREVIEWING, Status.READY})


class NotReady(Conflict):
    """The import is not in a state that allows this."""

    code = "import_not_ready"


def create(
    *,
    file: IO[bytes],
    filename: str,
    by: User | None,
    choices: Mapping[str, Any] | None = None,
    now: datetime,
    keep_rights: KeepRights = nobodys_rights,
) -> ContactImport:
    """Keep the file, find out how it is written, guess its columns, and order a preview.

    Raises `UnreadableFile`, or `InvalidInput` for a choice that cannot be. Writes to the media
    storage: call it outside of a transaction; the one that notes the import begins with
    `keep_rights`.
    """
    sha256 = _checksum(file)
    made = ContactImport(
        id=new_id(),
        business_id=tenancy.current_id(),
        filename=PurePath(filename.replace("\\", "/")).name.replace("\x00", "")[-200:] or "file",
        sha256=sha256,
        created_by=by,
        progress_at=now,
    )
    found = Choices(dialect=tables.detect(file))
    first, sample = _look(file, found)
    found = Choices(dialect=found.dialect, has_header=columns.has_header(first))
    _describe(made, found.changed(choices or {}), first, sample)
    file.seek(0)
    made.file = storage.media().save(
        f"imports/{made.business_id}/{made.pk}.{found.dialect.kind}", File(file)
    )
    try:
        outward.write(partial(_note, made), keep_rights=keep_rights)
    except Exception:
        storage.media().delete(made.file)
        raise
    return made


@dataclass(frozen=True, slots=True)
class Look:
    """The first rows of a file, as `configure` needs them, and the choices they were read for."""

    choices: Choices
    first: list[str]
    sample: list[list[str]]


def look_again(contact_import: ContactImport, changes: Mapping[str, Any]) -> Look | None:
    """Read the file's first rows where these changes mean its columns are to be guessed anew.

    Call it outside of a transaction: the file may be far away. Raises `InvalidInput`, or `NotReady`
    when the file is gone. An import that `configure` will refuse is not looked at.
    """
    before = Choices.of(contact_import.options)
    choices = before.changed(changes)
    is_open = contact_import.status in _CHANGEABLE and contact_import.file
    if not is_open or not _reads_otherwise(before, choices):
        return None
    try:
        with storage.media().open(contact_import.file) as file:
            return Look(before, *_look(file, choices))
    except FileNotFoundError as error:
        raise NotReady("The file is not stored any more. Upload it again.") from error


def configure(
    contact_import: ContactImport,
    *,
    mapping: Mapping[str, object] | None = None,
    changes: Mapping[str, Any] | None = None,
    look: Look | None = None,
    now: datetime,
) -> ContactImport:
    """Correct what columns mean or how the file is read, and order a new preview.

    `look` is what `look_again` returned for these changes. Raises `NotReady` once the import has
    begun or when somebody else changed it meanwhile, `InvalidInput` naming column or option.
    """
    with transaction.atomic():
        held = locked(contact_import.pk)
        if held.status not in _CHANGEABLE:
            raise NotReady("The import has begun; it can no longer be changed.")
        before = Choices.of(held.options)
        choices = before.changed(changes or {})
        if _reads_otherwise(before, choices):
            if look is None or look.choices != before:
                raise NotReady("Somebody else changed the import at this moment. Try again.")
            _describe(held, choices, look.first, look.sample)
        if mapping is not None:
            held.mapping = columns.checked(mapping, held.columns)
        held.options = {**choices.as_json(), "revision": choices.revision + 1, "resumes": 0}
        _start(held, Status.UPLOADED, now)
        _drop_refused(held)
        held.rows_total, held.sample, held.refused_file = 0, [], ""
        held.save()
        enqueue(held)
    return held


def commit(contact_import: ContactImport, *, by: User | None, now: datetime) -> ContactImport:
    """Begin to write: makes the list, then works in the background.

    Raises `NotReady` before the preview is through, `InvalidInput` when no column holds an
    address. Asking again while it runs or after it is done changes nothing.
    """
    with transaction.atomic():
        held = locked(contact_import.pk)
        if held.status in {Status.IMPORTING, Status.DONE}:
            return held
        if held.status != Status.READY:
            raise NotReady("The file is still being read, or could not be read.")
        columns.checked(held.mapping, held.columns)
        choices = Choices.of(held.options)
        held.list = lists.find_or_create(name=choices.list_name or _list_name(held, now), by=by)
        _start(held, Status.IMPORTING, now)
        held.save()
        audit.record(
            action="contacts.import_started",
            resource="contact_import",
            resource_id=str(held.pk),
            details={"rows": held.rows_total, "sha256": held.sha256},
            actor=by,
        )
        enqueue(held)
    return held


@transaction.atomic
def discard(contact_import: ContactImport) -> None:
    """Delete an import that wrote nothing, with its files. Raises `NotReady` for others."""
    held = locked(contact_import.pk)
    if held.status in {Status.IMPORTING, Status.DONE}:
        raise NotReady("The import has written contacts; its record stays as evidence.")
    for path in (held.file, held.refused_file):
        if path:
            transaction.on_commit(partial(storage.media().delete, path))
    held.delete()


def open_refused(contact_import: ContactImport) -> IO[bytes]:
    """Open the CSV file of refused rows. Raises `NotReady` when there is none."""
    if not contact_import.refused_file:
        raise NotReady("There is no file of refused rows: none was refused, or not yet.")
    try:
        opened: IO[bytes] = storage.media().open(contact_import.refused_file)
    except FileNotFoundError as error:
        raise NotReady("The file of refused rows is not stored any more.") from error
    return opened


def _note(made: ContactImport) -> None:
    made.save(force_insert=True)
    enqueue(made)


def _reads_otherwise(before: Choices, after: Choices) -> bool:
    return after.has_header != before.has_header or after.region != before.region


def _drop_refused(held: ContactImport) -> None:
    if held.refused_file:
        transaction.on_commit(partial(storage.media().delete, held.refused_file))


def _look(file: IO[bytes], choices: Choices) -> tuple[list[str], list[list[str]]]:
    """Return the first row and the rows a guess is made from."""
    with tables.rows(file, choices.dialect) as source:
        taken = [cells for _, cells in islice(source, PREVIEW_ROWS + 1)]
    if not taken:
        raise UnreadableFile("The file has no rows.")
    return taken[0], taken


def _describe(
    held: ContactImport, choices: Choices, first: list[str], taken: list[list[str]]
) -> None:
    """Name the columns and guess what they mean."""
    body = taken[1:] if choices.has_header else taken
    width = max(len(cells) for cells in taken)
    header = first if choices.has_header else []
    held.columns = columns.names([*header, *[""] * (width - len(header))])
    region = choices.region or _business_region(held.business_id)
    held.mapping = columns.guess(held.columns, body, region=region or None)
    held.options = choices.as_json()


def _business_region(business_id: UUID) -> str:
    return Business.objects.values_list("region", flat=True).get(pk=business_id)


def _start(held: ContactImport, status: ContactImport.Status, now: datetime) -> None:
    held.status = status
    held.progress_at = now
    held.rows_done = held.created_count = held.updated_count = held.refused_count = 0
    held.verdicts = {}
    held.error = ""


def _list_name(held: ContactImport, now: datetime) -> str:
    """Name a list by its import, never by the file: a file may be called after a person."""
    return f"Import of {moments.short(now)} ({held.pk.hex[-6:]})"


def _checksum(file: IO[bytes]) -> str:
    """Return the file's SHA-256; raises `UnreadableFile` when it is too large."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(1 << 20):
        size += len(chunk)
        if size > tables.MAX_BYTES:
            limit = tables.MAX_BYTES // (1 << 20)
            raise UnreadableFile(f"The file is larger than {limit} MB.")
        digest.update(chunk)
    return digest.hexdigest()
