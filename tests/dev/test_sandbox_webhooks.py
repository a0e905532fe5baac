"""Webhooks of the sandbox: their bytes, their batches, and that none is lost."""

import asyncio
import json
import socket

from config.dev.sandbox.outbox import serialise, sign
from tests.dev.conftest import SENDER, WABA, Graph, Receiver, connected, listening


async def test_bytes_are_escaped_and_signed_as_meta_does(graph: Graph, receiver: Receiver) -> None:
    inbound = {"from": "+34600111200", "text": "Añ / 😊", "name": "Ana"}

    await graph.control("POST", "inbound", inbound)
    await graph.settle()

    assert rb'"body":"A\u00f1 \/ \ud83d\ude0a"' in receiver.bodies[0]
    assert b", " not in receiver.bodies[0]
    assert receiver.bodies[0].isascii()
    assert receiver.signed_rightly()


def test_the_signature_is_an_hmac_of_the_raw_bytes() -> None:
    body = serialise({"a": "é/"})

    assert body == rb'{"a":"\u00e9\/"}'
    assert sign("key", b"The quick brown fox jumps over the lazy dog") == (
        "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    )


async def test_a_status_has_what_meta_puts_into_it(graph: Graph, receiver: Receiver) -> None:
    _, answer = await graph.welcome("+5531987654300", biz_opaque_callback_data="ours")
    await graph.settle()

    change = receiver.changes()[0]
    value = change["value"]
    (status,) = value["statuses"]
    assert change["field"] == "messages"
    assert value["metadata"] == {
        "display_phone_number": "34911000100",
        "phone_number_id": SENDER,
    }
    assert status["id"] == answer["messages"][0]["id"]
    assert status["recipient_id"] == "553187654300"
    assert status["biz_opaque_callback_data"] == "ours"
    assert status["timestamp"].isdigit()
    assert status["pricing"]["category"] == "utility"
    assert value["contacts"][0]["wa_id"] == "553187654300"
    assert value["contacts"][0]["user_id"] == status["recipient_user_id"]
    assert json.loads(receiver.bodies[0])["entry"][0]["id"] == WABA


async def test_updates_under_load_share_posts(graph: Graph, receiver: Receiver) -> None:
    await asyncio.gather(*(graph.welcome(f"+3461100{n:02}00") for n in range(100)))
    await graph.settle()

    assert len(receiver.statuses()) == 300
    assert len(receiver.bodies) < 100


async def test_a_refused_webhook_is_posted_again(graph: Graph, receiver: Receiver) -> None:
    receiver.answers = [500, 403, 500]

    await graph.welcome("+34611000100")
    await graph.settle()

    assert sorted(s["status"] for s in receiver.statuses()) == ["delivered", "read", "sent"]
    assert graph.sandbox.outbox.failed_posts == 3


async def test_nothing_is_lost_while_the_receiver_is_down() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    receiver = Receiver()
    async with connected(webhook_url=f"http://127.0.0.1:{port}/hook") as graph:
        for n in range(40):
            await graph.welcome(f"+3461100{n:02}00")
        while graph.sandbox.outbox.failed_posts < 3:
            await asyncio.sleep(0.01)

        async with listening(receiver, port):
            await graph.settle()

    seen = {(s["id"], s["status"]) for s in receiver.statuses()}
    assert len(seen) == 120
    assert len(receiver.statuses()) == 120


async def test_an_account_without_subscription_gets_nothing(
    graph: Graph, receiver: Receiver
) -> None:
    await graph.call("DELETE", f"{WABA}/subscribed_apps")

    await graph.welcome("+34611000100")
    await graph.settle()

    assert receiver.bodies == []
    assert (await graph.call("GET", f"{WABA}/subscribed_apps"))[1] == {"data": []}


async def test_anything_can_be_posted_as_a_signed_webhook(graph: Graph, receiver: Receiver) -> None:
    news = {"field": "account_update", "value": {"event": "DISABLED_UPDATE"}, "waba_id": WABA}
    whole = {"object": "whatsapp_business_account", "entry": []}

    first = await graph.control("POST", "webhook", news)
    second = await graph.control("POST", "webhook", whole)

    assert (first, second) == ({"answer": 200}, {"answer": 200})
    assert receiver.changes()[0]["value"] == {"event": "DISABLED_UPDATE"}
    assert json.loads(receiver.bodies[1]) == whole
    assert receiver.signed_rightly()


async def test_a_sink_accepts_and_stays_silent(receiver: Receiver) -> None:
    async with connected(webhook_url=receiver.url, sink=True) as graph:
        status, _ = await graph.welcome("+34611000197")

        assert status == 200
        assert graph.sandbox.idle
    assert receiver.bodies == []
