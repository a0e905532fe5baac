"""A person writes and an agent answers: inside the window, once, and ahead of any campaign."""

from __future__ import annotations

import statistics
import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

from config.dev.processes import Stack
from tests.journeys.stack import Client, accepted_by, play, sandbox, wait_for

AGENT, MANAGER = "agent@example.com", "manager@example.com"
WRITER, STRANGER = "+34600200100", "+34600200300"
SENT_BY_PEOPLE = (
    {"type": "text", "text": {"body": "Is the shop open on Sunday?"}},
    {"type": "image", "image": {"id": "1200000000000001", "mime_type": "image/jpeg"}},
    {
        "type": "interactive",
        "interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}},
    },
)
CAMPAIGN = ("--people", "3000", "--per-second", "50")
REPLIES = 5
SOON_SECONDS = 2

Json = dict[str, Any]


def test_an_agent_answers_a_person_who_wrote(stack: Stack) -> None:
    agent = Client(stack, AGENT)
    for content in SENT_BY_PEOPLE:
        writes(stack, WRITER, content)
    heard = wait_for(lambda: inbound_of(agent, WRITER, len(SENT_BY_PEOPLE)), what="messages")

    assert {row["type"] for row in heard} == {content["type"] for content in SENT_BY_PEOPLE}
    [conversation] = {row["conversation"] for row in heard}

    status, answer = send(agent, WRITER, "Yes, from ten.")

    assert status == 202
    assert answer["conversation"] == conversation
    delivered = wait_for(lambda: message_in(agent, answer["id"], "read"), what="delivery")
    assert delivered["delivered_at"]
    [row] = accepted_by(stack)
    assert (row["wa_id"], row["body"]["text"]) == (WRITER[1:], {"body": "Yes, from ten."})


def test_nobody_is_answered_outside_their_window(stack: Stack) -> None:
    agent = Client(stack, AGENT)

    status, answer = send(agent, STRANGER, "Are you there?")

    assert status == 409
    assert answer["errors"][0]["code"] == "outside_service_window"
    assert agent.get("/api/whatsapp/messages")["results"] == []


def test_an_answer_asked_for_twice_with_one_key_is_one_message(stack: Stack) -> None:
    agent = Client(stack, AGENT)
    writes(stack, WRITER, SENT_BY_PEOPLE[0])
    wait_for(lambda: inbound_of(agent, WRITER, 1), what="the message")

    answers = [send(agent, WRITER, "Yes.", idempotency_key="answer-1") for _ in range(2)]

    assert [status for status, _ in answers] == [202, 202]
    [message_id] = {answer["id"] for _, answer in answers}
    wait_for(lambda: message_in(agent, message_id, "read"), what="delivery")
    assert [row["biz_opaque_callback_data"] for row in accepted_by(stack)] == [message_id]


def test_an_answer_overtakes_a_campaign_to_others(stack: Stack) -> None:
    agent = Client(stack, AGENT)
    scene = play(stack, "open", *CAMPAIGN)
    writes(stack, WRITER, SENT_BY_PEOPLE[0])
    wait_for(lambda: inbound_of(agent, WRITER, 1), what="the message")
    wait_for(lambda: accepted_by(stack), what="the campaign's first message")

    waits = [seconds_to_accept(stack, agent, f"Answer {number}") for number in range(REPLIES)]

    progress = agent.get(f"/api/whatsapp/bulk-send/{scene['campaign']}")
    assert statistics.median(waits) < SOON_SECONDS, waits
    assert progress["status"] == "running"
    assert progress["counts"]["queued"] > len(SENT_BY_PEOPLE)
    cancel(Client(stack, MANAGER), scene["campaign"])


def seconds_to_accept(stack: Stack, agent: Client, body: str) -> float:
    """Answer the writer; return how long after asking the sandbox accepted it."""
    asked_at = time.time()
    status, answer = send(agent, WRITER, body)
    assert status == 202, answer
    row = wait_for(lambda: accepted_as(stack, answer["id"]), what="the answer's acceptance")
    return datetime.fromisoformat(row["accepted_at"]).timestamp() - asked_at


def accepted_as(stack: Stack, message_id: str) -> Json | None:
    """Return the sandbox's entry of one of our messages."""
    rows = reversed(accepted_by(stack))
    return next((row for row in rows if row["biz_opaque_callback_data"] == message_id), None)


def writes(stack: Stack, phone: str, message: Json) -> None:
    """Let a person write to the business."""
    sandbox(stack, "POST", "/_sandbox/inbound", {"from": phone, "message": message})


def send(client: Client, to: str, body: str, **headers: str) -> tuple[int, Json]:
    """Ask for a text."""
    message = {"to": to, "type": "text", "text": {"body": body}}
    return client.post("/api/whatsapp/send", message, **headers)


def inbound_of(client: Client, phone: str, count: int) -> list[Json] | None:
    """Return what a person wrote once so many messages are there."""
    path = f"/api/whatsapp/messages?direction=inbound&from={quote(phone)}"
    rows: list[Json] = client.get(path)["results"]
    return rows if len(rows) == count else None


def message_in(client: Client, message_id: str, status: str) -> Json | None:
    """Return the message once it is in this status."""
    found: Json = client.get(f"/api/whatsapp/messages/{message_id}")
    return found if found["status"] == status else None


def cancel(client: Client, campaign: str) -> None:
    """Take back what has not left."""
    status, answer = client.post(
        f"/api/whatsapp/bulk-send/{campaign}/control", {"action": "cancel"}
    )
    assert status in {200, 202}, answer
