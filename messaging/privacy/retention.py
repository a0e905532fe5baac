"""How long messaging keeps what it holds: old text, files, threads, uploads and raw events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from accounts import tenancy
from accounts.models import WhatsAppAccount
from compliance.privacy.registry import BATCH
from compliance.privacy.retention import MOST_COUNTED, MOST_LEFT, Kind
from config.lib import ids
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts.models import ContactImport
from messaging.conversations.models import Conversation
from messaging.media.models import MediaFile
from messaging.messages.models import Message, MessageEvent
from messaging.meta.reading import object_of, objects_of, text_of
from messaging.privacy.imports import delete_files
from messaging.privacy.messages import delete_file
from messaging.senders.models import Sender
from messaging.webhooks.models import RawEvent

REMOVED: Final = "Removed: the time it is kept for is over."
_PAGE: Final = 1000
_FIRST: Final = UUID(int=0)
_UNSENT: Final = ("scheduled", "queued", "sending")

# A template's name and language stay, for reports; a person's words and values go.
_STRIP: Final = """
UPDATE messaging_message SET
    content = CASE WHEN type = 'template' THEN jsonb_strip_nulls(jsonb_build_object(
        'name', content->'name', 'language', content->'language', 'removed', true))
        ELSE '{"removed": true}'::jsonb END,
    metadata = NULL, error_details = '', reply_to_wamid = ''
WHERE id = ANY(%s) AND business_id = %s
"""


class OldMessages(Kind):
    """What messages say."""

    name = "messages"
    title = "Text of messages"
    explanation = (
        "The text, variables and metadata of messages. Who was written to, when, and what became "
        "of it stays for reports."
    )
    default_days: int | None = None
    least_days = 7

    def count(self, before: datetime) -> int:
        """Count messages that still say something."""
        return int(_messages(before)[:MOST_COUNTED].count())

    def remove(self, after: datetime | None, before: datetime) -> Iterator[int]:
        """Strip messages, oldest first; then forget what campaigns that are over were given."""
        cursor = _floor(after)
        old = _messages(before).order_by("id").values_list("pk", flat=True)
        while page := list(old.filter(id__gt=cursor)[:_PAGE]):
            cursor = page[-1]
            yield _strip(page)
        yield from _forget_values(after, before)

    def find_left(
        self, after: datetime | None, before: datetime, known: Collection[UUID]
    ) -> list[UUID]:
        """Return those that wait to be sent: one may wait for a year."""
        old = Message.objects.filter(id__lt=ids.floor_of(before), status__in=_UNSENT)
        unsent = old.order_by("id").values_list("pk", flat=True)
        since = unsent.filter(id__gt=_floor(after))[: MOST_LEFT + 1]
        return sorted({*unsent.filter(pk__in=list(known)), *since})[: MOST_LEFT + 1]

    def remove_left(self, known: Collection[UUID], before: datetime) -> Iterator[int]:
        """Strip those that waited and do no more."""
        old = _messages(before).order_by("id").values_list("pk", flat=True)
        while page := list(old.filter(pk__in=list(known))[:_PAGE]):
            yield _strip(page)


class OldFiles(Kind):
    """Files of messages."""

    name = "media"
    title = "Files of messages"
    explanation = "Pictures, voice messages and documents that came or went with messages."
    default_days: int | None = None
    least_days = 7

    def count(self, before: datetime) -> int:
        """Count stored files."""
        return int(_files(before)[:MOST_COUNTED].count())

    def remove(self, after: datetime | None, before: datetime) -> Iterator[int]:
        """Delete each file, then note on its row that it is gone."""
        while page := list(_files(before).order_by("id")[:BATCH]):
            for media in page:
                delete_file(media)
            MediaFile.objects.filter(pk__in=[media.pk for media in page]).update(
                path="",
                filename="",
                status=MediaFile.Status.FAILED,
                next_attempt_at=None,
                error=REMOVED,
            )
            yield len(page)


class OldConversations(Kind):
    """Threads nobody wrote in for long."""

    name = "conversations"
    title = "Silent conversations"
    explanation = (
        "Conversations in which nobody wrote for this long are deleted with all their messages and "
        "files. The contact stays."
    )
    default_days: int | None = None
    least_days = 30

    def count(self, before: datetime) -> int:
        """Count silent threads."""
        return int(_silent(before)[:MOST_COUNTED].count())

    def remove(self, after: datetime | None, before: datetime) -> Iterator[int]:
        """Delete a thread's messages in batches, then the thread.

        Locked, so that a message that comes meanwhile is not taken with it: it waits, or the
        thread is not silent any more.
        """
        silent = _silent(before).select_for_update(of=("self",)).order_by("id")
        while thread := silent.first():
            rows = Message.objects.filter(contact=thread.contact_id, sender=thread.sender_id)
            page = list(rows.exclude(status__in=_UNSENT).values_list("pk", flat=True)[:BATCH])
            if page:
                yield _delete_messages(page)
                continue
            Conversation.objects.filter(pk=thread.pk).delete()
            yield 1


class OldImports(Kind):
    """Files of contacts."""

    name = "imports"
    title = "Files of imports"
    explanation = (
        "The uploaded file with its name, the file of refused rows and the preview. The import "
        "keeps its counts."
    )
    default_days: int | None = 30
    least_days = 1

    def count(self, before: datetime) -> int:
        """Count imports that still have their file."""
        return int(_imports(before)[:MOST_COUNTED].count())

    def remove(self, after: datetime | None, before: datetime) -> Iterator[int]:
        """Delete the files of a few imports at a time."""
        while page := list(_imports(before).order_by("id")[:20]):
            for held in page:
                delete_files(held)
            stale = [held.pk for held in page if held.status == ContactImport.Status.READY]
            ContactImport.objects.filter(pk__in=stale).update(
                status=ContactImport.Status.FAILED, error=REMOVED
            )
            yield len(page)


class OldEvents:
    """Raw events; a body may speak of several businesses."""

    name = "webhooks"
    title = "Raw events from Meta"
    explanation = (
        "What Meta posted, byte for byte, kept to find out what went wrong. It was applied when it "
        "came; nothing is lost with it."
    )
    default_days: int | None = 30
    least_days = 7

    def count(self, before: datetime) -> int:
        """Count the events that name a number of the business."""
        numbers = list(Sender.objects.values_list("phone_number_id", flat=True))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM (SELECT 1 FROM messaging_rawevent WHERE id < %s AND EXISTS "
                "(SELECT FROM unnest(%s::bytea[]) AS number WHERE position(number IN body) > 0) "
                "LIMIT %s) AS found",
                [ids.floor_of(before), [one.encode() for one in numbers], MOST_COUNTED],
            )
            found: int = cursor.fetchone()[0]
        return found

    def remove_shared(
        self, cutoffs: Mapping[UUID, datetime | None], *, unowned: datetime
    ) -> Iterator[Mapping[UUID, int]]:
        """Cut each business's part by its own cutoff; delete events of which nothing is left."""
        owners = _owners()
        latest = max([unowned, *(one for one in cutoffs.values() if one is not None)])
        cursor = _FIRST
        while page := _events(cursor, ids.floor_of(latest)):
            cursor = page[-1][0]
            yield _cut(page, owners, cutoffs, unowned)


def _messages(before: datetime) -> Any:
    rows = Message.objects.filter(id__lt=ids.floor_of(before))
    return rows.exclude(content__has_key="removed").exclude(status__in=_UNSENT)


def _strip(page: list[UUID]) -> int:
    with connection.cursor() as database:
        database.execute(_STRIP, [page, tenancy.current_id()])
    MessageEvent.objects.filter(message__in=page).update(error=None, detail="")
    return len(page)


def _files(before: datetime) -> Any:
    return MediaFile.objects.filter(created_at__lt=before).exclude(path="")


def _silent(before: datetime) -> Any:
    return Conversation.objects.filter(last_message_at__lt=before)


def _imports(before: datetime) -> Any:
    over = [ContactImport.Status.DONE, ContactImport.Status.FAILED, ContactImport.Status.READY]
    rows = ContactImport.objects.filter(created_at__lt=before, status__in=over)
    return rows.exclude(file="", refused_file="")


def _delete_messages(page: list[UUID]) -> int:
    for media in MediaFile.objects.filter(message_id__in=page):
        delete_file(media)
    MediaFile.objects.filter(message_id__in=page).delete()
    MessageEvent.objects.filter(message__in=page).delete()
    return Message.objects.filter(pk__in=page).delete()[0]


def _forget_values(after: datetime | None, before: datetime) -> Iterator[int]:
    """Forget the variables people had of their own in campaigns that ended in this time."""
    over = Campaign.objects.filter(finished_at__lt=before, status__in=Campaign.FINAL)
    if after:
        over = over.filter(finished_at__gte=after)
    for campaign_id in list(over.order_by("id").values_list("pk", flat=True)):
        lines = CampaignRecipient.objects.filter(campaign=campaign_id).order_by("contact_id")
        told = lines.filter(values__isnull=False).values_list("contact_id", flat=True)
        cursor = _FIRST
        while page := list(told.filter(contact_id__gt=cursor)[:_PAGE]):
            cursor = page[-1]
            yield lines.filter(contact_id__in=page).order_by().update(values=None)


def _floor(at: datetime | None) -> UUID:
    return ids.floor_of(at) if at else _FIRST


def _owners() -> dict[str, UUID]:
    """Return the business of every number and account id."""
    numbers = Sender.across_businesses.values_list("phone_number_id", "business_id")
    accounts = WhatsAppAccount.across_businesses.values_list("waba_id", "business_id")
    return {**dict(accounts), **dict(numbers)}


def _events(after: UUID, before: UUID) -> list[tuple[UUID, bytes]]:
    """Return a page of events that were applied, oldest first, locked to be rewritten."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, body FROM messaging_rawevent e WHERE id > %s AND id < %s "
            "AND NOT EXISTS (SELECT FROM messaging_pendingevent p WHERE p.event_id = e.id) "
            "ORDER BY id LIMIT %s FOR UPDATE OF e",
            [after, before, _PAGE],
        )
        return [(id_, bytes(body)) for id_, body in cursor]


def _cut(
    page: list[tuple[UUID, bytes]],
    owners: Mapping[str, UUID],
    cutoffs: Mapping[UUID, datetime | None],
    unowned: datetime,
) -> Mapping[UUID, int]:
    counts: Counter[UUID] = Counter()
    gone: list[UUID] = []
    for event_id, body in page:
        at = ids.time_of(event_id)
        told = _parsed(body)
        if told is None:
            gone += [event_id] * (at < unowned)
            continue
        removed = _cut_changes(told, at, owners, cutoffs, unowned)
        counts.update(one for one in removed if one is not None)
        if not any(entry.get("changes", True) for entry in objects_of(told.get("entry"))):
            gone.append(event_id)
        elif removed:
            RawEvent.objects.filter(pk=event_id).update(body=orjson.dumps(told))
    RawEvent.objects.filter(pk__in=gone).delete()
    return counts


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict):
        return None
    entries = objects_of(told.get("entry"))
    return told if entries and all("changes" in entry for entry in entries) else None


def _cut_changes(
    told: dict[str, Any],
    at: datetime,
    owners: Mapping[str, UUID],
    cutoffs: Mapping[UUID, datetime | None],
    unowned: datetime,
) -> list[UUID | None]:
    """Take out the changes whose time is over; return their owners."""
    removed: list[UUID | None] = []
    for entry in objects_of(told.get("entry")):
        kept = []
        for change in objects_of(entry.get("changes")):
            owner = _owner_of(entry, change, owners)
            cutoff = cutoffs.get(owner) if owner else unowned
            if cutoff is not None and at < cutoff:
                removed.append(owner)
            else:
                kept.append(change)
        entry["changes"] = kept
    return removed


def _owner_of(
    entry: Mapping[str, Any], change: Mapping[str, Any], owners: Mapping[str, UUID]
) -> UUID | None:
    metadata = object_of(object_of(change.get("value")).get("metadata"))
    number = owners.get(text_of(metadata.get("phone_number_id")))
    return number or owners.get(text_of(entry.get("id")))
