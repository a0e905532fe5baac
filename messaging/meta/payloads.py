"""Build the JSON body of an outgoing message, for Meta's /messages.

`encode` runs for every message sent, so it only assembles: content was checked at the door
(`content.check_content`) and is passed through as Meta's own sub-object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from messaging.meta.content import check_content
from messaging.meta.report import Finding

__all__ = [
    "MAX_CALLBACK_DATA",
    "TYPES",
    "Finding",
    "Outgoing",
    "check_content",
    "encode",
    "envelope",
]

# Meta's limit on `biz_opaque_callback_data`, characters. Source: status webhook page, 2026-09.
MAX_CALLBACK_DATA: Final = 512

TYPES: Final = (
    "template",
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "interactive",
    "reaction",
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Hold one message as it leaves.

    `phone` is E.164 with "+" and wins over `bsuid`; `group_id` over both. `content` is Meta's
    object named like `type` (an array for `contacts`), or an `orjson.Fragment` of it.
    `callback_data` comes back in every status of the message.
    """

    type: str
    content: Mapping[str, Any] | Sequence[Any] | orjson.Fragment
    phone: str = ""
    bsuid: str = ""
    group_id: str = ""
    callback_data: str = ""
    reply_to_wamid: str = ""


def envelope(message: Outgoing) -> dict[str, Any]:
    """Return the body as a dict. Raises `ValueError` for a message without a recipient."""
    body: dict[str, Any] = {"messaging_product": "whatsapp", "recipient_type": "individual"}
    if message.group_id:
        body["recipient_type"] = "group"
        body["to"] = message.group_id
    elif message.phone:
        body["to"] = message.phone
    elif message.bsuid:
        body["recipient"] = message.bsuid
    else:
        raise ValueError("A message needs a phone, a BSUID or a group.")
    body["type"] = message.type
    body[message.type] = message.content
    # Meta refuses a reaction that is also a reply: it names its message itself.
    if message.reply_to_wamid and message.type != "reaction":
        body["context"] = {"message_id": message.reply_to_wamid}
    if message.callback_data:
        body["biz_opaque_callback_data"] = message.callback_data
    return body


def encode(message: Outgoing) -> bytes:
    """Return the body as the bytes to send."""
    return orjson.dumps(envelope(message))
