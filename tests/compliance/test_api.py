"""The consent routes, as a client sees them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Role
from compliance import ledger
from compliance.models import AuditEntry, ConsentEvent
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.compliance import opt_in

PHONE = "+34600111222"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def client(cast: Cast) -> APIClient:
    return client_of(cast.bob)


def grant(client: APIClient, **more: Any) -> Any:
    body = {
        "phone_number": "600 111 222",
        "status": "opted_in",
        "scope": "marketing",
        "source": "Web form",
        "proof": {"form": "newsletter"},
    }
    return client.post("/api/compliance/consent", body | more)


def person(client: APIClient, number: str = PHONE) -> Any:
    return client.get(f"/api/compliance/consent/{number}").json()


def standing(answer: Any) -> dict[str, Any]:
    return {row["scope"]: (row["messageable"], row["refusal"]) for row in answer["state"]}


def test_a_consent_is_recorded_under_any_spelling_and_read_back(client: APIClient) -> None:
    created = grant(client)

    assert created.status_code == 201
    assert created.json()["recorded"][0]["phone_number"] == PHONE
    seen = person(client, "0034600111222")
    assert standing(seen)["marketing"] == (True, None)
    assert standing(seen)["utility"] == (False, "consent_missing")
    assert standing(seen)["service"] == (True, None)
    assert [(row["status"], row["reason"], row["proof"]) for row in seen["ledger"]] == [
        ("opted_in", "Web form", {"form": "newsletter"})
    ]


def test_an_opt_out_and_a_stop_from_outside_end_messages(client: APIClient) -> None:
    grant(client, scope="all", occurred_at="2026-01-05T10:00:00+01:00")

    manual = {"phone_number": PHONE, "scope": "utility", "reason": "Asked on the phone"}
    first = client.post("/api/compliance/opt-out", manual)
    partly = standing(person(client))
    stop = {"phone_number": PHONE, "keyword": "STOP", "channel": "sms"}
    second = client.post("/api/compliance/unsubscribe", stop)

    assert (first.status_code, second.status_code) == (201, 201)
    assert partly["utility"] == (False, "opted_out")
    assert partly["marketing"] == (True, None)
    assert set(standing(person(client)).values()) == {(False, "opted_out")}
    assert {entry.action for entry in AuditEntry.objects.all()} >= {
        "consent.opted_in",
        "consent.opted_out",
    }


def test_the_list_shows_states_of_the_business_only(cast: Cast, client: APIClient) -> None:
    opt_in(cast.business, PHONE, scope="marketing")
    opt_in(cast.other_business, "+34600999888")

    listed = client.get("/api/compliance/consent?status=opted_in&scope=marketing").json()

    assert [row["phone_number"] for row in listed["results"]] == [PHONE]
    found = client.get("/api/compliance/consent", {"phone_number": "600111222"}).json()
    assert len(found["results"]) == 1
    assert person(client, "+34600999888")["ledger"] == []


def test_the_export_streams_the_ledger_and_disarms_formulas(client: APIClient) -> None:
    grant(client, source='=HYPERLINK("http://x")')

    answer: Any = client.get("/api/compliance/consent/export")
    lines = b"".join(answer.streaming_content).decode().splitlines()

    assert answer["Content-Type"].startswith("text/csv")
    assert lines[0].startswith("id,address,scope,status")
    assert len(lines) == 2
    assert ",+34600111222," in lines[1]
    assert "'=HYPERLINK" in lines[1]


def test_the_export_reads_page_by_page_and_of_one_business(
    client: APIClient, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PAGE", 2)
    for number in range(5):
        grant(client, phone_number=f"60011122{number}")
    opt_in(cast.other_business, "+34600999888")

    answer: Any = client.get("/api/compliance/consent/export")
    _, *lines = b"".join(answer.streaming_content).decode().splitlines()

    assert [line.split(",")[1] for line in lines] == [f"+3460011122{n}" for n in range(5)]


def test_the_export_is_not_collected_before_it_is_sent(client: APIClient, cast: Cast) -> None:
    grant(client)
    server = AsyncClient()
    server.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")

    async def read() -> tuple[bool, bytes]:
        answer: Any = await server.get("/api/compliance/consent/export")
        return answer.is_async, b"".join([piece async for piece in answer])

    is_async, content = async_to_sync(read)()

    assert is_async
    assert content.count(b"\r\n") == 2


@pytest.mark.parametrize(
    "bad",
    [
        {"phone_number": "12"},
        {"phone_number": None},
        {"scope": "everything"},
        {"status": "opted_out"},
        {"source": ""},
        {"proof": "yes"},
        {"proof": {"x": "y" * 5000}},
        {"occurred_at": "2999-01-01T00:00:00Z"},
        {"occurred_at": "1900-01-01T00:00:00Z"},
        {"occurred_at": "yesterday"},
    ],
)
def test_bad_input_is_refused_and_changes_nothing(client: APIClient, bad: dict[str, Any]) -> None:
    assert grant(client, **bad).status_code == 400
    assert not ConsentEvent.objects.model.across_businesses.exists()


def test_an_unknown_person_has_no_state_and_a_bad_number_is_not_found(client: APIClient) -> None:
    assert standing(person(client, "ES.12345"))["marketing"] == (False, "consent_missing")
    assert client.get("/api/compliance/consent/nobody").status_code == 404
    assert client.get("/api/compliance/consent?phone_number=nobody").status_code == 400


def test_reading_and_writing_need_their_permissions(cast: Cast) -> None:
    auditor = client_of(cast.add(Role.AUDITOR))
    analyst = client_of(cast.add(Role.ANALYST, name="Ana"))

    assert grant(auditor).status_code == 403
    assert auditor.get("/api/compliance/consent").status_code == 200
    assert analyst.get("/api/compliance/consent").status_code == 403
    assert analyst.get("/api/compliance/consent/export").status_code == 403


def test_an_old_consent_told_late_does_not_lift_an_opt_out(client: APIClient) -> None:
    client.post(
        "/api/compliance/opt-out", {"phone_number": PHONE, "scope": "all", "reason": "Asked"}
    )
    last_year = timezone.now() - timedelta(days=365)

    answer = grant(client, occurred_at=last_year.astimezone(UTC).isoformat())

    assert answer.status_code == 201
    assert standing(answer.json())["marketing"] == (False, "opted_out")
    assert datetime.fromisoformat(answer.json()["recorded"][0]["occurred_at"]) == last_year
