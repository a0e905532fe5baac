"""Files on their way out: checked against Meta's rules, scanned, stored, known to Meta by id."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import PurePath
from typing import IO, Final, Protocol
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.utils.module_loading import import_string

from accounts import graph, tenancy
from config.lib import loop, outward, storage
from config.lib.errors import Conflict, InvalidInput, ProjectError
from config.lib.ids import new_id
from config.lib.outward import KeepRights, nobodys_rights
from messaging.media import limits
from messaging.media.models import MediaFile
from messaging.meta.client import MetaClient

# Meta keeps an uploaded file 30 days; a new id is asked for a day before.
META_KEEPS: Final = timedelta(days=30)
RENEW_BEFORE: Final = timedelta(days=1)


class UnsupportedType(ProjectError):
    """WhatsApp takes no file of this type."""

    status = 415
    code = "unsupported_media_type"


class FileTooLarge(ProjectError):
    """The file is larger than WhatsApp takes."""

    status = 413
    code = "file_too_large"


class Infected(InvalidInput):
    """The scanner refused the file."""

    code = "file_refused"


class NotStored(Conflict):
    """The file is not here (yet), so it cannot be sent."""

    code = "media_not_stored"


class Scanner(Protocol):
    """Looks into a file before it is kept; named by `settings.MEDIA_SCANNER`."""

    def __call__(self, file: IO[bytes], *, mime_type: str) -> str:
        """Return a sentence why the file is refused, empty when it is clean."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that WhatsApp would take."""

    kind: limits.Kind
    size: int
    sha256: str


def check(file: IO[bytes], *, filename: str) -> Checked:
    """Say what the file is; raises `UnsupportedType`, `FileTooLarge` or `Infected`."""
    sha256, size = _measure(file)
    if not size:
        raise InvalidInput("The file is empty.", attr="file")
    kind = limits.identify(file, filename=filename)
    if kind is None:
        raise UnsupportedType("WhatsApp takes no file of this type.", attr="file")
    if size > kind.max_bytes:
        raise _too_large(kind.name, kind.max_bytes)
    _scan(file, kind.mime_type)
    return Checked(kind, size, sha256)


def store(
    *,
    file: IO[bytes],
    filename: str,
    now: datetime,
    keep_rights: KeepRights = nobodys_rights,
) -> MediaFile:
    """Check the file and keep it, to be sent by its id. Writes to the media storage.

    Call it outside of a transaction; the one that notes the file begins with `keep_rights`.
    """
    name = clean_name(filename)
    checked = check(file, filename=name)
    made = MediaFile(
        id=new_id(),
        business_id=tenancy.current_id(),
        status=MediaFile.Status.STORED,
        mime_type=checked.kind.mime_type,
        filename=name,
        size=checked.size,
        sha256=checked.sha256,
    )
    file.seek(0)
    made.path = storage.media().save(path_of(made, now), File(file))
    try:
        outward.write(partial(made.save, force_insert=True), keep_rights=keep_rights)
    except Exception:
        storage.media().delete(made.path)
        raise
    return made


def ensure_meta_id(
    media: MediaFile, *, sender_id: UUID, phone_number_id: str, token: str, now: datetime
) -> str:
    """Return an id the sender may send the file by, uploading it if needed.

    An id lives 30 days and belongs to the number it was uploaded for. Call it outside of a
    transaction. Raises `NotStored`, and what `messaging.meta.client` raises.
    """
    stale = media.meta_expires_at is None or media.meta_expires_at - RENEW_BEFORE <= now
    if media.meta_media_id and not stale and media.sender_id == sender_id:
        return media.meta_media_id
    if media.status != MediaFile.Status.STORED:
        raise NotStored("The file is not stored here.")
    with storage.media().open(media.path) as file:
        content = file.read()
    uploading = MetaClient(graph.client()).upload_media(
        phone_number_id, token, content=content, mime_type=media.mime_type, filename=media.filename
    )
    media.meta_media_id = loop.run(uploading)
    media.meta_expires_at = now + META_KEEPS
    media.sender_id = sender_id
    # Its person may have been erased meanwhile: then nothing is left to note.
    MediaFile.objects.filter(pk=media.pk).update(
        meta_media_id=media.meta_media_id, meta_expires_at=media.meta_expires_at, sender=sender_id
    )
    return media.meta_media_id


def path_of(media: MediaFile, now: datetime) -> str:
    """Return where a file is kept: by business and month, under its id, never its own name."""
    return f"media/{media.business_id}/{now:%Y/%m}/{media.pk}"


def clean_name(filename: str) -> str:
    """Return the last part of a file's name without control characters."""
    name = PurePath(filename.replace("\\", "/")).name
    return "".join(char for char in name if char.isprintable())[-240:] or "file"


def _measure(file: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(1 << 20):
        size += len(chunk)
        if size > limits.LARGEST:
            raise _too_large("document", limits.LARGEST)
        digest.update(chunk)
    return digest.hexdigest(), size


def _scan(file: IO[bytes], mime_type: str) -> None:
    named = getattr(settings, "MEDIA_SCANNER", "")
    if not named:
        return
    scanner: Scanner = import_string(named)
    file.seek(0)
    if refusal := scanner(file, mime_type=mime_type):
        raise Infected(refusal, attr="file")


def _too_large(kind: str, max_bytes: int) -> FileTooLarge:
    unit, name = (limits.MB, "MB") if max_bytes >= limits.MB else (limits.KB, "KB")
    return FileTooLarge(
        f"A file sent as {kind} has at most {max_bytes // unit} {name}.", attr="file"
    )
