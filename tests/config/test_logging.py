"""Log lines carry ids and never people."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.test import Client

from config.lib.logging import accepted_request_id, redact_text, scrub_sentry, settings_for


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Return what is written to a handler with our JSON formatter."""
    stream = io.StringIO()
    config = settings_for("json", "INFO")["formatters"]["line"]
    formatter = structlog.stdlib.ProcessorFormatter(
        **{name: value for name, value in config.items() if name != "()"}
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def last(lines: io.StringIO) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(lines.getvalue().splitlines()[-1])
    return parsed


@pytest.mark.parametrize(
    "text",
    [
        "to +5511987654321 failed",
        "GET /api/compliance/consent/%2B5511987654321",
        "wa_id 5511987654321.",
        "call +34 600 111 222 now",
        "tel-0034987654321",
        "2024-0034987654321",
        "face-0034987654321",
        "01a20929-4c6e-7404-93f2-0034987654321",
        "token EAAGm0PX4ZCpsBAKZCxyz123",
        "Authorization: Bearer abc.def-ghi",
        "Api-Key sb_live_123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoxfQ.c2lnbmF0dXJl",
    ],
)
def test_people_and_secrets_are_cut_out_of_text(text: str) -> None:
    cut = redact_text(text)

    assert "[redacted]" in cut
    assert not any(
        part in cut for part in ("98765", "600 111", "0PX4", "def-ghi", "sb_live", "eyJ1")
    )


@pytest.mark.parametrize(
    "text",
    [
        "01936d2e-7c3f-7abc-8def-0123456789ab",
        "campaign 01a22493-0054-7326-8551-b9215d30fe67, 01a20929-4c6e-7404-93f2-005520180679",
        "campaign 00a22493-0054-7326-8551-b9215d30fe67, 00120929-4116-7404-9312-005520180679",
        "2026-11-20T12:30:15.123456Z",
        "took 1234 ms, 12.5 %",
        "GET /api/whatsapp/messages/01936d2e-7c3f-7abc-8def-012345678901",
    ],
)
def test_ids_and_times_stay(text: str) -> None:
    assert redact_text(text) == text


def test_fields_that_hold_content_are_cut_whatever_they_hold(lines: io.StringIO) -> None:
    structlog.get_logger("test").info(
        "sent",
        text="hello",
        to="x",
        nested={"password": "p"},
        items=[{"token": "t"}],
        phone_number_id="106540352242922",
        message_id="01936d2e-7c3f-7abc-8def-0123456789ab",
    )

    line = last(lines)
    assert line["text"] == line["to"] == "[redacted]"
    assert line["nested"]["password"] == line["items"][0]["token"] == "[redacted]"
    assert line["phone_number_id"] == "106540352242922"
    assert line["message_id"] == "01936d2e-7c3f-7abc-8def-0123456789ab"


def test_the_standard_library_logs_through_the_same_pipe(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="req-1"):
        logging.getLogger("django.request").warning("Not found: %s", "/x/+5511987654321")

    line = last(lines)
    assert line["event"] == "Not found: /x/[redacted]"
    assert (line["request_id"], line["level"], line["logger"]) == (
        "req-1",
        "warning",
        "django.request",
    )


def test_a_traceback_is_cleaned_too(lines: io.StringIO) -> None:
    try:
        raise ValueError("cannot send to +5511987654321")
    except ValueError:
        structlog.get_logger("test").exception("failed")

    assert "5511987654321" not in lines.getvalue()
    assert "ValueError" in last(lines)["exception"]


@pytest.mark.parametrize(("status", "is_traced"), [(403, False), (404, False), (500, True)])
def test_a_refusal_is_logged_without_a_traceback(
    lines: io.StringIO, status: int, is_traced: bool
) -> None:
    try:
        raise PermissionError("no")
    except PermissionError:
        logging.getLogger("django.request").exception("Refused", extra={"status_code": status})

    assert ("exception" in last(lines)) is is_traced


def test_a_request_id_is_accepted_when_it_is_safe() -> None:
    assert accepted_request_id("abc-123") == "abc-123"
    for safe in ("order-2026.11_20", "x" * 64):
        assert accepted_request_id(safe) == safe
    for unsafe in ("", "a b", "x" * 65, "a\nb", "é"):
        assert accepted_request_id(unsafe) != unsafe
        assert len(accepted_request_id(unsafe)) == 36


def test_an_id_of_many_digits_is_accepted_as_a_uuid_only() -> None:
    known = "019AA1B2-1234-7890-8123-123456789012"

    assert accepted_request_id(known) == known
    assert accepted_request_id(f"{known}0") != f"{known}0"


@pytest.mark.parametrize(
    "person", ["+34600555401", "34600555401", "ana@example.com", "wa.34600555401", "6005554"]
)
def test_an_id_that_may_name_a_person_is_replaced(
    lines: io.StringIO, client: Client, person: str
) -> None:
    given = {"X-Request-Id": person, "X-Correlation-Id": person}

    answer = client.get("/nowhere", headers=given)

    assert len(answer["X-Request-Id"]) == 36
    assert lines.getvalue()
    assert person not in lines.getvalue()


def test_every_response_names_its_request(client: Client) -> None:
    assert client.get("/health/live", headers={"X-Request-Id": "mine"})["X-Request-Id"] == "mine"
    assert (
        len(client.get("/health/live", headers={"X-Request-Id": "not mine"})["X-Request-Id"]) == 36
    )


def test_sentry_learns_nothing_about_people() -> None:
    event = {
        "user": {"id": 1, "ip_address": "1.2.3.4"},
        "request": {"method": "POST", "url": "/x/+5511987654321", "data": "x", "headers": {}},
        "exception": {"values": [{"value": "Bearer abc"}]},
    }

    assert scrub_sentry(event, None) == {
        "request": {"method": "POST", "url": "/x/[redacted]"},
        "exception": {"values": [{"value": "[redacted]"}]},
    }
