"""Misbehaviour on request: each fault does what it says, to the same messages every time."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.dev.conftest import Graph, Receiver, connected


async def accepted(graph: Graph) -> set[str]:
    """Return the callback data of every accepted message."""
    page = await graph.control("GET", "messages?limit=10000")
    return {message["biz_opaque_callback_data"] for message in page["messages"]}


async def send_many(graph: Graph, count: int = 40) -> dict[str, Any]:
    """Send messages one after the other; return status, or error, by callback data."""
    results: dict[str, Any] = {}
    for n in range(count):
        name = f"m{n}"
        try:
            status, answer = await graph.welcome(f"+3461100{n:02}00", biz_opaque_callback_data=name)
            results[name] = answer["error"]["code"] if "error" in answer else status
        except aiohttp.ContentTypeError as error:
            results[name] = error.status
        except aiohttp.ClientError as error:
            results[name] = type(error).__name__
    return results


@pytest.mark.parametrize(
    ("faults", "answer", "inside"),
    [
        ({"throttle": 1}, 130429, False),
        ({"throttle": 1, "throttle_code": 80007}, 80007, False),
        ({"http_5xx_before": 1}, 502, False),
        ({"http_5xx_before": 1, "http_5xx_meta_body": True}, 131000, False),
        ({"http_5xx_after": 1}, 502, True),
        ({"drop_connection_before": 1}, "ServerDisconnectedError", False),
        ({"drop_connection_after": 1}, "ServerDisconnectedError", True),
        ({"timeout_before_accept": 1, "stall_seconds": 0.05}, "ServerDisconnectedError", False),
        ({"timeout_after_accept": 1, "stall_seconds": 0.05}, "ServerDisconnectedError", True),
    ],
)
async def test_a_fault_strikes_before_or_after_accepting(
    graph: Graph, faults: dict[str, Any], answer: int | str, inside: bool
) -> None:
    await graph.control("POST", "faults", faults)

    results = await send_many(graph, 1)

    assert results == {"m0": answer}
    assert await accepted(graph) == ({"m0"} if inside else set())


async def test_fractions_strike_the_same_messages_for_the_same_seed() -> None:
    async def struck(seed: int) -> set[str]:
        async with connected(webhook_url="") as graph:
            await graph.control("POST", "faults", {"throttle": 0.3, "seed": seed})
            return {name for name, code in (await send_many(graph)).items() if code == 130429}

    first, again, other = await struck(1), await struck(1), await struck(2)

    assert first == again != other
    assert 3 < len(first) < 25


async def test_a_retry_is_decided_anew(graph: Graph) -> None:
    await graph.control("POST", "faults", {"throttle": 0.5})

    codes = [(await graph.welcome("+34611000100"))[0] for _ in range(20)]

    assert {200, 429} == set(codes)


async def test_throughput_and_pair_limits_are_counted(graph: Graph) -> None:
    await graph.control("POST", "faults", {"throughput_per_second": 5})
    answers = await asyncio.gather(*(graph.welcome(f"+346110001{n:02}") for n in range(8)))
    assert sorted(status for status, _ in answers) == [200] * 5 + [429] * 3

    await graph.control("DELETE", "faults")
    await graph.control("POST", "faults", {"pair_limit": True})
    codes = [(await graph.welcome("+34611000100"))[0] for _ in range(46)]

    assert codes == [200] * 45 + [429]


async def test_webhooks_are_repeated_dropped_and_shuffled(graph: Graph, receiver: Receiver) -> None:
    await graph.control("POST", "faults", {"webhook_duplicates": 1})
    await graph.welcome("+34611000100")
    await graph.settle()
    assert len(receiver.statuses()) == 6

    await graph.control("POST", "faults", {"webhook_duplicates": 0, "webhook_drop": 1})
    await graph.welcome("+34611000100")
    await graph.settle()
    assert len(receiver.statuses()) == 6

    receiver.bodies.clear()
    shuffled = {"webhook_drop": 0, "webhook_reorder": 1, "webhook_reorder_ms": 400}
    await graph.control("POST", "faults", shuffled)
    await send_many(graph, 10)
    await graph.settle()
    order: dict[str, list[str]] = {}
    for status in receiver.statuses():
        order.setdefault(status["id"], []).append(status["status"])
    assert all(sorted(names) == ["delivered", "read", "sent"] for names in order.values())
    assert any(names != ["sent", "delivered", "read"] for names in order.values())


async def test_the_batch_size_is_kept(graph: Graph, receiver: Receiver) -> None:
    await graph.control("POST", "faults", {"webhook_batch_size": 1})

    await send_many(graph, 5)
    await graph.settle()

    assert len(receiver.bodies) == len(receiver.statuses()) == 15


async def test_faults_are_shown_kept_and_cleared(graph: Graph) -> None:
    before = await graph.control("GET", "faults")

    await graph.control("POST", "faults", {"latency_ms": 1})
    after = await graph.control("POST", "faults", {"throttle": 0.1})
    cleared = await graph.control("DELETE", "faults")

    assert (after["latency_ms"], after["throttle"]) == (1, 0.1)
    assert before == cleared


@pytest.mark.parametrize(
    "faults", [{"throttle": 2}, {"typo": 1}, {"throttle_code": 5}, {"invalid_tokens": "x"}]
)
async def test_a_fault_that_makes_no_sense_changes_nothing(
    graph: Graph, faults: dict[str, Any]
) -> None:
    url = f"{graph.sandbox.base_url}/_sandbox/faults"
    async with graph.http.post(url, json={"latency_ms": 9, **faults}) as response:
        assert response.status == 400

    assert (await graph.control("GET", "faults"))["latency_ms"] == 0
