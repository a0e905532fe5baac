"""Meta's door and what is behind it, with bodies nobody expects.

Whatever comes: never a 5xx, an answer as the document describes, and after the workers ran every
signed body is applied or a dead letter. `FUZZ_EXAMPLES=2000` looks longer, at other input.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.transport import Response

from messaging.jobs import APPLY_WEBHOOKS
from messaging.messages.models import Message
from messaging.meta import signature
from messaging.webhooks.intake import MAX_BODY_BYTES, PATH
from messaging.webhooks.models import DeadLetter, PendingEvent, RawEvent
from tests.celery_worker import Worker
from tests.database import ROOT
from tests.fuzz.bodies import DEEP_MESSAGE, Request, handshakes, posts
from tests.fuzz.test_schema import CHECKS
from tests.messaging.webhook_events import make_tenants
from tests.messaging.webhook_server import APP_SECRET, WebServer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
IS_LONG = "FUZZ_EXAMPLES" in os.environ
ROUNDS = 12  # more than an event is tried

fuzzing = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=not IS_LONG,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)

# A message whose content is nested deeper than we write JSON: it can only be put aside.
UNWRITABLE = DEEP_MESSAGE % (b'{"a":' * 300 + b"1" + b"}" * 300)
CANARY = (
    '{"object":"whatsapp_business_account","entry":[{"id":"623456789000022","changes":[{"field":'
    '"messages","value":{"metadata":{"phone_number_id":"512345678900011"},"messages":[{"from":'
    '"346220%05d","id":"wamid.canary.%d","timestamp":"1793011200","type":"text","text":{"body":'
    '"Hello"}}]}}]}]}'
)


@pytest.fixture(scope="module")
def server(django_db_setup: None, tmp_path_factory: Any) -> Iterator[WebServer]:
    server = WebServer()
    server.start(tmp_path_factory.mktemp("web") / "web.log")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def described() -> Callable[[Request, Any, bytes], None]:
    """Return a check of an answer against the document in docs/."""
    schema: Any = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.yaml")
    operations = {method: schema[PATH][method] for method in ("GET", "POST")}

    def check(sent: Request, answer: http.client.HTTPResponse, content: bytes) -> None:
        headers = {name: answer.headers.get_all(name) or [] for name in answer.headers}
        asked = requests.Request(sent.method, "http://x" + PATH).prepare()
        got = Response(answer.status, headers, content, asked, 0.0, verify=False)
        case = operations[sent.method].Case()
        case.validate_response(got, checks=CHECKS)

    return check


class Door:
    """The webhook over one connection; remembers what it promised to keep."""

    def __init__(self, server: WebServer, check: Callable[[Request, Any, bytes], None]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._check = check
        self.promised: list[bytes] = []

    def send(self, sent: Request) -> tuple[int, bytes]:
        """Send a request, hold its answer against the document, and return it."""
        connection = self._connection
        connection.close()  # a refusal leaves the body unread
        connection.putrequest(sent.method, f"{PATH}?{sent.query}" if sent.query else PATH)
        if sent.method == "POST":
            connection.putheader("Content-Length", str(len(sent.body)))
        for name, value in sent.headers:
            connection.putheader(name, value)
        connection.endheaders(sent.body or None)
        answer = connection.getresponse()
        content = answer.read()
        self._check(sent, answer, content)
        if sent.method == "POST" and answer.status == 200:
            self.promised.append(sent.body)
        return answer.status, content

    def post(self, body: bytes) -> int:
        """Post a body signed as Meta does."""
        signed = signature.sign(APP_SECRET, body).encode()
        return self.send(Request("POST", "", (("X-Hub-Signature-256", signed),), body, True))[0]

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def door(server: WebServer, described: Any, transactional_db: None) -> Iterator[Door]:
    made = Door(server, described)
    yield made
    made.close()


def test_no_handshake_breaks_the_door(door: Door) -> None:
    @fuzzing
    @given(sent=handshakes())
    def call(sent: Request) -> None:
        status, _ = door.send(sent)
        assert status in {200, 403}

    call()


def test_every_body_is_refused_or_applied_or_put_aside(door: Door, worker: Worker) -> None:
    make_tenants()

    @fuzzing
    @given(sent=posts())
    def call(sent: Request) -> None:
        status, _ = door.send(sent)
        assert status == (200 if sent.is_signed else 403)

    call()
    for body in (b"", b"x" * MAX_BODY_BYTES, b'{"a":"' + b"\\ud83d" * 400_000 + b'"}', UNWRITABLE):
        assert door.post(body) == 200
    for number in range(20):
        assert door.post((CANARY % (number, number)).encode()) == 200

    assert sorted(bytes(one) for one in RawEvent.objects.values_list("body", flat=True)) == sorted(
        door.promised
    )
    pid = worker.pid
    settle(worker)

    assert (worker.pid, worker.is_alive()) == (pid, True)
    assert not PendingEvent.objects.exists()
    assert RawEvent.objects.count() == len(door.promised)
    assert DeadLetter.objects.filter(reason="error", detail="TypeError").exists()
    assert Message.across_businesses.filter(wamid__startswith="wamid.canary.").count() == 20
    assert "Traceback" not in without_single_failures(worker)


def settle(worker: Worker) -> None:
    """Let the worker try every event as often as it wants, without the waits between."""
    for _ in range(ROUNDS):
        worker.drain(seconds=300)
        if not PendingEvent.objects.exists():
            return
        PendingEvent.objects.update(not_before="2026-01-01T00:00Z")
        APPLY_WEBHOOKS.enqueue_now()


def without_single_failures(worker: Worker) -> str:
    """Return the worker's log without the events that failed alone: those become dead letters."""
    lines = worker.log.read_text(errors="replace").splitlines()
    return "\n".join(line for line in lines if "webhook_event_failed" not in line)
