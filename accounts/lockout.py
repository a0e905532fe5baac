"""What django-axes counts wrong passwords by, and what it answers when locked."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from axes.helpers import get_cool_off
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

FALLBACK_SECONDS = 900


def username(request: HttpRequest, credentials: Mapping[str, str] | None = None) -> str:
    """Return the e-mail in lower case: another spelling is no further attempt."""
    given = (credentials or {}).get("username") or request.POST.get("username", "")
    return str(given).strip().lower()


def respond(request: HttpRequest, *_: object) -> HttpResponse:
    """Answer a locked sign-in page with 429 and `Retry-After`."""
    wait = seconds(request)
    context = {"minutes": ceil(wait / 60)}
    answer = render(request, "admin/locked.html", context, status=429)
    answer["Retry-After"] = str(wait)
    return answer


def seconds(request: HttpRequest) -> int:
    """Return how long a lock lasts."""
    cool_off = get_cool_off(request)
    return int(cool_off.total_seconds()) if cool_off else FALLBACK_SECONDS
