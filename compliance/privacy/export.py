"""The copy of all that is held about a person: a ZIP of JSON, one readable page and the files.

    index.html           everything to be read in a browser, without a network
    data/<store>.json    the same for programs
    files/…              pictures, voice messages, documents

It is made by a worker, store by store, in memory that does not grow with it; kept for seven days.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import IO, Any, Final
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

import orjson
from django.core.files import File as StoredFile
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string

from accounts.access import Access
from accounts.models import Business
from compliance import audit
from compliance.privacy import registry
from compliance.privacy.models import PrivacyRequest
from compliance.privacy.registry import DataHolder, File, Person, Rows
from config.lib import moments, storage
from config.lib.apart import going_on
from config.lib.errors import Conflict
from config.lib.ids import new_id

KEPT: Final = timedelta(days=7)
# After so long without a sign of life another worker begins anew.
_SILENCE: Final = timedelta(minutes=15)
_CHUNK: Final = 1024 * 1024
_PAGE: Final = "privacy/copy_{part}.html"

Clock = Callable[[], datetime]


class NotReady(Conflict):
    """There is no copy to download (any more)."""

    code = "copy_not_ready"


def make(request: PrivacyRequest, *, clock: Clock) -> None:
    """Write the copy to the storage and note that it may be downloaded."""
    person = registry.identify(Person.from_json(request.person))
    with TemporaryFile() as file:
        _write(file, request, person, clock)
        size, sha256 = _measure(file)
        file.seek(0)
        path = _announce_path(request)
        if not path:
            return
        storage.media().save(path, StoredFile(file))
    with transaction.atomic():
        moved = (
            _running(request)
            .filter(file=path)
            .update(
                status=PrivacyRequest.Status.DONE,
                size=size,
                sha256=sha256,
                finished_at=clock(),
                expires_at=clock() + KEPT,
                person="",
                note="",
                next_at=None,
                error="",
            )
        )
        if not moved:
            storage.media().delete(path)
            return
        audit.record(
            action="privacy.exported",
            resource="privacy_request",
            resource_id=str(request.pk),
            details={"bytes": size, "sha256": sha256},
            actor=request.opened_by,
        )


def open_copy(request: PrivacyRequest, *, by: Access, now: datetime) -> IO[bytes]:
    """Open the copy for a download, which is noted. Raises `NotReady`."""
    is_done = request.status == PrivacyRequest.Status.DONE and bool(request.file)
    if not is_done or request.expires_at is None or request.expires_at <= now:
        raise NotReady("There is no copy to download: it is not made yet, or its time is over.")
    try:
        opened: IO[bytes] = storage.media().open(request.file)
    except FileNotFoundError as error:
        raise NotReady("The copy was just deleted: note a new request if it is needed.") from error
    audit.record(
        action="privacy.downloaded",
        resource="privacy_request",
        resource_id=str(request.pk),
        actor=by.user,
        actor_name=by.actor_name,
    )
    return opened


def forget_expired(*, now: datetime) -> int:
    """Delete the copies of the business in scope whose time is over; return how many."""
    count = 0
    for request in PrivacyRequest.objects.filter(is_over(now)):
        with going_on("forget_copy", request=str(request.pk)):
            count += discard(request)
    return count


def discard(request: PrivacyRequest) -> int:
    """Delete a copy: the file first, then its name; return how many there were.

    While a worker makes one its name stays: the file may come yet.
    """
    if not request.file:
        return 0
    with suppress(FileNotFoundError):
        storage.media().delete(request.file)
    status = PrivacyRequest.Status
    named = PrivacyRequest.objects.filter(pk=request.pk, file=request.file)
    if not named.filter(status=status.DONE).update(file="", status=status.EXPIRED):
        named.exclude(status=status.RUNNING).update(file="")
    return 1


def is_over(now: datetime) -> Q:
    """Select what has a file it should not have: its days are over, or nothing came of it."""
    status = PrivacyRequest.Status
    ended = Q(expires_at__lte=now) | Q(status__in=[status.FAILED, status.WITHDRAWN])
    return ended & ~Q(file="")


def _announce_path(request: PrivacyRequest) -> str:
    """Note where the copy will be before it is there; empty when nobody wants it any more.

    So a worker that is killed leaves no file that nobody knows of: the next one deletes it here.
    """
    discard(request)
    path = f"privacy/{request.business_id}/{request.pk}-{new_id()}.zip"
    return path if _running(request).update(file=path) else ""


def _running(request: PrivacyRequest) -> QuerySet[PrivacyRequest]:
    rows: QuerySet[PrivacyRequest] = PrivacyRequest.objects.filter(
        pk=request.pk, status=PrivacyRequest.Status.RUNNING
    )
    return rows


def _stay_alive(request: PrivacyRequest, now: datetime) -> None:
    PrivacyRequest.objects.filter(pk=request.pk).update(next_at=now + _SILENCE)


def _write(file: IO[bytes], request: PrivacyRequest, person: Person, clock: Clock) -> None:
    business, now = Business.objects.get(pk=request.business_id), clock()
    _stay_alive(request, now)
    with ZipFile(file, "w", ZIP_DEFLATED) as archive, TemporaryFile() as page:
        writer = _Writer(archive, page)
        writer.part("top", {"business": business, "request": request, "person": person, "now": now})
        for holder in registry.holders():
            writer.add(holder, person)
            _stay_alive(request, clock())
        writer.part("end", {"now": now})
        page.seek(0)
        with archive.open("index.html", "w", force_zip64=True) as entry:
            shutil.copyfileobj(page, entry, _CHUNK)


@dataclass(slots=True)
class _Writer:
    """Writes stores into the archive and onto its page."""

    archive: ZipFile
    page: IO[bytes]

    def part(self, name: str, context: Mapping[str, Any]) -> None:
        self.page.write(render_to_string(_PAGE.format(part=name), dict(context)).encode())

    def add(self, holder: DataHolder, person: Person) -> None:
        pieces = holder.export(person)
        first = next(pieces, None)
        if first is None:
            return
        self.part("store", {"title": holder.title})
        for piece in _from(first, pieces):
            if isinstance(piece, Rows):
                self._rows(piece)
            else:
                self._file(piece)

    def _rows(self, piece: Rows) -> None:
        with self.archive.open(f"data/{piece.name}.json", "w", force_zip64=True) as entry:
            entry.write(b"[")
            for number, row in enumerate(piece.rows):
                entry.write(b",\n" if number else b"\n")
                entry.write(orjson.dumps(row, default=str, option=orjson.OPT_UTC_Z))
                self.part("row", {"fields": _readable(row)})
            entry.write(b"\n]\n")

    def _file(self, piece: File) -> None:
        name = f"files/{piece.name}"
        try:
            opened = piece.open()
        except FileNotFoundError:
            return
        with opened, self.archive.open(name, "w", force_zip64=True) as entry:
            shutil.copyfileobj(opened, entry, _CHUNK)
        self.part("file", {"name": name, "address": quote(name)})


def _from(first: Rows | File, rest: Iterator[Rows | File]) -> Iterator[Rows | File]:
    yield first
    yield from rest


def _readable(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the fields that say something, in words."""
    return [
        (name.replace("_", " ").capitalize(), _text(value))
        for name, value in row.items()
        if value not in (None, "", [], {})
    ]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return moments.text(value, with_seconds=True)
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_text(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(_text(one) for one in value)
    return str(value)


def _measure(file: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()
