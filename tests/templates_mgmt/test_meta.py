"""Meta's template endpoints, spoken to over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from config.lib.graph import GraphClient, GraphError, OutcomeUnknown, Timeouts
from templates_mgmt import meta

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUICK = Timeouts(connect=0.5, read=0.5, total=1.0)
ROW = {
    "id": "19",
    "name": "cita",
    "language": "es_ES",
    "category": "UTILITY",
    "status": "APPROVED",
    "parameter_format": "POSITIONAL",
    "components": [{"type": "BODY", "text": "Hola"}],
    "quality_score": {"score": "GREEN"},
    "rejected_reason": "NONE",
}


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[GraphClient]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    client = GraphClient(f"http://127.0.0.1:{server.port}", "v26.0", timeouts=QUICK)
    try:
        yield client
    finally:
        await client.close()
        await server.close()


async def test_every_page_of_templates_is_read() -> None:
    async def answer(request: web.Request) -> web.Response:
        page = int(request.query.get("after", "0"))
        paging = {"cursors": {"after": str(page + 1)}, **({"next": "x"} if page < 2 else {})}
        return web.json_response({"data": [{**ROW, "id": page}], "paging": paging})

    async with serving(answer) as client:
        found = await meta.list_templates(client, waba_id="9", token="t")

    assert [template.id for template in found] == ["0", "1", "2"]
    assert (found[0].quality, found[0].rejected_reason) == ("GREEN", "")


@pytest.mark.parametrize("row", [{}, {"components": None, "quality_score": "GREEN", "id": 3}])
async def test_a_row_of_an_unknown_shape_is_still_read(row: dict[str, Any]) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(row)

    async with serving(answer) as client:
        found = await meta.get_template(client, template_id="3", token="t")

    assert (found.components, found.status, found.quality) == ([], "UNKNOWN", "UNKNOWN")


async def test_a_new_template_is_submitted_in_metas_words() -> None:
    bodies: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({"id": 19, "status": "PENDING", "category": "MARKETING"})

    new = meta.NewTemplate("cita", "es_ES", "utility", [{"type": "BODY"}], ttl_seconds=60)
    async with serving(answer) as client:
        created = await meta.create_template(client, waba_id="9", token="t", template=new)

    assert created == meta.Created("19", "PENDING", "MARKETING")
    assert bodies[0] == {
        "name": "cita",
        "language": "es_ES",
        "category": "UTILITY",
        "parameter_format": "positional",
        "components": [{"type": "BODY"}],
        "message_send_ttl_seconds": 60,
    }


async def test_a_creation_without_an_id_leaves_the_outcome_unknown() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"success": True})

    new = meta.NewTemplate("cita", "es_ES", "utility", [])
    async with serving(answer) as client:
        with pytest.raises(OutcomeUnknown):
            await meta.create_template(client, waba_id="9", token="t", template=new)


async def test_a_refused_creation_carries_metas_subcode() -> None:
    async def answer(request: web.Request) -> web.Response:
        body = {"error": {"code": 100, "error_subcode": 2388024, "error_user_msg": "Exists."}}
        return web.json_response(body, status=400)

    new = meta.NewTemplate("cita", "es_ES", "utility", [])
    async with serving(answer) as client:
        with pytest.raises(GraphError) as caught:
            await meta.create_template(client, waba_id="9", token="t", template=new)

    assert caught.value.subcode == 2388024
    assert caught.value.error.user_message == "Exists."


async def test_deleting_names_one_language_or_all() -> None:
    queries: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        queries.append(dict(request.query))
        return web.json_response({"success": True})

    async with serving(answer) as client:
        await meta.delete_template(client, waba_id="9", token="t", name="cita")
        await meta.delete_template(client, waba_id="9", token="t", name="cita", template_id="19")

    assert queries == [{"name": "cita"}, {"name": "cita", "hsm_id": "19"}]


async def test_editing_replaces_the_components() -> None:
    seen: list[tuple[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, await request.json()))
        return web.json_response({"success": True})

    async with serving(answer) as client:
        await meta.edit_template(
            client, template_id="19", token="t", components=[{"type": "BODY"}], category="utility"
        )

    assert seen == [("/v26.0/19", {"components": [{"type": "BODY"}], "category": "UTILITY"})]


async def test_a_sample_is_uploaded_in_two_steps() -> None:
    seen: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path_qs, request.headers["Authorization"]))
        if "uploads" in request.path:
            return web.json_response({"id": "upload:abc?sig=x"})
        assert (await request.read(), request.headers["file_offset"]) == (b"png", "0")
        return web.json_response({"h": "4::handle"})

    async with serving(answer) as client:
        handle = await meta.upload_sample(
            client, app_id="7", token="t", content=b"png", mime_type="image/png"
        )

    assert handle == "4::handle"
    assert seen[0] == ("/v26.0/7/uploads?file_length=3&file_type=image/png", "Bearer t")
    assert seen[1] == ("/v26.0/upload:abc?sig=x", "OAuth t")
