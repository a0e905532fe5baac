"""Nothing is done with a right after the commit that took it, however many try.

Real HTTP, a real server, a connection for each request. The instant of a commit is PostgreSQL's
own (`track_commit_timestamp`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any

import pytest

from config.dev.processes import Stack
from tests.journeys.stack import Client, play

REQUESTS = 100
USES = REQUESTS - 1

Taking = Callable[[Client, dict[str, Any]], tuple[int, Any]]


def demote(owner: Client, scene: dict[str, Any]) -> tuple[int, Any]:
    return owner.send("PATCH", f"/api/users/{scene['agent']}", {"role": "analyst"})


def remove(owner: Client, scene: dict[str, Any]) -> tuple[int, Any]:
    return owner.send("DELETE", f"/api/permissions/{scene['agent']}")


def revoke_key(owner: Client, scene: dict[str, Any]) -> tuple[int, Any]:
    return owner.send("DELETE", f"/api/api-keys/{scene['key']['id']}")


@pytest.mark.parametrize("take", [demote, remove, revoke_key])
def test_no_use_of_a_right_is_committed_after_its_revocation(stack: Stack, take: Taking) -> None:
    owner, agent = Client(stack, "owner@example.com"), Client(stack, "agent@example.com")
    scene = play(stack, "agent")
    made = owner.post("/api/api-keys", {"name": "Shop", "permissions": ["contacts.manage"]})
    scene["key"] = made[1]
    user = agent.with_key(made[1]["key"]) if take is revoke_key else agent
    barrier = Barrier(REQUESTS)

    def ask(number: int) -> int:
        barrier.wait()
        if number == REQUESTS // 3:
            status, answer = take(owner, scene)
            assert status in {200, 204}, answer
            return 0
        status, _ = user.post("/api/tags", {"name": f"use {take.__name__} {number}"})
        return status

    with ThreadPoolExecutor(REQUESTS) as threads:
        statuses = list(threads.map(ask, range(REQUESTS)))
    late, _ = user.post("/api/tags", {"name": f"use {take.__name__} late"})

    found = play(stack, "rights", f"use {take.__name__}")
    uses = [datetime.fromisoformat(at) for at in found["uses"]]
    taken = max(datetime.fromisoformat(at) for at in found["taken"])
    assert len(uses) == statuses.count(201)
    assert set(statuses) <= {0, 201, 401, 403, 404}, statuses
    assert late in {401, 403, 404}
    assert [at for at in uses if at > taken] == []
