"""The webhook door, over real HTTP: what is stored, what is refused, what is promised."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from config.lib import redis
from messaging.meta import signature
from messaging.webhooks.intake import MAX_BODY_BYTES, PATH
from messaging.webhooks.models import DeadLetter, PendingEvent, RawEvent
from tests.messaging.webhook_events import body, make_tenants, names, settle
from tests.messaging.webhook_server import APP_SECRET, VERIFY_TOKEN, Meta, WebServer

pytestmark = pytest.mark.django_db(transaction=True)

BODY = b'{"object":"whatsapp_business_account","entry":[]}'


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: Any) -> Iterator[WebServer]:
    server = WebServer()
    server.start(tmp_path_factory.mktemp("web") / "web.log")
    yield server
    server.stop()


def stored() -> list[bytes]:
    bodies = [bytes(event.body) for event in RawEvent.objects.order_by("id")]
    assert PendingEvent.objects.count() == len(bodies)
    return bodies


async def post(server: WebServer, body: bytes = BODY, **given: str) -> tuple[int, Any, Any]:
    async with Meta(server.url) as meta:
        return await meta.post(body, **given)


def test_a_signed_event_is_durable_before_the_200(server: WebServer) -> None:
    status, _, headers = asyncio.run(post(server))

    assert status == 200
    assert stored() == [BODY]
    assert headers["X-Request-Id"]


def test_the_request_id_of_the_caller_comes_back(server: WebServer) -> None:
    _, _, headers = asyncio.run(post(server, X_Request_Id="trace-7"))

    assert headers["X-Request-Id"] == "trace-7"


def test_a_signed_body_that_is_no_json_is_kept(server: WebServer) -> None:
    status, _, _ = asyncio.run(post(server, b"this is no JSON"))

    assert status == 200
    assert stored() == [b"this is no JSON"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        signature.sign(APP_SECRET, BODY)[:-1],
        signature.sign(APP_SECRET, BODY) + "0",
        signature.sign(APP_SECRET, BODY).removeprefix("sha256="),
        "sha1=" + signature.sign(APP_SECRET, BODY).removeprefix("sha256="),
        signature.sign("another-secret", BODY),
        signature.sign(APP_SECRET, BODY + b" "),
        "sha256=" + "é" * 32,
    ],
)
def test_a_wrong_signature_is_refused_and_nothing_stored(server: WebServer, header: str) -> None:
    status, body, _ = asyncio.run(post(server, X_Hub_Signature_256=header))

    assert status == 403
    assert body["type"] == "client_error"
    assert body["errors"] == [
        {"code": "bad_signature", "detail": body["errors"][0]["detail"], "attr": None}
    ]
    assert stored() == []


def test_a_body_cut_short_by_the_client_is_not_stored(server: WebServer) -> None:
    async def hang_up_halfway() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        signed = signature.sign(APP_SECRET, BODY)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY) + 9}\r\n"
        writer.write(f"{head}X-Hub-Signature-256: {signed}\r\n\r\n".encode() + BODY)
        await writer.drain()
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 10)
        writer.close()

    asyncio.run(hang_up_halfway())

    assert stored() == []


def test_a_body_of_three_megabytes_is_taken(server: WebServer) -> None:
    body = b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"'

    status, _, _ = asyncio.run(post(server, body))

    assert status == 200
    assert stored() == [body]


def test_bodies_announced_and_never_sent_shut_nobody_out(server: WebServer) -> None:
    signed = signature.sign(APP_SECRET, BODY)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES}\r\n"

    async def post_among_the_silent() -> int:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(60)]
        for _, writer in silent:
            writer.write(f"{head}X-Hub-Signature-256: {signed}\r\n\r\n".encode())
            await writer.drain()
        await asyncio.sleep(0.5)
        status, _, _ = await post(server, b"x" * (MAX_BODY_BYTES - 1))
        for _, writer in silent:
            writer.close()
        return status

    assert asyncio.run(post_among_the_silent()) == 200


def test_a_larger_body_is_refused_by_its_announced_length(server: WebServer) -> None:
    async def announce_too_much() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        signed = signature.sign(APP_SECRET, BODY)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n"
        writer.write(f"{head}X-Hub-Signature-256: {signed}\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 10)
        writer.close()
        return answer

    assert b" 413 " in asyncio.run(announce_too_much())
    assert stored() == []


def test_a_larger_body_of_unknown_length_is_refused(server: WebServer) -> None:
    async def stream_too_much() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        signed = signature.sign(APP_SECRET, BODY)
        writer.write(f"{head}X-Hub-Signature-256: {signed}\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for _ in range(MAX_BODY_BYTES // 0x10000 + 1):
            writer.write(chunk)
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 10)
        writer.close()
        return answer

    assert b" 413 " in asyncio.run(stream_too_much())
    assert stored() == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_other_methods_are_refused(server: WebServer, method: str) -> None:
    async def ask() -> tuple[int, str, Mapping[str, str]]:
        async with Meta(server.url) as meta:
            return await meta.ask(method)

    status, _, headers = asyncio.run(ask())

    assert status == 405
    assert headers["Allow"] == "GET, POST"


HANDSHAKE = {
    "hub.mode": "subscribe",
    "hub.verify_token": VERIFY_TOKEN,
    "hub.challenge": "1158201444",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 200),
        ({"hub.verify_token": "wrong"}, 403),
        ({"hub.verify_token": ""}, 403),
        ({"hub.mode": "unsubscribe"}, 403),
    ],
)
def test_the_handshake_needs_the_verify_token(
    server: WebServer, changes: dict[str, str], expected: int
) -> None:
    async def shake() -> tuple[int, str, Mapping[str, str]]:
        async with Meta(server.url) as meta:
            return await meta.ask("GET", HANDSHAKE | changes)

    status, body, headers = asyncio.run(shake())

    assert status == expected
    assert (body == "1158201444") is (expected == 200)
    if expected == 200:
        assert headers["Content-Type"].startswith("text/plain")


def test_many_events_at_once_are_each_stored_once(server: WebServer) -> None:
    bodies = [b'{"n":%d}' % number for number in range(300)]

    async def post_all() -> list[int]:
        async with Meta(server.url) as meta:
            answers = await asyncio.gather(*(meta.post(body) for body in bodies))
        return [status for status, _, _ in answers]

    assert set(asyncio.run(post_all())) == {200}
    assert sorted(stored()) == sorted(bodies)


def test_every_sample_posted_and_applied_loses_nothing(server: WebServer) -> None:
    make_tenants()
    bodies = [body(name) for name in names()]

    async def post_all() -> set[int]:
        async with Meta(server.url) as meta:
            answers = await asyncio.gather(*(meta.post(one) for one in [*bodies, *bodies]))
        return {status for status, _, _ in answers}

    assert asyncio.run(post_all()) == {200}
    assert sorted(stored()) == sorted([*bodies, *bodies])
    settle()
    assert {letter.reason for letter in DeadLetter.objects.all()} == {"unknown_message"}


def test_a_commit_wakes_the_workers(server: WebServer, redis_server: Any) -> None:
    asyncio.run(post(server))

    async def until_woken() -> None:
        while not redis_server.exists(redis.key("webhooks", "woken")):
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(until_woken(), 10))


def test_a_lost_connection_to_the_database_loses_no_event(server: WebServer) -> None:
    asyncio.run(post(server))
    name = settings.DATABASES["default"]["NAME"]
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND query LIKE '%%messaging_pendingevent%%'",
            [name],
        )

    status, _, _ = asyncio.run(post(server, b'{"after":"the loss"}'))

    assert status == 200
    assert RawEvent.objects.filter(body=b'{"after":"the loss"}').exists()


@pytest.fixture
def server_with(tmp_path: Path) -> Iterator[Any]:
    servers: list[WebServer] = []

    def start(**env: str) -> WebServer:
        server = WebServer()
        server.start(tmp_path / "web.log", **env)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


def test_without_a_database_meta_is_told_to_come_back(server_with: Any) -> None:
    server = server_with(DATABASE_URL="postgres://nobody@127.0.0.1:1/none")

    status, body, headers = asyncio.run(post(server))

    assert status == 503
    assert headers["Retry-After"]
    assert body["type"] == "server_error"


def test_without_redis_events_are_stored_all_the_same(server_with: Any) -> None:
    server = server_with(REDIS_URL="redis://127.0.0.1:1/0")

    statuses = [asyncio.run(post(server))[0] for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert stored() == [BODY] * 3


def test_without_a_secret_everything_is_refused(server_with: Any) -> None:
    server = server_with(
        DJANGO_SETTINGS_MODULE="config.settings",
        DEBUG="1",
        META_APP_SECRET="",
        META_VERIFY_TOKEN="",
    )

    status, body, _ = asyncio.run(post(server))
    unsigned, _, _ = asyncio.run(post(server, X_Hub_Signature_256=""))

    assert status == 503
    assert body["errors"][0]["code"] == "not_configured"
    assert unsigned == 503
    assert stored() == []
