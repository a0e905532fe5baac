"""Bodies too large for their address are refused before they are read."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import orjson
import pytest
from django.conf import settings as live
from django.core.asgi import get_asgi_application
from django.urls import reverse
from pytest_django.fixtures import Settings

from config.bodies import BodyLimit, limit_of

MB = 1024 * 1024
LIMIT = 1000


@pytest.fixture(autouse=True)
def small(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = LIMIT


class Posted:
    """A request in pieces, and what came back."""

    def __init__(self, path: str, *pieces: bytes, length: int | None = None) -> None:
        headers = [] if length is None else [(b"content-length", str(length).encode())]
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"localhost"), *headers],
        }
        self.pieces = list(pieces)
        self.answered: list[MutableMapping[str, Any]] = []

    async def receive(self) -> MutableMapping[str, Any]:
        assert self.pieces, "more was read than was sent"
        piece = self.pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}

    async def send(self, event: MutableMapping[str, Any]) -> None:
        self.answered.append(event)

    async def to(self, application: Any) -> Posted:
        await BodyLimit(application)(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        return int(self.answered[0]["status"])


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Read everything and answer its length."""
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        size += len(event["body"])
        more = event["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def test_a_body_within_the_limit_passes() -> None:
    posted = await Posted("/api/messages", b"x" * 600, b"x" * 400, length=LIMIT).to(echo)

    assert posted.answered[1]["body"] == b"1000"


async def test_an_announced_length_above_the_limit_is_refused_unread() -> None:
    posted = await Posted("/api/messages", b"x", length=LIMIT + 1).to(echo)

    assert posted.status == 413
    assert posted.pieces == [b"x"]
    body = orjson.loads(posted.answered[1]["body"])
    assert (body["type"], body["errors"][0]["code"]) == ("client_error", "too_large")


@pytest.mark.parametrize("length", [None, 5])
async def test_a_body_that_grows_beyond_it_is_read_no_further(length: int | None) -> None:
    pieces = [b"x" * 600] * 5

    for application in (echo, get_asgi_application()):
        posted = await Posted("/api/messages", *pieces, length=length).to(application)

        assert [event["type"] for event in posted.answered] == [
            "http.response.start",
            "http.response.body",
        ]
        assert posted.status == 413
        assert len(posted.pieces) == 3


async def test_a_page_is_refused_in_words() -> None:
    posted = await Posted("/admin/login/", length=LIMIT + 1).to(echo)

    assert posted.status == 413
    assert posted.answered[1]["body"] == b"The request body is too large."


@pytest.mark.parametrize(
    ("name", "arguments", "limit"),
    [
        ("contact-imports", (), 210 * MB),
        ("admin:messaging_contactimport_add", (), 210 * MB),
        ("media", (), 110 * MB),
        ("admin:messaging_conversation_reply", ("0192aaaa-0000-7000-8000-000000000000",), 110 * MB),
        ("admin:login", (), LIMIT),
    ],
)
def test_uploads_take_their_files(name: str, arguments: tuple[str, ...], limit: int) -> None:
    assert limit_of(reverse(name, args=arguments)) == limit


def test_the_front_of_the_application_has_the_limit() -> None:
    from config import asgi

    assert isinstance(asgi.behind, BodyLimit)
    assert live.UPLOAD_MAX_BODY_BYTES
