"""Wake a worker for a sender, once however many messages are queued.

A mark in Redis says that a wake-up is on its way; the worker takes it down before it looks. A
lost wake-up costs one beat interval: what is due stands in PostgreSQL.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

import structlog
from django.db import transaction
from redis.exceptions import RedisError

from config.lib import redis
from messaging import jobs

logger = structlog.get_logger(__name__)

_MARK_SECONDS = 5


def wake(sender_id: UUID, *, is_reply: bool = False) -> None:
    """Tell a worker that a sender has something due, once this transaction commits."""
    transaction.on_commit(partial(_announce, sender_id, is_reply))


def take_down(sender_id: UUID, *, is_reply: bool) -> None:
    """Remove the mark: messages queued from now on need a new wake-up."""
    try:
        redis.client().delete(_mark(sender_id, is_reply))
    except RedisError:
        logger.warning("wakeup_mark_stays", sender_id=str(sender_id))


def _announce(sender_id: UUID, is_reply: bool) -> None:
    try:
        is_first = redis.client().set(_mark(sender_id, is_reply), 1, nx=True, ex=_MARK_SECONDS)
    except RedisError:
        logger.warning("wakeup_not_sent", sender_id=str(sender_id))
        return
    if is_first:
        job = jobs.DELIVER_REPLY if is_reply else jobs.DELIVER
        job.enqueue_now(sender_id=str(sender_id))


def _mark(sender_id: UUID, is_reply: bool) -> str:
    return redis.key("woken", "reply" if is_reply else "bulk", sender_id)
