"""Files people sent: announced with their message, fetched by a job of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from messaging.media import inbound
from messaging.senders.models import Sender

TYPES: Final = frozenset({"image", "video", "document", "audio", "voice", "sticker"})

Message = tuple[Sender, UUID, str, Mapping[str, Any]]


def announce(messages: Iterable[Message], *, now: datetime) -> None:
    """Note the file of every message that has one, due to be fetched now."""
    inbound.announce(
        [
            _announced(sender, message_id, content)
            for sender, message_id, type_, content in messages
            if type_ in TYPES and content.get("id")
        ],
        now=now,
    )


def _announced(sender: Sender, message_id: UUID, content: Mapping[str, Any]) -> inbound.Announced:
    return inbound.Announced(
        message_id=message_id,
        sender_id=sender.pk,
        meta_media_id=str(content["id"]),
        mime_type=str(content.get("mime_type") or ""),
        sha256=str(content.get("sha256") or ""),
        filename=str(content.get("filename") or ""),
    )
