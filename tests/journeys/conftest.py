"""One stack for the journeys that kill nothing, with the demo business afresh for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config.dev.processes import Stack
from tests.journeys.stack import running, sandbox


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return everything running; PostgreSQL keeps the instant of each commit."""
    home = tmp_path_factory.mktemp("journeys")
    with running(home, postgres={"track_commit_timestamp": "on"}) as made:
        yield made


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """Return the stack as new: the demo business did nothing yet, the sandbox knows nobody."""
    sandbox(shared_stack, "POST", "/_sandbox/reset")
    shared_stack.manage("demo_business", "--afresh")
    return shared_stack
