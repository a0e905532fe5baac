"""The service window: 24 hours from a person's last message, in which any message may be sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

# Source: Meta's page on customer service windows, read 2026-09-11.
WINDOW: Final = timedelta(hours=24)
# Meta at times refuses a reply in the last minutes of a window, so ours closes a little earlier.
MARGIN: Final = timedelta(minutes=5)

# What a person does that opens the window or keeps it open; reactions, edits, deletions and
# system notices do not.
OPENING_TYPES: Final = frozenset(
    {
        "text",
        "image",
        "video",
        "audio",
        "voice",
        "document",
        "sticker",
        "location",
        "contacts",
        "button",
        "interactive",
        "order",
    }
)


def opened_after(now: datetime) -> datetime:
    """Return the instant after which a person must have written for the window to be open."""
    return now - WINDOW + MARGIN


def is_open(last_inbound_at: datetime | None, now: datetime) -> bool:
    """Say whether any message may be sent to a person who last wrote then."""
    return last_inbound_at is not None and last_inbound_at > opened_after(now)


def closes_at(last_inbound_at: datetime) -> datetime:
    """Return when the window of a person who last wrote then closes for us."""
    return last_inbound_at + WINDOW - MARGIN


def opens(type_: str) -> bool:
    """Say whether a message of this type opens the window."""
    return type_ in OPENING_TYPES
