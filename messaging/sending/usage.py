"""How much of its limits a sender has used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from messaging.senders.models import Sender
from messaging.sending.models import SenderUsage


@dataclass(frozen=True, slots=True)
class Use:
    """What was sent in one stretch of time; `limit` and `remaining` are None without a limit."""

    limit: int | None
    used: int

    @property
    def remaining(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def percent(self) -> int:
        return 100 * self.used // self.limit if self.limit else 0


@dataclass(frozen=True, slots=True)
class Usage:
    """A sender's hour and day, both in UTC, and how near the nearest limit is."""

    hour: Use
    day: Use
    warning_percent: int

    @property
    def warning(self) -> str:
        """Return `none`, `near` from the sender's warning level on, or `reached`."""
        highest = max(self.hour.percent, self.day.percent)
        if highest >= 100:
            return "reached"
        return "near" if highest >= self.warning_percent else "none"


def of(sender: Sender, *, now: datetime) -> Usage:
    """Return what the sender has sent in this hour and day, as PostgreSQL knows it."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = SenderUsage.objects.filter(sender=sender, hour__gte=hour.replace(hour=0))
    sums = rows.aggregate(hour=Sum("sent", filter=Q(hour=hour)), day=Sum("sent"))
    return Usage(
        hour=Use(sender.per_hour, sums["hour"] or 0),
        day=Use(sender.per_day, sums["day"] or 0),
        warning_percent=sender.warning_percent,
    )
