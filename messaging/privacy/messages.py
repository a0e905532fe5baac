"""Messages with all they say, their log, and the files that came and went with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from compliance.privacy.registry import BATCH, File, Person, Rows, Step
from config.lib import ids, paging, storage
from messaging.inbox import reading
from messaging.media import uploads
from messaging.media.models import MediaFile
from messaging.messages.models import Message, MessageEvent

_MESSAGE: Final = (
    "created_at",
    "direction",
    "type",
    "status",
    "category",
    "address",
    "content",
    "metadata",
    "sent_at",
    "delivered_at",
    "read_at",
    "failed_at",
    "occurred_at",
    "error_title",
    "error_details",
    "wamid",
)
_FILE: Final = ("created_at", "filename", "mime_type", "size", "status")


class MessagesHolder:
    """Messages in both directions."""

    name = "messages"
    title = "Messages"
    explanation = "Deleted with their text, their log and the errors Meta told about them."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield the messages, oldest first."""
        rows = _messages(person)
        if rows.exists():
            yield Rows(self.name, paging.values_by_key(rows, *_MESSAGE, size=BATCH))

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Delete messages with their log, some hundred at a time."""
        while page := list(_messages(person).order_by("id").values_list("pk", flat=True)[:BATCH]):
            events, _ = MessageEvent.objects.filter(message__in=page).delete()
            messages, _ = Message.objects.filter(pk__in=page).delete()
            yield Step({"messages": messages, "events": events})


class FilesHolder:
    """Pictures, voice messages, documents."""

    name = "files"
    title = "Files of messages"
    explanation = "Deleted from the storage, and with their names from the database."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield the list of files, then the files."""
        if not _files(person).exists():
            return
        rows = _files(person)
        yield Rows(self.name, paging.values_by_key(rows, *_FILE, size=BATCH))
        for media in paging.by_key(rows.exclude(path=""), size=BATCH):
            opened = partial(storage.media().open, media.path)
            yield File(f"{media.pk}-{media.filename or _ending(media)}", opened)

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Delete each file, then its row; a file sent to others too stays for them."""
        while page := list(_files(person).order_by("id")[:BATCH]):
            deleted = sum(delete_file(media) for media in page)
            MediaFile.objects.filter(pk__in=[media.pk for media in page]).delete()
            yield Step({"files": deleted, "rows": len(page)})


def delete_file(media: MediaFile) -> int:
    """Delete the bytes of a file, noted or not: a worker may be killed in between.

    Return whether they were noted. Nobody asks if they are there: no storage minds if not.
    """
    path = media.path or uploads.path_of(media, ids.time_of(media.pk))
    with suppress(FileNotFoundError):
        storage.media().delete(path)
    return int(bool(media.path))


def _messages(person: Person) -> QuerySet[Message]:
    rows: QuerySet[Message] = Message.objects.filter(contact__in=sorted(person.contacts))
    return rows


def _files(person: Person) -> QuerySet[MediaFile]:
    """Return the files of the person's messages: theirs, and those sent to them alone."""
    rows: QuerySet[MediaFile] = MediaFile.objects.filter(
        Q(message_id__in=_messages(person).values("pk")) | Q(pk__in=_sent_to_them_alone(person))
    )
    return rows


def _sent_to_them_alone(person: Person) -> list[UUID]:
    """Return files programs sent by their id, unless somebody else got the same file."""
    sent = _messages(person).filter(
        direction=Message.Direction.OUTBOUND, type__in=[*reading.MEDIA, "template"]
    )
    named = {
        id_
        for row in paging.values_by_key(sent, "content", size=BATCH)
        for id_ in _media_ids(row["content"])
    }
    rows = MediaFile.objects.filter(message_id=None, meta_media_id__in=named)
    return [media.pk for media in rows if not _was_sent_to_others(media, person)]


def _was_sent_to_others(media: MediaFile, person: Person) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM messaging_message WHERE business_id = %s AND id >= %s "
            "AND direction = 'outbound' AND contact_id <> ALL(%s) "
            "AND content::text LIKE %s)",
            [
                media.business_id,
                ids.floor_of(media.created_at),
                sorted(person.contacts),
                f'%"{media.meta_media_id}"%',
            ],
        )
        found: bool = cursor.fetchone()[0]
        return found


def _media_ids(value: Any) -> Iterator[str]:
    """Yield what stands under "id" anywhere in a message's content."""
    if isinstance(value, Mapping):
        if value.get("id"):
            yield str(value["id"])
        for one in value.values():
            yield from _media_ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from _media_ids(one)


def _ending(media: MediaFile) -> str:
    return media.mime_type.replace("/", ".") or "file"
