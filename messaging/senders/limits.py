"""Our limits on a sender, below Meta's, and which sender is used when none is named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from messaging.senders import events
from messaging.senders.models import Sender, SenderEvent

LIMITS: Final = ("per_second", "per_hour", "per_day", "warning_percent")


@transaction.atomic
def change(sender: Sender, *, changes: Mapping[str, Any], by: str, now: datetime) -> bool:
    """Set limits (None: Meta's own) and `is_default`; say whether anything was news."""
    told = {
        name: value
        for name, value in changes.items()
        if name in (*LIMITS, "is_default") and getattr(sender, name) != value
    }
    if not told:
        return False
    if told.get("is_default"):
        Sender.objects.filter(is_default=True).update(is_default=False)
    for name, value in told.items():
        setattr(sender, name, value)
    sender.save(update_fields=list(told))
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items())
    events.record(sender, SenderEvent.Kind.LIMIT, f"{words}, set by {by}", at=now)
    return True
