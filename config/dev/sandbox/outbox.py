"""Webhooks on their way to us: batched, signed and retried as Meta does.

Updates of one account that are waiting together travel in one POST, up to 1,000. What the
receiver does not answer with 200 is posted again, later and later, until it does. Updates are
rendered only when they are posted, so a long outage costs little memory.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
from collections import deque
from typing import Protocol

import aiohttp

from config.dev.sandbox.errors import Json
from config.dev.sandbox.faults import Faults
from config.dev.sandbox.wheel import Wheel

COALESCE_SECONDS = 0.02
IN_FLIGHT = 8
FIRST_RETRY_SECONDS = 0.25
MAX_WAITING = 3_000_000
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)


class Update(Protocol):
    """One change of an account that becomes part of a webhook."""

    @property
    def waba_id(self) -> str:
        """Return the account the change is about."""

    @property
    def key(self) -> str:
        """Return what names the update when faults are decided."""

    def change(self) -> Json:
        """Return the `changes[]` entry."""


def serialise(value: Json) -> bytes:
    r"""Write JSON as Meta puts it on the wire: compact, `\uXXXX` in lower case, `\/`."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode()


def sign(secret: str, body: bytes) -> str:
    """Return the value of X-Hub-Signature-256 for these bytes."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Outbox:
    """The webhooks that wait, and the tasks that post them."""

    def __init__(
        self, *, url: str, secret: str, retry_max_seconds: float, faults: Faults, wheel: Wheel
    ) -> None:
        self.url = url
        self._secret = secret
        self._retry_max = retry_max_seconds
        self._faults = faults
        self._wheel = wheel
        self._waiting: dict[str, deque[Update]] = {}
        self._retrying = 0
        self._posting: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._session: aiohttp.ClientSession | None = None
        self._runner: asyncio.Task[None] | None = None
        self.posts = 0
        self.delivered = 0
        self.failed_posts = 0
        self.lost = 0
        self.last_answer: int | str | None = None

    async def start(self) -> None:
        """Open the connection pool and begin to post."""
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT * 2, keepalive_timeout=30)
        self._session = aiohttp.ClientSession(connector=connector, timeout=TIMEOUT)
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Give up what waits and close the connections."""
        for task in (self._runner, *self._posting):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._session is not None:
            await self._session.close()

    def add(self, update: Update) -> None:
        """Post the update soon; faults may drop, double or delay it."""
        if not self.url:
            return
        faults = self._faults
        if not faults.on_webhooks:
            self._put(update)
            return
        if faults.strikes("webhook_drop", update.key):
            return
        delay = faults.webhook_delay_ms / 1000
        if faults.strikes("webhook_duplicates", update.key):
            self._wheel.after(delay + 0.2, lambda: self._put(update))
        if faults.strikes("webhook_reorder", update.key):
            delay += faults.webhook_reorder_ms / 1000 * faults.draw("reorder_by", update.key)
        self._wheel.after(delay, lambda: self._put(update))

    def _put(self, update: Update) -> None:
        queue = self._waiting.setdefault(update.waba_id, deque())
        if len(queue) >= MAX_WAITING:
            queue.popleft()
            self.lost += 1
        queue.append(update)
        self._news.set()

    def stats(self) -> Json:
        """Return how many updates wait and how the posts went."""
        return {
            "url": self.url,
            "waiting": self.waiting,
            "in_flight": len(self._posting),
            "posts": self.posts,
            "delivered_updates": self.delivered,
            "failed_posts": self.failed_posts,
            "lost_updates": self.lost,
            "last_answer": self.last_answer,
        }

    @property
    def waiting(self) -> int:
        """Return how many updates are not in flight yet, those to be retried included."""
        return sum(map(len, self._waiting.values())) + self._retrying

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits and nothing is in flight."""
        return not self._posting and not self.waiting

    def forget(self) -> None:
        """Drop everything that waits (posts in flight go on)."""
        self._waiting.clear()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.sleep(COALESCE_SECONDS)
            for waba_id in list(self._waiting):
                await self._drain(waba_id)

    async def _drain(self, waba_id: str) -> None:
        while self._waiting.get(waba_id):
            await self._slots.acquire()
            queue = self._waiting.get(waba_id, deque())
            size = min(len(queue), self._faults.webhook_batch_size)
            batch = [queue.popleft() for _ in range(size)]
            if not batch:
                self._slots.release()
                return
            task = asyncio.create_task(self._post(waba_id, batch))
            self._posting.add(task)
            task.add_done_callback(self._posting.discard)

    async def _post(self, waba_id: str, batch: list[Update]) -> None:
        """Post the batch until it arrives. A dead receiver keeps the slot, an unwilling one not."""
        holding = True
        tries = 0
        try:
            while True:
                answer = await self.send(waba_id, [update.change() for update in batch])
                self.last_answer = answer
                if answer == 200:
                    self.delivered += len(batch)
                    return
                self.failed_posts += 1
                if holding and isinstance(answer, int):
                    self._slots.release()
                    holding = False
                self._retrying += len(batch)
                await asyncio.sleep(min(FIRST_RETRY_SECONDS * 2**tries, self._retry_max))
                self._retrying -= len(batch)
                tries = min(tries + 1, 20)
        finally:
            if holding:
                self._slots.release()

    async def send(self, waba_id: str, changes: list[Json]) -> int | str:
        """Post once; return the status of the answer, or the name of what went wrong."""
        entry: Json = {"id": waba_id, "changes": changes}
        if any(change["field"] != "messages" for change in changes):
            entry["time"] = int(time.time())
        body = serialise({"object": "whatsapp_business_account", "entry": [entry]})
        return await self.send_bytes(body)

    async def send_bytes(self, body: bytes) -> int | str:
        """Post these bytes with their signature."""
        if self._session is None:
            raise RuntimeError("the outbox is not started")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": sign(self._secret, body),
        }
        self.posts += 1
        try:
            async with self._session.post(self.url, data=body, headers=headers) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__

    async def verify(self, token: str) -> Json:
        """Do Meta's handshake with the callback and return how it went."""
        if self._session is None:
            raise RuntimeError("the outbox is not started")
        query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
        try:
            async with self._session.get(self.url, params=query) as response:
                text = await response.text()
                right = response.status == 200 and text == query["hub.challenge"]
                return {"verified": right, "status": response.status}
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return {"verified": False, "error": type(error).__name__}
