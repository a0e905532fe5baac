"""Files people send us: announced with their message, fetched later, each with its own state.

The text of a message never waits for its file. A file is due at `next_attempt_at`; a worker takes
it by moving that instant forward, so a killed worker's files are due again by themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Final
from uuid import UUID

import structlog
from django.core.files import File
from django.db import transaction
from django.db.models import Q

from accounts import graph as meta_connection
from accounts import tenancy
from config.lib import graph, loop, storage
from config.lib.ids import derived_id, time_of
from messaging import jobs
from messaging.media import uploads
from messaging.media.models import MediaFile
from messaging.meta import errors
from messaging.meta.client import MetaClient

logger = structlog.get_logger(__name__)

Status = MediaFile.Status

# Ids in webhooks live 7 days at Meta; no file is larger than 100 MB. Source: Meta's media page.
META_KEEPS: Final = timedelta(days=7)
MAX_BYTES: Final = 100 * 1024 * 1024
MEMORY_BYTES: Final = 4 * 1024 * 1024
LEASE: Final = timedelta(minutes=10)
WAITS: Final = tuple(timedelta(minutes=m) for m in (1, 2, 5, 15, 60, 180, 720, 1440))


@dataclass(frozen=True, slots=True)
class Announced:
    """A file a message speaks of, in Meta's words."""

    message_id: UUID
    sender_id: UUID
    meta_media_id: str
    mime_type: str = ""
    sha256: str = ""
    filename: str = ""


class Damaged(Exception):
    """The bytes are not those Meta announced."""


def announce(files: Sequence[Announced], *, now: datetime) -> list[UUID]:
    """Note files to be fetched; the same announcement twice is one file. Orders the job."""
    if not files:
        return []
    rows = [
        MediaFile(
            id=derived_id(time_of(one.message_id), str(one.message_id), one.meta_media_id),
            business_id=tenancy.current_id(),
            message_id=one.message_id,
            sender_id=one.sender_id,
            meta_media_id=one.meta_media_id[:64],
            meta_expires_at=now + META_KEEPS,
            mime_type=one.mime_type.partition(";")[0].strip()[:100],
            filename=uploads.clean_name(one.filename) if one.filename else "",
            next_attempt_at=now,
        )
        for one in files
    ]
    MediaFile.objects.bulk_create(rows, ignore_conflicts=True)
    jobs.FETCH_MEDIA.enqueue()
    return [row.pk for row in rows]


def fetch_due(*, now: datetime, limit: int = 20) -> dict[str, int]:
    """Fetch files that are due, in every business; return counts by what became of them."""
    counts = {"stored": 0, "later": 0, "failed": 0}
    for _ in range(limit):
        media = _claim(now)
        if media is None:
            break
        with tenancy.scope(media.business_id):
            counts[_fetch(media, now)] += 1
    return counts


def retry(media: MediaFile, *, now: datetime) -> None:
    """Put a file that failed back in line, as an operator asks."""
    MediaFile.objects.filter(pk=media.pk, status=Status.FAILED).update(
        status=Status.PENDING, attempts=0, next_attempt_at=now, error=""
    )
    jobs.FETCH_MEDIA.enqueue()


@tenancy.across(tenancy.Door.SWEEP)
def _claim(now: datetime) -> MediaFile | None:
    """Take one due file for as long as its download may last."""
    with transaction.atomic():
        due = MediaFile.across_businesses.filter(status=Status.PENDING, next_attempt_at__lte=now)
        media: MediaFile | None = (
            due.select_related("sender__account")
            .order_by("next_attempt_at")
            .select_for_update(of=("self",), skip_locked=True)
            .first()
        )
        if media is not None:
            media.attempts += 1
            media.next_attempt_at = now + LEASE
            media.save(update_fields=["attempts", "next_attempt_at"])
    return media


def _fetch(media: MediaFile, now: datetime) -> str:
    if media.sender is None:
        return _give_up(media, "The number it came to is no longer connected.")
    try:
        with SpooledTemporaryFile(max_size=MEMORY_BYTES) as file:
            found = loop.run(_download(media, file))
            return _keep(media, file, found)
    except (graph.TooLarge, graph.UntrustedHost) as error:
        return _give_up(media, str(error))
    except Damaged as error:
        return _later(media, str(error), now)
    except errors.Rejected as error:
        return _give_up(media, error.title)
    except errors.SendError as error:
        return _later(media, error.title, now)


@dataclass(frozen=True, slots=True)
class _Found:
    mime_type: str
    size: int
    sha256: str


async def _download(media: MediaFile, file: IO[bytes]) -> _Found:
    """Ask where the file is (an address lives five minutes) and fetch it."""
    sender = media.sender
    if sender is None:
        raise Damaged("The number it came to is no longer connected.")
    client = MetaClient(meta_connection.client())
    token = sender.account.access_token
    told = await client.get_media(
        media.meta_media_id, token, phone_number_id=sender.phone_number_id
    )
    digest, size = hashlib.sha256(), 0
    async for chunk in client.download_media(told.url, token, max_bytes=MAX_BYTES):
        file.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    if len(told.sha256) == 64 and told.sha256.lower() != digest.hexdigest():
        raise Damaged("The bytes that came are not those Meta announced.")
    return _Found(told.mime_type.partition(";")[0].strip(), size, digest.hexdigest())


def _keep(media: MediaFile, file: IO[bytes], found: _Found) -> str:
    file.seek(0)
    place, path = storage.media(), uploads.path_of(media, time_of(media.pk))
    media.path = place.save(path, File(file))
    media.size, media.sha256 = found.size, found.sha256
    media.mime_type = (found.mime_type or media.mime_type)[:100]
    media.status, media.next_attempt_at, media.error = Status.STORED, None, ""
    if not _write(media, "path", "size", "sha256", "mime_type"):
        if media.path != path or not _is_awaited(media):
            place.delete(media.path)
        return "failed"
    if media.path != path:
        # A worker that was killed, or came too late, left it and did not note it.
        place.delete(path)
    return "stored"


def _is_awaited(media: MediaFile) -> bool:
    """Say whether another worker fetches this file too: what it finds under its name it keeps."""
    awaited = Q(status=Status.PENDING) | Q(path=media.path)
    return bool(MediaFile.objects.filter(awaited, pk=media.pk).exists())


def _later(media: MediaFile, reason: str, now: datetime) -> str:
    wait = WAITS[min(media.attempts, len(WAITS)) - 1]
    is_over = media.meta_expires_at is not None and now + wait > media.meta_expires_at
    if is_over or media.attempts >= len(WAITS):
        return _give_up(media, reason)
    media.next_attempt_at, media.error = now + wait, reason[:200]
    _write(media)
    return "later"


def _give_up(media: MediaFile, reason: str) -> str:
    media.status, media.next_attempt_at, media.error = Status.FAILED, None, reason[:200]
    _write(media)
    logger.warning("media_failed", media_id=str(media.pk), attempts=media.attempts)
    return "failed"


def _write(media: MediaFile, *fields: str) -> bool:
    """Write what became of a file; say whether it was still this worker's to write.

    Its person may be erased, or it came so late that the next worker has claimed the file.
    """
    names = ("status", "next_attempt_at", "error", *fields)
    values = {name: getattr(media, name) for name in names}
    claimed = MediaFile.objects.filter(pk=media.pk, status=Status.PENDING, attempts=media.attempts)
    return bool(claimed.update(**values))
