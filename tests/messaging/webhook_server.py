"""A real web server in front of the test database, and a client that signs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from django.conf import settings
from django.db import connection

from messaging.meta import signature
from messaging.webhooks.intake import PATH
from tests.database import ROOT, url_for

APP_SECRET: str = settings.META_APP_SECRET
VERIFY_TOKEN: str = settings.META_VERIFY_TOKEN


class WebServer:
    """`config.asgi` in a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def start(self, log: Path, **env: str) -> None:
        """Start it and wait until it takes connections."""
        command = [sys.executable, "-m", "granian", "config.asgi:application"]
        command += ["--interface", "asgi", "--loop", "uvloop", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--no-ws"]
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command, env=self._environment() | env, cwd=ROOT, stdout=out, stderr=out
            )
        deadline = time.monotonic() + 30
        while True:
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)

    def _environment(self) -> dict[str, str]:
        name = str(connection.settings_dict["NAME"])
        return os.environ | {
            "DATABASE_URL": url_for(os.environ["DATABASE_URL"], name),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "REDIS_KEY_PREFIX": settings.REDIS_KEY_PREFIX,
        }

    def stop(self) -> None:
        """End it, letting it finish its requests."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=20)
            self._process = None


class Meta:
    """Post to our webhook as Meta does: compact ASCII JSON, signed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def post(
        self, body: bytes, *, secret: str = APP_SECRET, **headers: str
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """Post signed bytes; `X_Hub_Signature_256=""` leaves the signature out."""
        sent = {"X-Hub-Signature-256": signature.sign(secret, body)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        async with self._session.post(self._url, data=body, headers=sent) as answer:
            return await _read(answer)

    async def ask(
        self, method: str, params: dict[str, str] | None = None
    ) -> tuple[int, str, Mapping[str, str]]:
        """Send a request without a body."""
        async with self._session.request(method, self._url, params=params) as answer:
            return answer.status, await answer.text(), answer.headers.copy()


async def _read(answer: aiohttp.ClientResponse) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    content = await answer.read()
    return answer.status, orjson.loads(content) if content else {}, answer.headers.copy()
