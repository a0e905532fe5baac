"""Instants in words: as people read them, in the zone of the business, and as programs do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format

from config.lib.errors import InvalidInput

MINUTES: Final = "j M Y, H:i"
SECONDS: Final = "j M Y, H:i:s"
FURTHEST: Final = timedelta(days=36525)


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


def require_reachable(at: datetime | None, *, now: datetime, attr: str) -> None:
    """Refuse an instant too far ahead to be meant, or to be told in every time zone."""
    if at is not None and at > now + FURTHEST:
        raise InvalidInput("At most 100 years ahead.", code="too_far_ahead", attr=attr)


def _formatted(local: datetime, pattern: str) -> str:
    return str(date_format(local, pattern, use_l10n=False))
