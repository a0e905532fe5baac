"""What django-axes counts wrong passwords by, and what it answers when locked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from math import ceil

from axes.helpers import get_cool_off
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

FALLBACK_SECONDS = 900


def username(request: HttpRequest, credentials: Mapping[str, str] | None = None) -> str:
    """Return the e-mail in lower case: another spelling is no further attempt."""
    given = (credentials or {}).get("username") or request.POST.get("username", "")
    return str(given).strip().lower()


def address(request: HttpRequest) -> str:
    """Return the client's address: behind proxies we trust, the one the outermost of them saw.

    The same rule as the throttles of the API; what a client writes itself stands further left.
    """
    proxies = int(settings.REST_FRAMEWORK["NUM_PROXIES"] or 0)
    seen = request.headers.get("X-Forwarded-For", "").split(",")
    if proxies:
        with suppress(ValueError):
            return str(ip_address(seen[-min(proxies, len(seen))].strip()))
    return str(request.META.get("REMOTE_ADDR", ""))


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
