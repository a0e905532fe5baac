"""Webhooks: signed bodies of one status each, posted over HTTP, durable before the 200.

One process of the product's own web command, and of the bare application under the same server
and the same load: a process that posts on connections it keeps open.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from typing import Any, Final, cast
from urllib.parse import urlsplit

import uvloop

from bench import place, wire
from config.dev.embedded.host import LOOPBACK

CONNECTIONS: Final = 64
BODIES: Final = 5_000
PATH: Final = "/api/whatsapp/delivery/webhook"


def measure(*, quick: bool) -> dict[str, Any]:
    """Return POSTs per second, and of one INSERT a request."""
    from bench import report

    seconds = 4.0 if quick else 10.0
    rounds = [_round(seconds) for _ in range(1 if quick else 3)]
    found = report.middle(rounds)
    return found | {"detail": f"1 web process, {CONNECTIONS} connections, {seconds:.0f} s each"}


def _round(seconds: float) -> dict[str, Any]:
    bare = _serve("bench.ceilings:application", seconds)
    _require_all_stored(bare["answered"])
    ours = _serve("config.asgi:application", seconds)
    _require_all_stored(ours["answered"])
    return {
        "rate": ours["rate"],
        "ceiling": bare["rate"],
        "median_ms": ours["median_ms"],
        "p99_ms": ours["p99_ms"],
        "ceiling_median_ms": bare["median_ms"],
    }


def _serve(application: str, seconds: float) -> dict[str, Any]:
    port = place.free_port()
    with place.serving(_command(application, port), port):
        url = place.address(port)
        load = ["-m", "bench.intake", url]
        place.together([place.Child([*load, "1"])])  # connections made, statements prepared
        found: dict[str, Any] = place.together([place.Child([*load, str(seconds)])])[0]
    return found


def _command(application: str, port: int) -> list[str]:
    """Return the product's command of the web server, with one worker process."""
    from config.dev import processes

    command = processes.commands(port=port, sandbox_port=0)[processes.WEB][1:-1]
    command[command.index("--workers") + 1] = "1"
    return [*command, application]


def _require_all_stored(answered: int) -> None:
    from messaging.webhooks.models import RawEvent

    stored = RawEvent.objects.count()
    if stored < answered:
        raise place.BenchError(f"{answered} bodies were answered 200, {stored} are stored.")
    place.as_owner("TRUNCATE messaging_rawevent, messaging_pendingevent")


class _Connection(asyncio.Protocol):
    """Posts the next request as soon as the last is answered. Answers have no body."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Post the first request."""
        self._transport = cast(asyncio.Transport, transport)
        self._post()

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and post again."""
        self._received += data
        if not self._received.endswith(b"\r\n\r\n"):
            return
        self._load.note(self._received, time.perf_counter() - self._sent_at)
        self._received = b""
        self._post()

    def connection_lost(self, error: Exception | None) -> None:
        """Give up: the server hung up."""
        if not self._load.is_over:
            self._load.failures += 1

    def _post(self) -> None:
        request = self._load.next_request()
        if request is not None and self._transport is not None:
            self._sent_at = time.perf_counter()
            self._transport.write(request)


class _Load:
    """All connections together: what they post and what they heard."""

    def __init__(self, requests: list[bytes], seconds: float) -> None:
        self._requests = requests
        self._posted = 0
        self._until = time.perf_counter() + seconds
        self._under_way = 0
        self.waits: list[float] = []
        self.failures = 0
        self.done = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.perf_counter() >= self._until

    def next_request(self) -> bytes | None:
        """Return the next request, or None when the time is up."""
        if self.is_over:
            if not self._under_way:
                self.done.set()
            return None
        self._posted += 1
        self._under_way += 1
        return self._requests[self._posted % len(self._requests)]

    def note(self, answer: bytes, seconds: float) -> None:
        """Count an answer."""
        self._under_way -= 1
        self.waits.append(seconds)
        if not answer.startswith(b"HTTP/1.1 200"):
            self.failures += 1


async def post(url: str, seconds: float) -> dict[str, Any]:
    """Post for some seconds; return the rate and how long answers took."""
    parts = urlsplit(url)
    requests = _requests(parts.netloc)
    place.ready_to_start()
    load = _Load(requests, seconds)
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(load), LOOPBACK, parts.port or 80)
    await load.done.wait()
    took = time.perf_counter() - began
    if load.failures:
        raise place.BenchError(f"{load.failures} requests failed.")
    waits = sorted(load.waits)
    return {
        "rate": len(waits) / took,
        "answered": len(waits),
        "median_ms": round(statistics.median(waits) * 1000, 2),
        "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 2),
    }


def _requests(host: str) -> list[bytes]:
    from messaging.meta import signature

    return [
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: {signature.sign(place.APP_SECRET, body)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
        for body in wire.single_status_bodies(BODIES)
    ]


if __name__ == "__main__":
    place.answer(uvloop.run(post(sys.argv[1], float(sys.argv[2]))))
