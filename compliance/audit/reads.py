"""Who looked at whom: reads of people's data, once an hour for each reader and object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

import redis as redis_py
import structlog

from accounts import tenancy
from accounts.access import Access
from compliance.audit import trail
from config.lib import redis

logger = structlog.get_logger(__name__)

PERIOD_SECONDS: Final = 3600
MOST_REMEMBERED: Final = 10_000
# What this process has asked lately, so that most requests ask nobody.
_remembered: dict[str, float] = {}


def note(*, action: str, resource: str, resource_id: str, access: Access) -> bool:
    """Record a read unless the same one was in the last hour; tell whether it was recorded."""
    with once(access.actor_id, action, resource, resource_id) as is_first:
        if is_first:
            trail.record(action=action, resource=resource, resource_id=resource_id, access=access)
    return is_first


@contextmanager
def once(*parts: str) -> Iterator[bool]:
    """Yield whether this was not in the last hour; yes, when nobody can tell.

    What ends in an error was not: the next time is the first.
    """
    key = redis.key("audit", tenancy.find_current_id(), *parts)
    is_first = _is_first(key)
    try:
        yield is_first
    except BaseException:
        if is_first:
            _forget(key)
        raise


def _is_first(key: str) -> bool:
    if _remembered.get(key, 0) > monotonic():
        return False
    if len(_remembered) >= MOST_REMEMBERED:
        _remembered.clear()
    _remembered[key] = monotonic() + PERIOD_SECONDS / 2
    try:
        return bool(redis.client().set(key, "1", nx=True, ex=PERIOD_SECONDS))
    except redis_py.RedisError:
        logger.warning("audit_reads_not_remembered")
        return True


def _forget(key: str) -> None:
    _remembered.pop(key, None)
    try:
        redis.client().delete(key)
    except redis_py.RedisError:
        logger.warning("audit_reads_not_remembered")
