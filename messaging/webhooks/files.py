"""Files people sent: noted with their message, fetched by a job of its own."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from config.lib.ids import derived_id
from messaging.jobs import FETCH_MEDIA
from messaging.media.models import MediaFile
from messaging.senders.models import Sender

TYPES: Final = frozenset({"image", "video", "document", "audio", "voice", "sticker"})

Message = tuple[Sender, UUID, str, Mapping[str, Any]]


def announce(messages: Iterable[Message], *, now: datetime) -> None:
    """Note the file of every message that has one, due to be fetched now."""
    files = [
        _file(sender, message_id, content, now)
        for sender, message_id, type_, content in messages
        if type_ in TYPES and content.get("id")
    ]
    if files:
        MediaFile.objects.bulk_create(files, ignore_conflicts=True)
        FETCH_MEDIA.enqueue()


def _file(sender: Sender, message_id: UUID, content: Mapping[str, Any], now: datetime) -> MediaFile:
    media_id = str(content["id"])[:64]
    return MediaFile(
        id=derived_id(now, str(message_id), media_id),
        business_id=sender.business_id,
        message_id=message_id,
        sender=sender,
        meta_media_id=media_id,
        mime_type=str(content.get("mime_type") or "")[:100],
        filename=str(content.get("filename") or "")[:240],
        sha256=_hex(content.get("sha256")),
        next_attempt_at=now,
    )


def _hex(sha256: object) -> str:
    """Return Meta's base64 checksum as hex, empty when it is none."""
    try:
        raw = base64.b64decode(str(sha256 or ""), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return raw.hex() if len(raw) == 32 else ""
