"""Instants in words: as people read them, in the zone of the business, and as programs do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format

MINUTES: Final = "j M Y, H:i"
SECONDS: Final = "j M Y, H:i:s"


def text(at: datetime, *, with_seconds: bool = False) -> str:
    """Return "20 Nov 2026, 14:05 CET"."""
    local = timezone.localtime(at)
    return f"{_formatted(local, SECONDS if with_seconds else MINUTES)} {local:%Z}"


def short(at: datetime, *, with_seconds: bool = False) -> str:
    """Return "20 Nov 2026, 14:05", for lists, where the zone would only repeat itself."""
    return _formatted(timezone.localtime(at), SECONDS if with_seconds else MINUTES)


def rfc3339(at: datetime) -> str:
    """Return "2026-11-20T13:05:00Z", as the API writes instants."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _formatted(local: datetime, pattern: str) -> str:
    return str(date_format(local, pattern, use_l10n=False))
