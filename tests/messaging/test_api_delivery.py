"""Reading messages, the delivery report and trying again, over the API."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Role
from config.lib.ids import floor_of, new_id
from messaging.messages.models import Message
from messaging.sending.models import QueueItem
from tests.factories.accounts import MembershipFactory, UserFactory, WhatsAppAccountFactory
from tests.factories.cast import client_of
from tests.factories.messaging import ConversationFactory, MessageFactory
from tests.messaging.pump import Pump

REPORT = "/api/whatsapp/delivery"
LIST = "/api/whatsapp/messages"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
Make = Callable[..., Message]


@pytest.fixture
def client(pump: Pump) -> APIClient:
    user = UserFactory.create()
    MembershipFactory.create(business=pump.business, user=user, role=Role.OWNER)
    return client_of(user)


@pytest.fixture
def make(pump: Pump) -> Make:
    """Return a function that writes a message to one person."""
    person = pump.person("+34600111222")

    def make_message(*, at: datetime = NOON, delay: int | None = None, **more: Any) -> Message:
        times: dict[str, Any] = {"sent_at": at}
        if delay is not None:
            times["delivered_at"] = at + timedelta(seconds=delay)
        if "id" not in more and at != NOON:
            more["id"] = floor_of(at)
        elif "id" not in more:
            more["id"] = _id_at(at)
        given = {"sender": pump.sender, "contact": person, "created_at": at} | times | more
        message: Message = MessageFactory.create(business=pump.business, **given)
        return message

    return make_message


def _id_at(at: datetime) -> Any:
    """Return a new id of that millisecond."""
    random = new_id().int & ((1 << 62) - 1)
    return type(new_id())(int=floor_of(at).int | random)


def ids(answer: Any) -> list[str]:
    return [one["id"] for one in answer.json()["results"]]


def test_messages_are_found_by_what_they_are_and_whom_they_are_with(
    client: APIClient, make: Make, pump: Pump
) -> None:
    sent = make()
    failed = make(status="failed")
    inbound = make(direction="inbound", status="received", type="image")
    thread = ConversationFactory.create(
        business=pump.business, sender=pump.sender, contact=sent.contact
    )

    def found(**query: str) -> set[str]:
        return set(ids(client.get(LIST, query)))

    everything = {str(one.pk) for one in (sent, failed, inbound)}
    assert found() == everything
    assert found(status="failed") == {str(failed.pk)}
    assert found(direction="inbound") == found(type="image") == {str(inbound.pk)}
    assert found(to="600 111 222") == {str(sent.pk), str(failed.pk)}
    assert found(**{"from": "+34600111222"}) == {str(inbound.pk)}
    assert found(**{"from": pump.sender.phone, "status": "sent"}) == {str(sent.pk)}
    assert found(to="+34600999999") == set()
    assert found(conversation=str(thread.pk)) == everything
    assert client.get(LIST, {"status": "failed"}).json()["results"][0]["conversation"] == str(
        thread.pk
    )


def test_messages_are_found_by_time_and_paged(client: APIClient, make: Make) -> None:
    made = [make(at=NOON + timedelta(hours=hours)) for hours in range(5)]

    since = client.get(LIST, {"created_at__gte": "2026-11-10T13:00:00Z"})
    before = client.get(LIST, {"created_at__lt": "2026-11-10T15:00:00+02:00"})
    first = client.get(LIST, {"limit": "2"})
    second = client.get(first.json()["next"])

    newest_first = [str(one.pk) for one in reversed(made)]
    assert ids(since) == newest_first[:4]
    assert ids(before) == newest_first[-1:]
    assert ids(first) + ids(second) == newest_first[:4]
    assert client.get(LIST, {"phone": "1"}).json()["errors"][0]["code"] == "unknown_filter"


def test_the_report_counts_rates_and_times(client: APIClient, make: Make, pump: Pump) -> None:
    for delay in (2, 4, 6):
        make(delay=delay, status="delivered")
    make(delay=8, status="read", read_at=NOON + timedelta(seconds=20))
    make(status="sent")
    make(status="failed", error_code=131026, failed_at=NOON)
    make(status="skipped", error_reason="opted_out", error_title="Opted out")
    make(at=NOON + timedelta(days=1))
    make(direction="inbound", status="received")

    body = client.get(
        REPORT, {"from": "2026-11-10T00:00:00Z", "to": "2026-11-12T00:00:00Z", "tz": "UTC"}
    ).json()

    first, second = body["groups"]
    assert (first["key"], second["key"]) == ("2026-11-10", "2026-11-11")
    assert (body["total"]["total"], first["total"], second["total"]) == (8, 7, 1)
    counts = {name: first[name] for name in ("sent", "delivered", "read", "failed", "skipped")}
    assert counts == {"sent": 5, "delivered": 4, "read": 1, "failed": 1, "skipped": 1}
    assert first["delivery_rate"] == pytest.approx(4 / 6, abs=1e-3)
    assert first["seconds_to_delivered"]["p50"] == 5
    assert first["seconds_to_read"] == {"p50": 20, "p95": 20}
    assert {(one["code"], one["count"]) for one in body["top_errors"]} == {
        (131026, 1),
        ("opted_out", 1),
    }


def test_the_report_groups_by_number_and_names_it(
    client: APIClient, make: Make, pump: Pump
) -> None:
    make()

    body = client.get(REPORT, {"by": "sender", "from": "2026-11-09T00:00:00Z",
                               "to": "2026-11-11T00:00:00Z"}).json()  # fmt: skip

    [group] = body["groups"]
    assert (group["key"], group["label"]) == (str(pump.sender.pk), str(pump.sender))


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ({"by": "mood"}, "by"),
        ({"tz": "Nowhere/Land"}, "tz"),
        ({"sender": "1"}, "sender"),
        ({"day": "today"}, "day"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}, "from"),
        ({"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
        ({"to": "0001-01-01T00:00:00Z"}, "to"),
    ],
)
def test_a_report_that_makes_no_sense_is_refused(
    client: APIClient, query: dict[str, str], attr: str
) -> None:
    answer = client.get(REPORT, query)

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)


def test_a_message_tells_its_story(client: APIClient, pump: Pump) -> None:
    message = pump.ask(pump.person("+34600111200"))
    pump.run()

    body = client.get(f"{REPORT}/{message.pk}").json()

    steps = [(one["status"], one["source"]) for one in body["events"]]
    assert steps == [("queued", "request"), ("sent", "pump")]
    assert client.get(f"{REPORT}/{new_id()}").status_code == 404


def test_failures_that_may_succeed_now_are_queued_again(
    client: APIClient, make: Make, pump: Pump
) -> None:
    failed = {"status": "failed", "failed_at": NOON, "template": pump.template}
    again = make(**failed, category="utility", type="template", error_code=131000)
    make(
        **failed,
        category="utility",
        type="template",
        error_code=131026,
        error_reason="undeliverable",
    )
    make(status="failed", failed_at=NOON - timedelta(days=9))

    answer = client.post("/api/messages/retry", {"failed_at__gte": "2026-11-09T00:00:00Z"})

    assert answer.json() == {
        "requeued": 1,
        "not_retryable": {"undeliverable": 1},
        "more": False,
    }
    assert [one.message_id for one in QueueItem.objects.all()] == [again.pk]


def test_one_message_is_tried_again_or_the_reason_is_given(client: APIClient, make: Make) -> None:
    def retry(message: Message, **body: Any) -> Any:
        return client.put(f"/api/messages/retry/{message.pk}", body)

    sent = retry(make())
    unknown = make(status="unknown", category="utility")
    silent, wanted = retry(unknown), retry(unknown, may_duplicate=True)

    [error] = sent.json()["errors"]
    assert (sent.status_code, error["code"]) == (409, "not_retryable")
    assert error["extra"] == {"reason": "not_failed"}
    assert silent.json()["errors"][0]["extra"] == {"reason": "outcome_unknown"}
    assert wanted.json()["status"] == "queued"


def test_a_failure_that_asks_to_wait_is_not_tried_again_before(
    client: APIClient, make: Make, pump: Pump
) -> None:
    def capped(**ago: int) -> Message:
        return make(
            status="failed",
            failed_at=timezone.now() - timedelta(**ago),
            template=pump.template,
            category="utility",
            type="template",
            error_code=131049,
            error_reason="marketing_cap",
        )

    early, due = capped(hours=23), capped(hours=25)

    one = client.put(f"/api/messages/retry/{early.pk}", {})
    many = client.post("/api/messages/retry", {})

    [error] = one.json()["errors"]
    assert (one.status_code, error["code"]) == (409, "not_retryable")
    assert error["extra"] == {"reason": "too_early"}
    assert "another try from" in error["detail"]
    assert many.json() == {"requeued": 1, "not_retryable": {"too_early": 1}, "more": False}
    assert [one.message_id for one in QueueItem.objects.all()] == [due.pk]


def test_a_pause_of_more_than_a_hundred_years_is_refused(client: APIClient, pump: Pump) -> None:
    given = {"sender": pump.sender.phone_number_id, "reason": "Holiday"}

    refused = client.post(
        "/api/whatsapp/rate-limit/pause", given | {"until": "9999-12-31T23:59:59Z"}
    )

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["attr"]) == (400, "until")
    assert not pump.sender.is_paused_at(timezone.now())


def test_limits_and_pauses_of_a_number(client: APIClient, pump: Pump) -> None:
    number = {"sender": pump.sender.phone_number_id}
    until = timezone.now() + timedelta(hours=1)

    limited = client.put("/api/whatsapp/rate-limit", number | {"per_hour": 100})
    paused = client.post(
        "/api/whatsapp/rate-limit/pause", number | {"reason": "Holiday", "until": until}
    )
    resumed = client.post("/api/whatsapp/rate-limit/resume", number)

    assert limited.json()["hour"] == {"limit": 100, "used": 0, "remaining": 100}
    assert (paused.json()["paused"], paused.json()["pause_reason"]) == (True, "Holiday")
    assert resumed.json()["paused"] is False
    events = client.get("/api/whatsapp/rate-limit/events").json()["results"]
    assert [one["kind"] for one in events] == ["resumed", "paused", "limit"]


def test_the_numbers_of_each_account_are_pulled_by_a_job_of_its_own(
    client: APIClient, pump: Pump, settings: Settings, redis_server: redis.Redis
) -> None:
    other = WhatsAppAccountFactory.create(business=pump.business)
    WhatsAppAccountFactory.create(business=pump.business, access_token="")
    settings.META_GRAPH_URL = "http://127.0.0.1:9"

    answer = client.post("/api/senders/sync")

    waiting = redis_server.lrange(f"{settings.REDIS_KEY_PREFIX}:default", 0, -1)
    jobs = [json.loads(base64.b64decode(json.loads(raw)["body"]))[1] for raw in waiting]
    assert (answer.status_code, answer.json()) == (202, {"accounts": 2})
    assert {job["account_id"] for job in jobs if "account_id" in job} == {
        str(pump.sender.account_id),
        str(other.pk),
    }


def test_a_number_is_changed(client: APIClient, pump: Pump) -> None:
    patched = client.patch(f"/api/senders/{pump.sender.pk}", {"per_second": 5})

    assert patched.json()["per_second"] == 5
    assert str(pump.sender.pk) in ids(client.get("/api/senders"))
