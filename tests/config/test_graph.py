"""The HTTP transport to Meta, against real sockets that answer, refuse, stall and hang up."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from config.lib.graph import (
    GraphClient,
    GraphError,
    OutcomeUnknown,
    Timeouts,
    TooLarge,
    Unreachable,
    UntrustedHost,
    parse_error,
)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
QUICK = Timeouts(connect=0.5, read=0.3, total=1.0)
REFUSAL = {
    "error": {
        "message": "(#131047) Re-engagement message",
        "code": 131047,
        "error_subcode": 2494055,
        "error_data": {"messaging_product": "whatsapp", "details": "Too late."},
        "fbtrace_id": "AbC",
    }
}


def answer(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def saying(*answers: bytes, seen: list[bytes] | None = None) -> Handler:
    """Answer one request after another on each connection, then hang up."""
    left = list(answers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            body = await reader.readexactly(size)
            if seen is not None:
                seen.append(head + body)
            writer.write(left.pop(0))
            await writer.drain()
        writer.close()

    return handle


@asynccontextmanager
async def meta(handler: Handler) -> AsyncIterator[GraphClient]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = GraphClient(f"http://127.0.0.1:{port}", "v26.0", timeouts=QUICK)
    try:
        yield client
    finally:
        await client.close()
        server.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def post(client: GraphClient) -> None:
    await client.request("POST", "/1/messages", token="t", json={"to": "+34622000701"})


async def test_a_request_carries_the_version_the_token_and_the_json() -> None:
    seen: list[bytes] = []

    async with meta(saying(answer(200, b'{"ok":true}'), seen=seen)) as client:
        response = await client.request("POST", "/1/messages", token="abc", json=b'{"a":1}')

    assert response.json() == {"ok": True}
    assert seen[0].startswith(b"POST /v26.0/1/messages HTTP/1.1")
    assert b"Authorization: Bearer abc" in seen[0]
    assert b"Content-Type: application/json" in seen[0]
    assert seen[0].endswith(b'{"a":1}')


async def test_two_requests_share_one_connection() -> None:
    connections = 0

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await saying(answer(200, b"{}"), answer(200, b"{}"))(reader, writer)

    async with meta(count) as client:
        await post(client)
        await post(client)

    assert connections == 1


async def test_a_refused_connection_left_nothing() -> None:
    client = GraphClient(f"http://127.0.0.1:{closed_port()}", "v26.0", timeouts=QUICK)

    with pytest.raises(Unreachable) as caught:
        await post(client)

    assert caught.value.request_left is False
    await client.close()


async def test_a_name_that_does_not_resolve_left_nothing() -> None:
    client = GraphClient("http://meta.invalid", "v26.0", timeouts=QUICK)

    with pytest.raises(Unreachable):
        await post(client)

    await client.close()


async def test_waiting_in_vain_for_a_free_connection_left_nothing() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    server = await asyncio.start_server(stall, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    patient = Timeouts(connect=0.2, read=2.0, total=3.0)
    client = GraphClient(f"http://127.0.0.1:{port}", "v26.0", timeouts=patient, connection_limit=1)
    first = asyncio.ensure_future(post(client))
    await asyncio.sleep(0.05)

    with pytest.raises(Unreachable):
        await post(client)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await client.close()
    server.close()


async def test_an_answer_that_never_comes_leaves_the_outcome_unknown() -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2)

    async with meta(stall) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await post(client)

    assert caught.value.request_left is True


async def test_a_line_dropped_after_the_request_leaves_the_outcome_unknown() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with meta(hang_up) as client:
        with pytest.raises(OutcomeUnknown):
            await post(client)


async def test_a_post_is_not_sent_twice_when_a_kept_connection_dies() -> None:
    requests = 0

    async def once_then_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
            requests += 1
            if requests > 1:
                writer.close()
                return
            writer.write(answer(200, b"{}"))

    async with meta(once_then_hang_up) as client:
        await post(client)
        with pytest.raises(OutcomeUnknown):
            await post(client)

    assert requests == 2


async def test_an_answer_cut_short_leaves_the_outcome_unknown() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"

    async with meta(saying(cut)) as client:
        with pytest.raises(OutcomeUnknown):
            await post(client)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302, 408])
async def test_an_answer_without_metas_envelope_leaves_a_post_unknown(status: int) -> None:
    async with meta(saying(answer(status, b"<html>Bad gateway</html>"))) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await post(client)

    assert caught.value.status == status


@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_an_answer_with_metas_envelope_is_a_refusal(status: int) -> None:
    body = json.dumps(REFUSAL).encode()

    async with meta(saying(answer(status, body, "Retry-After: 7"))) as client:
        with pytest.raises(GraphError) as caught:
            await post(client)

    error = caught.value
    assert (error.status, error.code, error.subcode) == (status, 131047, 2494055)
    assert (error.details, error.fbtrace_id, error.retry_after) == ("Too late.", "AbC", 7.0)


async def test_a_get_that_fails_at_a_proxy_is_a_refusal_without_code() -> None:
    async with meta(saying(answer(502, b"Bad gateway"))) as client:
        with pytest.raises(GraphError) as caught:
            await client.request("GET", "/1", token="t")

    assert caught.value.code is None


async def test_metas_usage_header_says_how_long_to_wait() -> None:
    usage = '{"1": [{"type": "messaging", "estimated_time_to_regain_access": 3}, "junk"]}'
    header = f"x-business-use-case-usage: {usage}"

    async with meta(saying(answer(400, json.dumps(REFUSAL).encode(), header))) as client:
        with pytest.raises(GraphError) as caught:
            await post(client)

    assert caught.value.retry_after == 180.0


async def test_a_failure_does_not_show_the_token() -> None:
    async with meta(saying(answer(400, json.dumps(REFUSAL).encode()))) as client:
        with pytest.raises(GraphError) as caught:
            await client.request("POST", "/1", token="top-secret", json={})

    assert "top-secret" not in repr(caught.value) + str(caught.value)


def test_each_event_loop_gets_its_own_session() -> None:
    async def ask(client: GraphClient, port: int) -> int:
        response = await client.request("GET", "/1", token="t")
        sessions.append(client._session)
        return response.status

    async def serve_and_ask() -> int:
        server = await asyncio.start_server(saying(answer(200, b"{}")), "127.0.0.1", port)
        try:
            return await ask(client, port)
        finally:
            server.close()

    sessions: list[object] = []
    port = closed_port()
    client = GraphClient(f"http://127.0.0.1:{port}", "v26.0", timeouts=QUICK)

    assert [asyncio.run(serve_and_ask()), asyncio.run(serve_and_ask())] == [200, 200]
    assert sessions[0] is not sessions[1]


async def test_a_download_comes_in_chunks_with_the_token() -> None:
    seen: list[bytes] = []
    content = bytes(range(256)) * 1000

    async with meta(saying(answer(200, content), seen=seen)) as client:
        url = f"{client._root}/file"
        chunks = [part async for part in client.download(url, token="abc", max_bytes=10**6)]

    assert b"".join(chunks) == content
    assert b"Authorization: Bearer abc" in seen[0]


async def test_a_download_stops_at_its_limit() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"100\r\n" + b"x" * 256 + b"\r\n") * 8
    )

    async with meta(saying(chunked)) as client:
        with pytest.raises(TooLarge):
            async for _ in client.download(f"{client._root}/f", token="t", max_bytes=1000):
                pass


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/file",
        "https://evilfbsbx.com/file",
        "https://lookaside.fbsbx.com.evil.example/file",
        "http://lookaside.fbsbx.com/file",
        "https://lookaside.fbsbx.com@evil.example/file",
        "not a url",
        "",
    ],
)
async def test_the_token_goes_to_no_other_host(url: str) -> None:
    client = GraphClient("https://graph.facebook.com", "v26.0", timeouts=QUICK)

    with pytest.raises(UntrustedHost):
        async for _ in client.download(url, token="t", max_bytes=10):
            pass


async def test_a_redirect_is_not_followed() -> None:
    seen: list[bytes] = []
    redirect = answer(302, b"", "Location: http://127.0.0.1:1/elsewhere")

    async with meta(saying(redirect, seen=seen)) as client:
        with pytest.raises(GraphError):
            async for _ in client.download(f"{client._root}/f", token="t", max_bytes=10):
                pass

    assert len(seen) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b'{"error": null}', b'{"error": "text"}', b'{"error": {}}', b"\xff"],
)
def test_what_is_no_envelope_has_no_code(body: bytes) -> None:
    assert parse_error(body).code is None


def test_error_data_may_be_a_string() -> None:
    error = parse_error(b'{"error": {"code": "100", "error_data": "blame_field"}}')

    assert (error.code, error.details) == (100, "blame_field")
