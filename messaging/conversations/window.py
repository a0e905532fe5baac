"""The service window: for 24 hours after a person wrote, they may be answered freely.

Pure. Source: shared/meta/webhooks.md, section 3 (read 2026-11-20): Meta does not say whether
reactions, edits and deletions open the window, so they do not open ours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(hours=24)
# A message that is queued, and Meta's clock that is not ours, need some time before the end.
MARGIN: Final = timedelta(minutes=5)

OPENING_TYPES: Final = frozenset(
    {
        "text",
        "image",
        "video",
        "document",
        "audio",
        "voice",
        "sticker",
        "location",
        "contacts",
        "button",
        "interactive",
        "order",
    }
)


def opens(type_: str) -> bool:
    """Say whether an incoming message of this type opens or extends the window."""
    return type_ in OPENING_TYPES


def closes_at(last_inbound_at: datetime | None) -> datetime | None:
    """Return when the window ends for us, None when it was never open."""
    return last_inbound_at + WINDOW - MARGIN if last_inbound_at else None


def opened_after(now: datetime) -> datetime:
    """Return the instant a window must have been opened after to be safely open now."""
    return now - WINDOW + MARGIN


def is_open(last_inbound_at: datetime | None, now: datetime) -> bool:
    """Say whether a free-form message that leaves now is safely inside the window."""
    return last_inbound_at is not None and last_inbound_at > opened_after(now)
