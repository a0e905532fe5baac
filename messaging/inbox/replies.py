"""Answers of operators: each is sent once, however often its form arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final
from uuid import UUID

import orjson
from django.db import transaction

from accounts.idempotency import Store
from accounts.models import User
from config.lib.api.idempotency import KEPT, Slot, StoredResponse
from config.lib.errors import InvalidInput
from messaging.conversations import threads
from messaging.conversations.models import Conversation
from messaging.media import uploads
from messaging.media.models import MediaFile
from messaging.messages.models import Message
from messaging.sending import request
from messaging.sending.request import Options
from templates_mgmt.models import Template

LONGEST_KEY: Final = 64
_FINGERPRINT: Final = "inbox.reply"
_CAPTIONED: Final = frozenset({"image", "video", "document"})


def text(conversation: Conversation, *, body: str, key: str, by: User, now: datetime) -> Message:
    """Answer with a text. Raises what `sending.request.text` raises."""
    said = body.strip()
    if not said:
        raise InvalidInput("Write something first.", attr="body")
    return _once(
        conversation,
        key=key,
        by=by,
        now=now,
        send=lambda: request.text(
            sender=conversation.sender,
            contact=conversation.contact,
            body=said,
            now=now,
            options=Options(by=by),
        ),
    )


def template(
    conversation: Conversation,
    *,
    template: Template,
    variables: Mapping[str, Any],
    key: str,
    by: User,
    now: datetime,
) -> Message:
    """Answer with an approved template, also after the window. Raises what `request` raises."""
    return _once(
        conversation,
        key=key,
        by=by,
        now=now,
        send=lambda: request.template(
            sender=conversation.sender,
            contact=conversation.contact,
            template=template,
            variables=variables,
            now=now,
            options=Options(by=by),
        ),
    )


@dataclass(frozen=True, slots=True)
class Upload:
    """A file Meta knows, ready to be sent."""

    kind: str
    media: MediaFile
    content: dict[str, str]


def upload(
    conversation: Conversation,
    *,
    file: IO[bytes],
    filename: str,
    caption: str,
    key: str,
    by: User,
    now: datetime,
) -> Upload | None:
    """Check and store a file and make it known to Meta; None when the key was answered already.

    Call it outside of a transaction: Meta takes as long as it takes.
    """
    kind = uploads.check(file, filename=filename).kind.name
    if _find(_slot(conversation, key, by), now):
        return None
    media = uploads.store(file=file, filename=filename, now=now)
    content = _file_content(conversation, media, kind=kind, caption=caption.strip(), now=now)
    return Upload(kind, media, content)


def file(
    conversation: Conversation, *, upload: Upload, key: str, by: User, now: datetime
) -> Message:
    """Answer with a file that was uploaded. Raises what `sending.request.content` raises."""

    def send() -> Message:
        message = request.content(
            sender=conversation.sender,
            contact=conversation.contact,
            type_=upload.kind,
            content=upload.content,
            now=now,
            options=Options(by=by),
        )
        upload.media.message_id = message.pk
        upload.media.save(update_fields=["message_id"])
        return message

    return _once(conversation, key=key, by=by, now=now, send=send)


def _file_content(
    conversation: Conversation, media: MediaFile, *, kind: str, caption: str, now: datetime
) -> dict[str, str]:
    """Return Meta's object for the file, which Meta knows by id from here on."""
    sender = conversation.sender
    content = {
        "id": uploads.ensure_meta_id(
            media,
            sender_id=sender.pk,
            phone_number_id=sender.phone_number_id,
            token=sender.account.access_token,
            now=now,
        )
    }
    if caption and kind in _CAPTIONED:
        content["caption"] = caption
    if kind == "document":
        content["filename"] = media.filename
    return content


def _once(
    conversation: Conversation,
    *,
    key: str,
    by: User,
    now: datetime,
    send: Callable[[], Message],
) -> Message:
    """Send, or return what the same key sent before. The key is kept with the message."""
    slot = _slot(conversation, key, by)
    with transaction.atomic():
        # A second click waits here for the first.
        Conversation.objects.select_for_update(of=("self",)).get(pk=conversation.pk)
        if known := _find(slot, now):
            return known
        message = send()
        body = orjson.dumps({"id": str(message.pk)})
        Store().save(slot, StoredResponse(_FINGERPRINT, 202, body), now=now)
        threads.mark_read(conversation)
    return message


def _slot(conversation: Conversation, key: str, by: User) -> Slot:
    if not 0 < len(key) <= LONGEST_KEY:
        raise InvalidInput("The form has no key: open the conversation anew.", attr="key")
    return Slot(conversation.business_id, f"user:{by.pk}", f"reply:{conversation.pk}:{key}")


def _find(slot: Slot, now: datetime) -> Message | None:
    stored = Store().find(slot, since=now - KEPT)
    if stored is None:
        return None
    sent: Message = Message.objects.get(pk=UUID(orjson.loads(stored.body)["id"]))
    return sent
