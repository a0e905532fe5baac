"""Tell the workers that events wait, seldom enough that nobody notices the cost.

A mark in Redis says that a wake-up is on its way; the worker takes it down before it looks. A
lost wake-up costs one beat interval: what is due stands in PostgreSQL.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import redis as redis_py
import structlog

from config.lib import redis
from messaging.jobs import APPLY_WEBHOOKS

logger = structlog.get_logger(__name__)

INTERVAL_SECONDS = 0.05
_MARK_SECONDS = 5


def announce() -> None:
    """Enqueue the job unless a wake-up is on its way. Blocks: not for an event loop."""
    try:
        is_first = redis.client().set(_mark(), 1, nx=True, ex=_MARK_SECONDS)
    except redis_py.RedisError:
        logger.warning("webhook_wakeup_not_sent")
        return
    if is_first:
        APPLY_WEBHOOKS.enqueue_now()


def take_down() -> None:
    """Remove the mark: events stored from now on need a new wake-up."""
    try:
        redis.client().delete(_mark())
    except redis_py.RedisError:
        logger.warning("webhook_wakeup_mark_stays")


class WakeUps:
    """Call `announce` from an event loop: in a thread, at most once per interval."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = False

    def soon(self) -> None:
        """Ask for a wake-up; returns at once."""
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Send what is still wanted and end the thread."""
        if self._task is not None and not self._task.done():
            await self._task
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._is_wanted:
            self._is_wanted = False
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhook-wakeup")
            await loop.run_in_executor(self._thread, announce)
            await asyncio.sleep(INTERVAL_SECONDS)


def _mark() -> str:
    return redis.key("webhooks", "woken")
