"""What django-axes counts wrong passwords by, and what it answers when locked."""

from __future__ import annotations

from collections.abc import Mapping

from axes.helpers import get_cool_off
from django.http import HttpRequest, HttpResponse

FALLBACK_SECONDS = 900


def username(request: HttpRequest, credentials: Mapping[str, str] | None = None) -> str:
    """Return the e-mail in lower case: another spelling is no further attempt."""
    given = (credentials or {}).get("username") or request.POST.get("username", "")
    return str(given).strip().lower()


def respond(request: HttpRequest, *_: object) -> HttpResponse:
    """Answer a locked sign-in page with 429 and `Retry-After`."""
    return HttpResponse(
        "Too many wrong passwords. Try again later.",
        status=429,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": str(seconds(request))},
    )


def seconds(request: HttpRequest) -> int:
    """Return how long a lock lasts."""
    cool_off = get_cool_off(request)
    return int(cool_off.total_seconds()) if cool_off else FALLBACK_SECONDS
