"""Things to do later, in great numbers: a timing wheel instead of one timer each."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

TICK_SECONDS = 0.02
log = logging.getLogger("sandbox")


class Wheel:
    """Calls that are due at a tick are made together; it sleeps when nothing waits."""

    def __init__(self) -> None:
        self._slots: dict[int, list[Callable[[], None]]] = {}
        self._news = asyncio.Event()
        self._done = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to turn."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop turning; calls that wait are forgotten."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Make the call after this time, at the next tick at the earliest."""
        tick = max(int((time.monotonic() + seconds) / TICK_SECONDS), self._done) + 1
        self._slots.setdefault(tick, []).append(call)
        self._news.set()

    @property
    def idle(self) -> bool:
        """Tell whether no call waits."""
        return not self._slots

    def forget(self) -> None:
        """Drop every call that waits."""
        self._slots.clear()

    async def _run(self) -> None:
        while True:
            if not self._slots:
                self._news.clear()
                await self._news.wait()
            await asyncio.sleep(TICK_SECONDS)
            now = int(time.monotonic() / TICK_SECONDS)
            for tick in sorted(tick for tick in self._slots if tick <= now):
                for call in self._slots.pop(tick, ()):
                    self._make(call)
            self._done = now

    def _make(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            log.exception("a delayed call failed")
