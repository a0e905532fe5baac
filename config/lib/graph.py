"""Speak HTTP to Meta's Graph API, and know whether a request may have left.

Plain Python on aiohttp; knows no endpoint, no Django. One session per client and event loop,
kept alive between requests, every timeout set, no redirect followed (a redirect could carry the
token to another host).

    Unreachable      nothing left this machine: safe to send again
    OutcomeUnknown   the request may have left and no answer of Meta's came back
    GraphError       Meta answered, and refused (4xx or 5xx with its error envelope)

Meta has no idempotency key, so the first two must never be confused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

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


@dataclass(frozen=True, slots=True)
class GraphResponse:
    """Carry an answer of Meta's with a status below 400."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body. Raises `OutcomeUnknown` when it is not JSON (cut off, or a proxy's)."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise OutcomeUnknown("The answer is not JSON.", status=self.status) from error


class GraphFailure(Exception):
    """Say that a request did not succeed. `request_left`: Meta may have received it."""

    request_left = True
    status: int | None = None


class Unreachable(GraphFailure):
    """Say that nothing left: no address, no connection, no TLS."""

    request_left = False


class OutcomeUnknown(GraphFailure):
    """Say that the request may have left and its outcome was not learnt."""

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """Hold Meta's error envelope. `code` is None when the answer carried no envelope."""

    code: int | None = None
    subcode: int | None = None
    message: str = ""
    details: str = ""
    user_title: str = ""
    user_message: str = ""
    fbtrace_id: str = ""
    is_transient: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)


class GraphError(GraphFailure):
    """Say that Meta refused the request: it was not carried out."""

    def __init__(self, status: int, error: ErrorBody, *, retry_after: float | None = None) -> None:
        super().__init__(f"HTTP {status}, code {error.code}, trace {error.fbtrace_id or '-'}")
        self.status = status
        self.error = error
        self.retry_after = retry_after

    @property
    def code(self) -> int | None:
        return self.error.code

    @property
    def subcode(self) -> int | None:
        return self.error.subcode

    @property
    def message(self) -> str:
        return self.error.message

    @property
    def details(self) -> str:
        return self.error.details

    @property
    def fbtrace_id(self) -> str:
        return self.error.fbtrace_id


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
            raise _transport_failure(error) from error
        return _checked(method, response)

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
                    _checked("GET", GraphResponse(answer.status, answer.headers, b""))
                    raise GraphError(answer.status, ErrorBody())
                if (answer.content_length or 0) > max_bytes:
                    raise TooLarge(max_bytes)
                async for chunk in _limited(answer.content, max_bytes):
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _transport_failure(error) from error

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


class UntrustedHost(GraphFailure):
    """Say that a URL is not Meta's, so the token was not sent there."""

    request_left = False


class TooLarge(GraphFailure):
    """Say that a download passed its limit and was dropped."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The file is larger than {max_bytes} bytes.")


async def _limited(content: aiohttp.StreamReader, max_bytes: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in content.iter_chunked(CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            raise TooLarge(max_bytes)
        yield chunk


# The connect timeout is shorter than the total one and covers the wait for a free connection,
# so whatever else runs out did so after a connection was there and bytes may have been written.
_NOTHING_LEFT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


def _transport_failure(error: BaseException) -> GraphFailure:
    name = type(error).__name__
    if isinstance(error, _NOTHING_LEFT):
        return Unreachable(name)
    return OutcomeUnknown(name)


# 408 and 499 are answers of proxies that gave up waiting: Meta may still have the request.
_GAVE_UP_WAITING = frozenset({408, 499})


def _checked(method: str, response: GraphResponse) -> GraphResponse:
    """Return an answer below 300; raise the failure that any other one means."""
    status = response.status
    if status < 300:
        return response
    error = parse_error(response.body)
    unanswered = status < 400 or status >= 500 or status in _GAVE_UP_WAITING
    if error.code is None and unanswered and method not in {"GET", "HEAD"}:
        raise OutcomeUnknown(f"HTTP {status} without an error body", status=status)
    raise GraphError(status, error, retry_after=_retry_after(response.headers))


def parse_error(body: bytes) -> ErrorBody:
    """Read Meta's error envelope; an empty `ErrorBody` when there is none.

    `error_data` is an object for messaging calls, a string or absent for management calls.
    Source: Meta's error page, September 2026.
    """
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ErrorBody()
    error = envelope.get("error") if isinstance(envelope, dict) else None
    if not isinstance(error, dict):
        return ErrorBody()
    data = error.get("error_data")
    return ErrorBody(
        code=_integer(error.get("code")),
        subcode=_integer(error.get("error_subcode")),
        message=_text(error.get("message")),
        details=_text(data.get("details") if isinstance(data, dict) else data),
        user_title=_text(error.get("error_user_title")),
        user_message=_text(error.get("error_user_msg")),
        fbtrace_id=_text(error.get("fbtrace_id")),
        is_transient=error.get("is_transient") is True,
        raw=error,
    )


def _integer(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long to wait, in seconds: `Retry-After`, else Meta's usage header (minutes)."""
    header = headers.get("Retry-After")
    if header:
        return _retry_after_seconds(header)
    usage = headers.get("x-business-use-case-usage")
    if not usage:
        return None
    minutes = _regain_minutes(usage)
    return minutes * 60.0 if minutes else None


def _retry_after_seconds(header: str) -> float | None:
    if header.strip().isdigit():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _regain_minutes(usage: str) -> float:
    try:
        parsed = orjson.loads(usage)
    except orjson.JSONDecodeError:
        return 0.0
    if not isinstance(parsed, dict):
        return 0.0
    rows = [row for rows in parsed.values() if isinstance(rows, list) for row in rows]
    waits = [row.get("estimated_time_to_regain_access") for row in rows if isinstance(row, dict)]
    return max((float(w) for w in waits if isinstance(w, int | float)), default=0.0)
