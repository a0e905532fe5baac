"""Meta's endpoints, spoken to over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from config.lib.graph import GraphClient, Timeouts
from messaging.meta import errors
from messaging.meta.client import Accepted, MetaClient

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = Timeouts(connect=0.5, read=0.5, total=1.0)


@asynccontextmanager
async def meta(answer: Answer) -> AsyncIterator[MetaClient]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    client = GraphClient(f"http://127.0.0.1:{server.port}", "v26.0", timeouts=QUICK)
    try:
        yield MetaClient(client)
    finally:
        await client.close()
        await server.close()


def always(body: Any, status: int = 200) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return answer


async def test_an_accepted_message_brings_its_wamid() -> None:
    answer = {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+34611000001", "wa_id": "34611000001"}],
        "messages": [{"id": "wamid.1", "message_status": "held_for_quality_assessment"}],
    }

    async with meta(always(answer)) as client:
        accepted = await client.send("1", "t", b"{}")

    assert accepted == Accepted("wamid.1", "34611000001", "", "held_for_quality_assessment")


async def test_a_send_by_user_id_brings_no_wa_id() -> None:
    answer = {"contacts": [{"input": "ES.1", "user_id": "ES.1"}], "messages": [{"id": "wamid.1"}]}

    async with meta(always(answer)) as client:
        accepted = await client.send("1", "t", {"type": "text"})

    assert accepted == Accepted("wamid.1", "", "ES.1", "")


@pytest.mark.parametrize(
    "answer", [{}, [], None, {"messages": []}, {"messages": [{}]}, {"success": True}]
)
async def test_an_answer_without_a_wamid_leaves_the_outcome_unknown(answer: Any) -> None:
    async with meta(always(answer)) as client:
        with pytest.raises(errors.OutcomeUnknown):
            await client.send("1", "t", b"{}")


async def test_a_refusal_is_a_named_error() -> None:
    refusal = {"error": {"code": 131056, "message": "pair rate limit", "fbtrace_id": "Tr"}}

    async with meta(always(refusal, 400)) as client:
        with pytest.raises(errors.Throttled) as caught:
            await client.send("1", "t", b"{}")

    assert (caught.value.lane, caught.value.trace_id) == ("pair", "Tr")


async def test_an_id_cannot_reach_another_endpoint() -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.json_response({})

    async with meta(answer) as client:
        for evil in ("../me", "1/../../me?x=1", "1#a", "..", ""):
            await client.get_media(evil, "t")

    assert all(path.startswith("/v26.0/") and path.count("/") == 2 for path in seen), seen
    assert not any("?" in path for path in seen)


async def test_pages_are_followed_to_the_end() -> None:
    async def answer(request: web.Request) -> web.Response:
        page = int(request.query.get("after", "0"))
        paging = {"cursors": {"after": str(page + 1)}, **({"next": "x"} if page < 2 else {})}
        row = {"id": page, "display_phone_number": "+34 911", "throughput": {"level": "HIGH"}}
        return web.json_response({"data": [row, "junk"], "paging": paging})

    async with meta(answer) as client:
        numbers = await client.list_phone_numbers("9", "t")

    assert [number.id for number in numbers] == ["0", "1", "2"]
    assert numbers[0].throughput_level == "HIGH"
    assert numbers[0].quality_rating == "UNKNOWN"


async def test_marking_read_may_show_that_somebody_types() -> None:
    bodies: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({"success": True})

    async with meta(answer) as client:
        await client.mark_read("1", "t", "wamid.1")
        await client.mark_read("1", "t", "wamid.1", typing=True)

    assert bodies[0] == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.1",
    }
    assert bodies[1]["typing_indicator"] == {"type": "text"}


async def test_a_file_is_uploaded_as_a_form_and_downloaded_in_full() -> None:
    stored: dict[str, bytes] = {}

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            form = await request.post()
            field = form["file"]
            assert isinstance(field, web.FileField)
            assert (form["messaging_product"], form["type"]) == ("whatsapp", "image/png")
            stored["7"] = field.file.read()
            return web.json_response({"id": "7"})
        if request.path.endswith("/7"):
            url = f"http://{request.host}/blob"
            return web.json_response({"id": "7", "url": url, "file_size": "4", "sha256": "s"})
        return web.Response(body=stored["7"])

    async with meta(answer) as client:
        media_id = await client.upload_media(
            "1", "t", content=b"\x89PNG", mime_type="image/png", filename="a.png"
        )
        found = await client.get_media(media_id, "t")
        parts = [part async for part in client.download_media(found.url, "t", max_bytes=100)]

    assert b"".join(parts) == b"\x89PNG"
    assert found.size_bytes == 4


async def test_subscribing_with_a_callback_overrides_it() -> None:
    bodies: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({"success": True})

    async with meta(answer) as client:
        await client.subscribe_app("9", "t")
        await client.subscribe_app("9", "t", callback_url="https://a.example", verify_token="v")

    assert bodies == [{}, {"override_callback_uri": "https://a.example", "verify_token": "v"}]
