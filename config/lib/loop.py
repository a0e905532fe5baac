"""The one event loop of a process, in a thread of its own: async calls from sync code.

Celery forks its workers, so the loop belongs to the process that asks first after the fork.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

from config.lib import outward

T = TypeVar("T")

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Start a coroutine on the process's loop and return at once.

    Raises `TransactionOpen` inside a transaction: what runs there calls over the network.
    """
    try:
        outward.require_no_transaction(work.__qualname__)
    except outward.TransactionOpen:
        work.close()
        raise
    return asyncio.run_coroutine_threadsafe(work, _loop())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the process's loop and wait for its result."""
    return submit(work).result()


def _loop() -> asyncio.AbstractEventLoop:
    pid = os.getpid()
    with _lock:
        if pid not in _loops:
            _loops.clear()
            loop = uvloop.new_event_loop()
            threading.Thread(target=loop.run_forever, name="async-calls", daemon=True).start()
            _loops[pid] = loop
        return _loops[pid]
