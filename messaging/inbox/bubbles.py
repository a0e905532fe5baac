"""Messages as a chat shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from config.lib.ids import time_of
from messaging.inbox import reading
from messaging.inbox.reading import Words
from messaging.media.models import MediaFile
from messaging.messages.models import Message
from messaging.meta.errors import describe
from templates_mgmt import compiled
from templates_mgmt.components import Definition
from templates_mgmt.models import Template

# Status: the icon of its ticks, and what they mean.
_TICKS: Final = {
    "scheduled": ("schedule", "Waits for its time"),
    "queued": ("schedule", "Waiting to be sent"),
    "sending": ("schedule", "Being sent"),
    "unknown": ("help", "Meta never answered: it may or may not have been sent"),
    "sent": ("check", "Sent"),
    "delivered": ("done_all", "Delivered"),
    "read": ("done_all", "Read"),
    "failed": ("error", "Failed"),
    "cancelled": ("block", "Cancelled"),
    "skipped": ("block", "Skipped"),
}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message in a chat. `template` names the template it was made from."""

    id: UUID
    is_ours: bool
    words: Words
    at: datetime
    status: str = ""
    tick: str = ""
    tick_title: str = ""
    error: str = ""
    quote: str = ""
    author: str = ""
    template: str = ""
    files: tuple[MediaFile, ...] = field(default=())


def draw(messages: Sequence[Message]) -> list[Bubble]:
    """Return the messages of the business in scope as bubbles, in the order given.

    Costs three queries however many they are: templates, files and quoted messages.
    """
    templates = _templates(messages)
    files = _files(messages)
    quotes = _quotes(messages, templates)
    return [
        _bubble(message, templates.get(message.template_id), files, quotes) for message in messages
    ]


def words_of(message: Message, template: Template | None = None) -> Words:
    """Return the words of one message."""
    return reading.read(message.type, message.content, _definition(template))


def moment_of(message: Message) -> datetime:
    """Return when the message was written: Meta's time for what people wrote."""
    return message.occurred_at or message.sent_at or message.created_at or time_of(message.pk)


def _bubble(
    message: Message,
    template: Template | None,
    files: dict[UUID, list[MediaFile]],
    quotes: dict[str, str],
) -> Bubble:
    is_ours = message.direction == Message.Direction.OUTBOUND
    tick, title = _TICKS.get(message.status, ("", "")) if is_ours else ("", "")
    return Bubble(
        id=message.pk,
        is_ours=is_ours,
        words=words_of(message, template),
        at=moment_of(message),
        status=message.status,
        tick=tick,
        tick_title=title,
        error=_error(message),
        quote=quotes.get(message.reply_to_wamid, ""),
        template=template.name if template else "",
        files=tuple(files.get(message.pk, ())),
    )


def _error(message: Message) -> str:
    if message.status != Message.Status.FAILED:
        return ""
    if message.error_code is None:
        return message.error_title or "It could not be sent."
    return describe(message.error_code).title


def _templates(messages: Sequence[Message]) -> dict[UUID | None, Template]:
    ids = {message.template_id for message in messages if message.template_id}
    return {row.pk: row for row in Template.objects.filter(pk__in=ids)} if ids else {}


def _files(messages: Sequence[Message]) -> dict[UUID, list[MediaFile]]:
    ids = [message.pk for message in messages if message.type in reading.MEDIA]
    found: dict[UUID, list[MediaFile]] = {}
    for media in MediaFile.objects.filter(message_id__in=ids) if ids else ():
        found.setdefault(media.message_id, []).append(media)
    return found


def _quotes(messages: Sequence[Message], templates: dict[Any, Template]) -> dict[str, str]:
    wamids = {message.reply_to_wamid for message in messages if message.reply_to_wamid}
    known = {message.wamid: message for message in messages if message.wamid in wamids}
    missing = wamids - set(known)
    contacts = {message.contact_id for message in messages}
    if missing:
        rows = Message.objects.filter(wamid__in=missing, contact_id__in=contacts)
        known |= {message.wamid: message for message in rows}
    return {
        str(wamid): words_of(message, templates.get(message.template_id)).line[:200]
        for wamid, message in known.items()
    }


def _definition(template: Template | None) -> Definition | None:
    return compiled.of(template).definition if template else None
