"""A running sandbox, a client that sends through it, and a receiver of its webhooks."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.options import Options
from config.dev.sandbox.server import running

SECRET = "sandbox-secret"
SENDER = "512345678900011"
WABA = "623456789000022"
TOKEN = {"Authorization": "Bearer any-token"}

Json = dict[str, Any]


@dataclass
class Receiver:
    """Our side of the webhooks: keeps what was posted and answers as told."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        """Keep the post, unless the next answer planned is a failure."""
        body = await request.read()
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.bodies.append(body)
            self.signatures.append(request.headers["X-Hub-Signature-256"])
        return web.Response(status=status)

    def signed_rightly(self) -> bool:
        """Tell whether every signature fits the raw bytes."""
        expected = [
            "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            for body in self.bodies
        ]
        return expected == self.signatures

    def changes(self) -> list[Json]:
        """Return every change posted, in order of arrival."""
        entries = [entry for body in self.bodies for entry in json.loads(body)["entry"]]
        return [change for entry in entries for change in entry["changes"]]

    def statuses(self) -> list[Json]:
        """Return every status posted."""
        return [s for change in self.changes() for s in change["value"].get("statuses", [])]

    def messages(self) -> list[Json]:
        """Return every inbound message posted."""
        return [m for change in self.changes() for m in change["value"].get("messages", [])]


@dataclass
class Graph:
    """A client of the sandbox, as our product would be."""

    sandbox: Sandbox
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, **kwargs: Any) -> tuple[int, Any]:
        """Call the Graph API; return the status and the JSON."""
        kwargs.setdefault("headers", TOKEN)
        url = f"{self.sandbox.base_url}/v25.0/{path}"
        async with self.http.request(method, url, **kwargs) as response:
            return response.status, await response.json()

    async def send(self, **fields: Any) -> tuple[int, Any]:
        """Post a message from the first number of the seed."""
        body = {"messaging_product": "whatsapp", **fields}
        return await self.call("POST", f"{SENDER}/messages", json=body)

    async def welcome(self, to: str, **fields: Any) -> tuple[int, Any]:
        """Send the template that has no variables."""
        template = {"name": "welcome", "language": {"code": "en_US"}}
        return await self.send(to=to, type="template", template=template, **fields)

    async def control(self, method: str, path: str, body: Json | None = None) -> Any:
        """Call the sandbox's own paths; return the JSON of an answer that must be 200."""
        url = f"{self.sandbox.base_url}/_sandbox/{path}"
        async with self.http.request(method, url, json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def settle(self) -> None:
        """Wait until every status, reply and webhook is out."""
        deadline = time.monotonic() + 20
        while not self.sandbox.idle:
            assert time.monotonic() < deadline, self.sandbox.outbox.stats()
            await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(receiver: Receiver, port: int = 0) -> AsyncIterator[str]:
    """Serve the receiver; yield its address."""
    app = web.Application(client_max_size=4 * 1024 * 1024)
    app.router.add_post("/hook", receiver.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[Graph]:
    """Run a sandbox with short delays and connect a client to it."""
    quick = {"sent_ms": 1, "delivered_ms": 40, "read_ms": 80, "reply_ms": 20, "review_ms": 30}
    settings: Json = {"port": 0, "app_secret": SECRET, "retry_max_seconds": 0.3, **quick}
    async with (
        running(Options(**{**settings, **options})) as sandbox,
        aiohttp.ClientSession() as http,
    ):
        yield Graph(sandbox, http)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a receiver that is up."""
    receiver = Receiver()
    async with listening(receiver) as url:
        receiver.url = url
        yield receiver


@pytest.fixture
async def graph(receiver: Receiver) -> AsyncIterator[Graph]:
    """Return a client of a fresh sandbox that posts to the receiver."""
    async with connected(webhook_url=receiver.url) as graph:
        yield graph
