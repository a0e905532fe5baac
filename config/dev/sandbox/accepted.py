"""The list of what was accepted, in order: the truth tests compare with."""

import os
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, islice

import orjson

from config.dev.sandbox.errors import Json
from config.dev.sandbox.rule import Outcome
from config.dev.sandbox.world import Phone, Template

_PROCESS = os.urandom(5).hex().upper().encode()
_serial = count(1)


def new_wamid(wa_id: str, *, inbound: bool = False) -> str:
    """Return a message id of the shape WhatsApp uses; unique across restarts."""
    digits = wa_id.encode()[-20:]
    tail = b"\x15\x02\x00" + (b"\x12\x18\x14" if inbound else b"\x11\x18\x12")
    unique = _PROCESS + b"%010X" % next(_serial) if inbound else _PROCESS + b"%08X" % next(_serial)
    raw = b"\x1c\x18" + bytes((len(digits),)) + digits + tail + unique + b"\x00"
    return "wamid." + b64encode(raw).decode()


class Message:
    """A message that was accepted. `wa_id` is empty when it was sent to a user id."""

    __slots__ = (
        "at",
        "body",
        "callback",
        "category",
        "name",
        "outcome",
        "phone",
        "recipient",
        "seq",
        "status",
        "template",
        "to",
        "type",
        "user_id",
        "wa_id",
        "wamid",
        "window_closed",
    )

    def __init__(self, *, phone: Phone, to: str | None, recipient: str | None) -> None:
        self.seq = 0
        self.at = time.time()
        self.phone = phone
        self.to = to
        self.recipient = recipient
        self.wa_id = ""
        self.user_id = ""
        self.name = ""
        self.type = ""
        self.category = "service"
        self.callback: str | None = None
        self.wamid = ""
        self.body = b""
        self.template: Template | None = None
        self.outcome: Outcome
        self.status = "accepted"
        self.window_closed = False

    @property
    def address(self) -> str:
        """Return what the message was addressed to: a WhatsApp id, else a user id."""
        return self.wa_id or self.user_id

    def as_json(self) -> Json:
        """Return the entry of the accepted list."""
        return {
            "seq": self.seq,
            "accepted_at": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "phone_number_id": self.phone.id,
            "to": self.to,
            "recipient": self.recipient,
            "wa_id": self.wa_id or None,
            "user_id": self.user_id or None,
            "type": self.type,
            "template": self.template.name if self.template else None,
            "biz_opaque_callback_data": self.callback,
            "wamid": self.wamid,
            "status": self.status,
            "body": orjson.Fragment(self.body),
        }


class AcceptedList:
    """Messages in the order they were accepted; `seq` counts on over a reset."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._before = 0

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> None:
        """Append the message and give it its number."""
        self._messages.append(message)
        message.seq = self._before + len(self._messages)

    def since(self, seq: int, limit: int) -> list[Message]:
        """Return up to `limit` messages accepted after number `seq`."""
        start = max(0, seq - self._before)
        return self._messages[start : start + limit]

    def pages(self, seq: int, limit: int, page: int = 500) -> Iterator[list[Message]]:
        """Yield the messages after `seq` in pages, without copying the list."""
        rows = islice(self._messages, max(0, seq - self._before), None)
        rows = islice(rows, min(limit, len(self._messages)))
        while batch := list(islice(rows, page)):
            yield batch

    def reset(self) -> None:
        """Forget all messages."""
        self._before += len(self._messages)
        self._messages = []
