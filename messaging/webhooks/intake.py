"""The door for Meta's webhooks: a small ASGI application in front of Django.

GET answers Meta's handshake. POST checks size and signature over the raw bytes, commits them,
and only then says 200; parsing is the workers' business. Any other path goes to Django.
Source: shared contract, section 4, "Delivery tracking".
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import orjson
import structlog
from django.conf import settings
from django.db import connection
from prometheus_client import Counter

from config.lib.errors import NotAllowed, ProjectError, Unavailable
from config.lib.logging import accepted_request_id
from messaging.meta import signature
from messaging.webhooks.store import GroupCommit
from messaging.webhooks.wakeups import WakeUps

logger = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

PATH = "/api/whatsapp/delivery/webhook"
MAX_BODY_BYTES = 3 * 1024 * 1024
# Bodies being read or stored at one time; more wait at Meta, which tries again.
MAX_BYTES_IN_FLIGHT = 128 * 1024 * 1024
# Meta sends its few kilobytes at once; who holds a connection longer is not Meta.
READ_SECONDS = 20

POSTS = Counter("switchboard_webhook_posts", "Webhook POSTs by outcome", ["outcome"])


class TooLarge(ProjectError):
    """The body is larger than Meta ever sends."""

    status = 413
    code = "too_large"


class Truncated(ProjectError):
    """The body ended before its announced length."""

    status = 400
    code = "truncated"


class MethodNotAllowed(ProjectError):
    """Only GET and POST."""

    status = 405
    code = "method_not_allowed"


class ClientGone(Exception):
    """The client hung up before the body was complete; nobody waits for an answer."""


class Intake:
    """Serve the webhook path; hand everything else to `behind`."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind
        self._store = GroupCommit(database_parameters)
        self._wakeups = WakeUps()
        self._bytes_in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one connection event as ASGI defines it."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"].rstrip("/") == PATH:
            await self._serve(scope, receive, send)
        else:
            await self._behind(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self._store.close()
        await self._wakeups.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        more: Headers = ()
        try:
            content = await self._answer(scope, headers, receive)
            status, kind = 200, b"text/plain; charset=utf-8"
        except ClientGone:
            POSTS.labels("client_gone").inc()
            return
        except ProjectError as error:
            status, kind, content, more = error.status, b"application/json", *_refusal(error)
        request_id = accepted_request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        if status != 200:
            logger.debug("webhook_refused", status=status, request_id=request_id)
        await _respond(send, status, [(b"content-type", kind), *more], content, request_id)

    async def _answer(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive
    ) -> bytes:
        if scope["method"] == "GET":
            return answer_handshake(scope["query_string"])
        if scope["method"] != "POST":
            raise MethodNotAllowed("The webhook takes GET and POST.")
        try:
            await self._take_in(headers, receive)
        except ProjectError as error:
            POSTS.labels(error.code).inc()
            raise
        POSTS.labels("stored").inc()
        return b""

    async def _take_in(self, headers: Mapping[bytes, bytes], receive: Receive) -> None:
        signed = headers.get(b"x-hub-signature-256", b"")
        announced = _announced_length(headers)
        _require_plausible(signed, announced)
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._bytes_in_flight + size > MAX_BYTES_IN_FLIGHT:
                raise Unavailable("Too many events at one time.", retry_after_seconds=1)
            self._bytes_in_flight += size
            held += size

        try:
            body = await _read_in_time(receive, announced, hold)
            if not signature.is_valid(settings.META_APP_SECRET, body, signed):
                raise NotAllowed("The signature does not match.", code="bad_signature")
            await self._store.store(body)
        finally:
            self._bytes_in_flight -= held
        self._wakeups.soon()


def answer_handshake(query_string: bytes) -> bytes:
    """Return the challenge when Meta proves it knows the verify token; raise NotAllowed."""
    query = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    mode, token, challenge = (
        query.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge")
    )
    expected = settings.META_VERIFY_TOKEN
    is_known = hmac.compare_digest(token.encode(), expected.encode())
    if not expected or mode != "subscribe" or not is_known:
        raise NotAllowed("The verify token does not match.", code="bad_verify_token")
    return challenge.encode()


def database_parameters() -> Mapping[str, Any]:
    """Return how Django connects to the database, for a connection outside of Django."""
    foreign = ("context", "cursor_factory", "prepare_threshold")
    given = connection.get_connection_params()
    return {name: value for name, value in given.items() if name not in foreign}


def _require_plausible(signed: bytes, announced: int | None) -> None:
    """Refuse before reading the body what the headers alone condemn."""
    if not settings.META_APP_SECRET:
        raise Unavailable("META_APP_SECRET is not set.", code="not_configured")
    if len(signed) != signature.HEADER_LENGTH:
        raise NotAllowed("The signature is missing or malformed.", code="bad_signature")
    if announced is not None and announced > MAX_BODY_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.")


def _announced_length(headers: Mapping[bytes, bytes]) -> int | None:
    given = headers.get(b"content-length", b"")
    return int(given) if given.isdigit() and len(given) < 16 else None


async def _read_in_time(
    receive: Receive, announced: int | None, hold: Callable[[int], None]
) -> bytes:
    """Return the body, each piece counted by `hold` as it comes: an announcement costs nothing."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _read(receive, announced, hold)
    except TimeoutError as error:
        raise Truncated("The body did not arrive in time.") from error


async def _read(receive: Receive, announced: int | None, hold: Callable[[int], None]) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        chunk = event.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise TooLarge(f"The body is larger than {MAX_BODY_BYTES} bytes.")
        hold(len(chunk))
        chunks.append(chunk)
        if not event.get("more_body", False):
            break
    if announced is not None and size != announced:
        raise Truncated("The body is shorter than its Content-Length.")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _refusal(error: ProjectError) -> tuple[bytes, Headers]:
    kind = "server_error" if error.status >= 500 else "client_error"
    entry = {"code": error.code, "detail": error.detail, "attr": error.attr}
    body = orjson.dumps({"type": kind, "errors": [entry]})
    if isinstance(error, Unavailable):
        return body, [(b"retry-after", str(error.retry_after_seconds).encode())]
    if isinstance(error, MethodNotAllowed):
        return body, [(b"allow", b"GET, POST")]
    return body, ()


async def _respond(
    send: Send,
    status: int,
    headers: Headers,
    content: bytes,
    request_id: str,
) -> None:
    every = [
        *headers,
        (b"content-length", str(len(content)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": every})
    await send({"type": "http.response.body", "body": content})
