"""How often a caller may ask: a sliding window in Redis, counted atomically.

Redis down lets requests pass: throttling protects capacity, not secrets. Guessing passwords is
stopped by django-axes in the database as well.
"""

from __future__ import annotations

import time
from math import ceil
from typing import TYPE_CHECKING

import redis as redis_py
import structlog
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from config.lib import redis

if TYPE_CHECKING:  # REST framework's views import this module
    from rest_framework.views import APIView

logger = structlog.get_logger(__name__)


class WindowThrottle(SimpleRateThrottle):
    """Counts requests in this window and, in proportion, the last one."""

    num_requests: int | None
    duration: int | None
    _wait: float = 1.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request and say whether it is within the rate."""
        key = self.get_cache_key(request, view)
        if key is None or self.rate is None or not self.num_requests or not self.duration:
            return True
        now = time.time()
        window, elapsed = divmod(now, self.duration)
        try:
            current, previous = self._count(key, int(window))
        except redis_py.RedisError:
            logger.warning("throttle_unavailable")
            return True
        self._wait = self.duration - elapsed
        return current + previous * (1 - elapsed / self.duration) <= self.num_requests

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return max(1.0, self._wait)

    def _count(self, key: str, window: int) -> tuple[int, int]:
        here = redis.key("throttle", key, window)
        with redis.client().pipeline() as pipe:
            pipe.incr(here)
            pipe.expire(here, int(self.duration or 0) * 2 + 1)
            pipe.get(redis.key("throttle", key, window - 1))
            current, _, previous = pipe.execute()
        return int(current), int(previous or 0)


class CallerThrottle(WindowThrottle):
    """Limits each user, each API key, and each address of callers not signed in."""

    scope = "caller"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Name the caller; those not signed in have the lower rate."""
        if access := getattr(request, "access", None):
            return f"caller:{access.actor_id}"
        self.scope = "anonymous"
        self.rate = self.get_rate()
        self.num_requests, self.duration = self.parse_rate(self.rate)
        return f"anonymous:{self.get_ident(request)}"


class LoginThrottle(WindowThrottle):
    """Limits attempts to sign in by network address."""

    scope = "login"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        """Name the address."""
        return f"login:{self.get_ident(request)}"


def seconds_until_login(request: HttpRequest) -> int:
    """Count an attempt to sign in by a page as one by the API; return for how long to wait."""
    throttle = LoginThrottle()
    if throttle.allow_request(Request(request), None):  # type: ignore[arg-type]  # no view is asked
        return 0
    return ceil(throttle.wait())
