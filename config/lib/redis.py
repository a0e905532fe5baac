"""The one Redis connection pool of a process, and the names of our keys in it."""

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


def client() -> redis.Redis:
    """Return the process's client: text in and out, every wait bounded."""
    return _client(settings.REDIS_URL)


def key(*parts: object) -> str:
    """Return the full name of a key: `key("lock", "sweep")` gives "switchboard:lock:sweep"."""
    return ":".join([settings.REDIS_KEY_PREFIX, *(str(part) for part in parts)])


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_connect_timeout=2,
        socket_timeout=5,
        health_check_interval=30,
        # Down is down: whoever asks decides what that means, and must hear it at once.
        retry=Retry(NoBackoff(), 1),
    )
