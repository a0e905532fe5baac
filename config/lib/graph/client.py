"""Requests to one Graph API, on one session that lives as long as its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from config.lib.graph import failures
from config.lib.graph.answers import GraphResponse, checked
from config.lib.graph.failures import ErrorBody, GraphError, TooLarge, UntrustedHost

CONNECTION_LIMIT = 200
# Shorter than the idle time of Meta's edge, so that a kept connection is rarely half closed.
KEEP_ALIVE_SECONDS = 15.0
META_DOMAINS = ("facebook.com", "fbsbx.com", "fbcdn.net", "whatsapp.net")
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bound every phase of a request, in seconds. `connect` includes waiting for a free slot."""

    connect: float = 5.0
    read: float = 20.0
    total: float = 30.0

    @classmethod
    def within(cls, total: float) -> Self:
        """Return bounds in our usual proportion that end a request after `total` seconds."""
        return cls(connect=total / 6, read=total * 2 / 3, total=total)

    def as_aiohttp(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=self.total,
            connect=self.connect,
            sock_connect=self.connect,
            sock_read=self.read,
        )


TIMEOUTS = Timeouts()
TRANSFER_TIMEOUTS = Timeouts(connect=5.0, read=30.0, total=300.0)


class GraphClient:
    """Send requests to one Graph API base URL and version.

    Safe to keep for the life of a process: a session belongs to the event loop it was first
    used in, and a new loop gets a new one. Close with `await close()` or use `async with`.
    """

    def __init__(
        self,
        base_url: str,
        version: str,
        *,
        connection_limit: int = CONNECTION_LIMIT,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self._root = f"{base_url.rstrip('/')}/{version.strip('/')}"
        self._home = URL(base_url).host or ""
        self._home_scheme = URL(base_url).scheme
        self._limit = connection_limit
        self._timeout = timeouts.as_aiohttp()
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. The client may be used again afterwards."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: str,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        data: aiohttp.FormData | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> GraphResponse:
        """Send one request under the version's path and return Meta's answer.

        `json` is an object, or bytes that already are JSON. Raises `Unreachable`,
        `OutcomeUnknown` or `GraphError`.
        """
        sent_headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        payload: Any = data
        if json is not None:
            sent_headers["Content-Type"] = "application/json"
            payload = json if isinstance(json, bytes) else orjson.dumps(json)
        timeout = timeouts.as_aiohttp() if timeouts else self._timeout
        try:
            async with self._ready_session().request(
                method,
                self._root + path,
                params=params,
                data=payload,
                headers=sent_headers,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                response = GraphResponse(answer.status, answer.headers, await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise failures.of_transport(error) from error
        return checked(method, response)

    async def download(
        self, url: str, *, token: str, max_bytes: int, timeouts: Timeouts = TRANSFER_TIMEOUTS
    ) -> AsyncIterator[bytes]:
        """Yield the bytes behind a media URL of Meta's, in chunks.

        The token goes only to Meta's domains or to the configured host. Raises `UntrustedHost`,
        `TooLarge`, or what `request` raises.
        """
        self._require_trusted(url)
        try:
            async with self._ready_session().get(
                url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=timeouts.as_aiohttp(),
                allow_redirects=False,
            ) as answer:
                if answer.status != 200:
                    checked("GET", GraphResponse(answer.status, answer.headers, b""))
                    raise GraphError(answer.status, ErrorBody())
                if (answer.content_length or 0) > max_bytes:
                    raise TooLarge(max_bytes)
                async for chunk in _limited(answer.content, max_bytes):
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise failures.of_transport(error) from error

    def _ready_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._limit, keepalive_timeout=KEEP_ALIVE_SECONDS, ttl_dns_cache=60
                ),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _require_trusted(self, url: str) -> None:
        try:
            target = URL(url)
        except ValueError as error:
            raise UntrustedHost("The address is not a URL.") from error
        host = (target.host or "").lower()
        if host == self._home and target.scheme == self._home_scheme:
            return
        if target.scheme == "https" and any(
            host == domain or host.endswith(f".{domain}") for domain in META_DOMAINS
        ):
            return
        raise UntrustedHost("The address is not one of Meta's.")


@lru_cache(maxsize=4096)
def segment(value: str) -> str:
    """Quote an id as one segment of a path, so that no id can address another endpoint.

    Dots alone would climb, however quoted; they become an id Meta does not know.
    """
    return quote(value, safe="") if value.strip(".") else "_"


async def _limited(content: aiohttp.StreamReader, max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in content.iter_chunked(CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(max_bytes)
        yield chunk
