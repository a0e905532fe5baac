"""What the journeys share: everything running on servers of its own, and ways to speak to it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, TypeVar

import pytest

from config.dev.demo_business import PASSWORD
from config.dev.embedded.host import choose_port
from config.dev.processes import Stack
from tests.database import ROOT

T = TypeVar("T")
POLL_SECONDS = 0.2

# All journeys sign in from one address, and on one stack.
SIGN_INS = {"API_LOGIN_RATE_LIMIT": "1000/min"}


@contextmanager
def running(
    home: Path,
    *,
    env: Mapping[str, str] | None = None,
    postgres: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Run everything on servers of its own below `home`; `postgres` are settings of the server."""
    env = {**SIGN_INS, **(env or {})}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
        port, sandbox_port = choose_port(None), choose_port(None)
        made = Stack(home, port=port, sandbox_port=sandbox_port, env=env, log_dir=home / "logs")
    made.servers.given.clear()  # the suite's, or a developer's in `.env`
    made.servers.postgres.settings.update(postgres or {})
    try:
        made.start()
        yield made
    finally:
        made.stop()
        made.servers.destroy()


def play(stack: Stack, *arguments: str, tries: int = 1) -> dict[str, Any]:
    """Run the scene over the stack's database; its answer is JSON."""
    for _ in range(tries):
        done = subprocess.run(
            [sys.executable, "-m", "tests.journeys.scene", *arguments],
            cwd=ROOT,
            env=stack.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            return found
        time.sleep(1)
    raise AssertionError(done.stderr[-2000:])


def sandbox(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    """Call the stack's sandbox; return the JSON it answers."""
    status, answer = _call(method, stack.sandbox_url + path, body)
    assert status == 200, answer
    return answer


def accepted_by(stack: Stack) -> list[dict[str, Any]]:
    """Return what the sandbox accepted, in order."""
    url = f"{stack.sandbox_url}/_sandbox/messages?format=jsonl"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  # loopback
        return [json.loads(line) for line in answer]


def wait_for(look: Callable[[], T | None], *, what: str, seconds: float = 60) -> T:
    """Look until something is there; return it."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(POLL_SECONDS)


def wait_until_quiet(stack: Stack) -> None:
    """Wait until the sandbox has told everything and nothing is under way to it."""

    def is_quiet() -> bool:
        before = sandbox(stack, "GET", "/_sandbox/messages?count=1")
        is_idle: bool = sandbox(stack, "GET", "/_sandbox/webhooks")["idle"]
        time.sleep(1)
        is_silent: bool = before == sandbox(stack, "GET", "/_sandbox/messages?count=1")
        return is_idle and is_silent

    wait_for(is_quiet, what="silence")


class Client:
    """Somebody signed in to our API."""

    def __init__(self, stack: Stack, email: str) -> None:
        self._base = stack.web_url
        self._headers: dict[str, str] = {}
        known = {"email": email, "password": PASSWORD}
        status, answer = self.post("/api/auth/token", known)
        assert status == 200, answer
        self._headers = {"Authorization": f"Bearer {answer['access']}"}

    def get(self, path: str) -> Any:
        """Return what a GET answers."""
        status, answer = _call("GET", self._base + path, None, self._headers)
        assert status == 200, answer
        return answer

    def with_key(self, secret: str) -> Client:
        """Return a program that shows this API key."""
        made = copy(self)
        made._headers = {"Authorization": f"Api-Key {secret}"}
        return made

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """POST JSON; return the status and the answer. `idempotency_key` names a header."""
        return self.send("POST", path, body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask with any method; return the status and the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return _call(method, self._base + path, body, self._headers | named)


def _call(
    method: str, url: str, body: Any, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)  # noqa: S310  # loopback
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # loopback
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
