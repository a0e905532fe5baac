"""Single flight: of all workers, one does a piece of periodic work at a time."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import redis as redis_py
import structlog

from config.lib import redis

logger = structlog.get_logger(__name__)

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"
_PROLONG = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""


@contextmanager
def single_flight(name: str, *, ttl_seconds: int, owner: str = "") -> Iterator[bool]:
    """Yield whether this process holds the lock `name`; it ends with the block or the time.

    With Redis down it yields True: periodic work is idempotent, and late is worse than twice.
    `owner` is a name nobody else has, for who wants to `prolong` it.
    """
    key, owner = redis.key("lock", name), owner or secrets.token_hex(16)
    held = _take(key, owner, ttl_seconds)
    try:
        yield held
    finally:
        if held:
            _release(key, owner)


def prolong(name: str, *, owner: str, ttl_seconds: int) -> bool:
    """Give the lock `name` so much time from now; say whether it is this owner's.

    One that ran out and that nobody took is this owner's again; with Redis down it says True.
    """
    key = redis.key("lock", name)
    try:
        return bool(redis.client().eval(_PROLONG, 1, key, owner, ttl_seconds))
    except redis_py.RedisError:
        logger.warning("lock_not_prolonged", lock=key)
        return True


def _take(key: str, owner: str, ttl_seconds: int) -> bool:
    try:
        return bool(redis.client().set(key, owner, nx=True, ex=ttl_seconds))
    except redis_py.RedisError:
        logger.exception("lock_unavailable", lock=key)
        return True


def _release(key: str, owner: str) -> None:
    try:
        redis.client().eval(_RELEASE, 1, key, owner)
    except redis_py.RedisError:
        logger.warning("lock_not_released", lock=key)
