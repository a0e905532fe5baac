"""The sandbox as our Meta, and a business that sends through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.messaging.pump import Pump, make_pump
from tests.sandbox import SandboxProcess


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    """Return a sandbox that sends no webhooks: what it accepts is asked of it."""
    process = SandboxProcess("--sink")
    yield process
    process.stop()


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess, settings: Settings) -> SandboxProcess:
    """Return the sandbox, empty and well-behaved, as the Graph API of this process."""
    sandbox_process.reset()
    settings.META_GRAPH_URL = sandbox_process.url
    return sandbox_process


@pytest.fixture
def pump(transactional_db: None, sandbox: SandboxProcess) -> Pump:
    """Return a business that can send."""
    return make_pump()
