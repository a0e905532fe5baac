"""The consent routes, as a client sees them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Role
from compliance import consent, ledger
from compliance.api import serializers
from compliance.models import AuditEntry, ConsentEvent, OptOutWord, Scope
from messaging.contacts.models import Contact
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.compliance import opt_in
from tests.factories.contacts import left_number

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


@pytest.mark.parametrize("word", ["START", "start please!", "Reanudar", "Ja klar"])
def test_a_word_that_means_start_unsubscribes_nobody(
    cast: Cast, client: APIClient, word: str
) -> None:
    with tenancy.scope(cast.business):
        OptOutWord(business=cast.business, word="ja klar", effect="start").save()
    grant(client, scope="all")
    before = person(client), AuditEntry.objects.count()

    told = {"phone_number": PHONE, "keyword": word, "channel": "sms"}
    answer = client.post("/api/compliance/unsubscribe", told)

    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["attr"]) == (400, "start_word", "keyword")
    assert "start again" in error["detail"]
    assert (person(client), AuditEntry.objects.count()) == before


def block(client: APIClient, **more: Any) -> Any:
    body = {"phone_number": PHONE, "scope": "all", "reason": "Asked", "block_days": 7} | more
    return client.post("/api/compliance/opt-out", body)


def test_a_block_is_no_opt_out_and_says_when_it_ends(client: APIClient) -> None:
    grant(client, scope="all", occurred_at="2026-01-05T10:00:00+01:00")

    answer = block(client)

    assert answer.status_code == 201
    [first, *_] = answer.json()["recorded"]
    assert first["status"] == "blocked"
    until = datetime.fromisoformat(first["until"])
    assert timedelta(days=6.9) < until - timezone.now() <= timedelta(days=7)
    seen = person(client)
    assert standing(seen)["marketing"] == (False, "blocked")
    assert {row["status"] for row in seen["state"]} == {"opted_in"}
    assert {row["blocked_until"] for row in seen["state"]} == {first["until"]}
    listed = client.get("/api/compliance/consent?scope=marketing").json()["results"]
    assert [row["blocked_until"] for row in listed] == [first["until"]]


def test_null_days_are_an_opt_out_like_days_left_out(client: APIClient) -> None:
    grant(client, scope="all")

    [first, *_] = block(client, block_days=None).json()["recorded"]

    assert (first["status"], first["until"]) == ("opted_out", None)
    assert standing(person(client))["marketing"] == (False, "opted_out")


@pytest.mark.parametrize("days", [0, -1, 366, 10**30, "soon", 1.5, [], True, {"a": 1}])
def test_a_block_of_impossible_length_is_refused(client: APIClient, days: Any) -> None:
    answer = block(client, block_days=days)

    if days is not True:
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["attr"] == "block_days"
        assert not ConsentEvent.objects.model.across_businesses.exists()


@pytest.mark.parametrize(
    ("proof", "attr"),
    [
        ({"kind": "form"}, "proof.url"),
        ({"kind": "form", "url": "  "}, "proof.url"),
        ({"kind": "file_row", "file": "a.csv"}, "proof.row"),
        ({"kind": "message"}, "proof.message"),
        ({"kind": "hearsay"}, "proof.kind"),
        ({"kind": ["form"]}, "proof.kind"),
        ({"kind": {"$gt": ""}}, "proof.kind"),
    ],
)
def test_evidence_says_what_its_kind_needs(
    client: APIClient, proof: dict[str, Any], attr: str
) -> None:
    answer = grant(client, proof=proof)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr
    assert not ConsentEvent.objects.model.across_businesses.exists()


def test_evidence_of_a_kind_and_the_address_it_came_from_are_kept(client: APIClient) -> None:
    proof = {"kind": "form", "url": "https://example.com/join", "fields": {"box": "yes"}}

    grant(client, proof=proof)

    event = ConsentEvent.across_businesses.get()
    assert event.evidence == proof
    assert event.ip_address == "127.0.0.1"


def test_what_is_said_of_a_number_holds_for_the_user_id_in_any_spelling(
    cast: Cast, client: APIClient
) -> None:
    with tenancy.scope(cast.business):
        Contact.objects.create(
            business=cast.business,
            phone="+5491123456789",
            phone_key="+5491123456789",
            bsuid="AR.77",
        )

    block(client, phone_number="+54 11 15 2345 6789", block_days=3)
    seen = person(client, "AR.77")

    assert seen["addresses"] == ["AR.77", "+5491123456789"]
    assert standing(seen)["marketing"] == (False, "blocked")
    assert {row["phone_number"] for row in seen["ledger"]} == {"AR.77", "+5491123456789"}


def test_of_a_program_that_says_stop_all_day_the_newest_lines_are_shown(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serializers, "MOST_LINES", 3)
    for day in (1, 2, 3):
        grant(client, occurred_at=f"2026-01-0{day}T10:00:00Z")
    assert person(client)["ledger_is_complete"] is True

    grant(client, occurred_at="2026-01-04T10:00:00Z")

    seen = person(client)
    assert [line["occurred_at"][9] for line in seen["ledger"]] == ["4", "3", "2"]
    assert seen["ledger_is_complete"] is False


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


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ("opt-out", {"scope": "all", "reason": "A letter"}),
        ("unsubscribe", {"keyword": "STOP", "channel": "sms"}),
    ],
)
def test_an_opt_out_under_a_number_the_person_left_reaches_them(
    client: APIClient, cast: Cast, route: str, told: dict[str, str]
) -> None:
    left_number(cast.business, PHONE, "+34600333444")
    opt_in(cast.business, "+34600333444")

    answer = client.post(f"/api/compliance/{route}", {"phone_number": PHONE, **told})

    assert answer.status_code == 201
    with tenancy.scope(cast.business):
        for address in (PHONE, "+34600333444"):
            refused = consent.check(addresses=[address], scope=Scope.MARKETING)
            assert refused == consent.Refused("opted_out")


def test_a_consent_under_a_number_somebody_left_is_not_theirs(
    client: APIClient, cast: Cast
) -> None:
    left_number(cast.business, PHONE, "+34600333444")

    grant(client, scope="all")

    with tenancy.scope(cast.business):
        missing = consent.check(addresses=["+34600333444"], scope=Scope.MARKETING)
    assert missing == consent.Refused("consent_missing")
