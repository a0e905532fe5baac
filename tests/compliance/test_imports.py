"""Consent from a file: every row looked at first, nothing written before it is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import openpyxl
import pytest
import redis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Role, SignIn
from compliance import consent, imports
from compliance.models import AuditEntry, ConsentEvent, Scope
from compliance.privacy import suppression
from compliance.signals import consent_withdrawn
from config.lib.redis import key as redis_key
from messaging.contacts.models import Contact
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.compliance import opt_in, opt_out
from tests.factories.contacts import left_number
from tests.workbooks import packed

ROUTE = "/api/compliance/consent/import"
PAGE = "/admin/compliance/consent/import/"
FILE = """phone_number;status;scope;occurred_at;wording;shop
600 111 222;opted_in;marketing;2026-01-05;Send me offers;Lima
0034600111333;yes;all;05/02/2026;;
+34600111444;opted_out;;;;
;yes;;;;
12;yes;;;;
600111555;maybe;;;;
600111666;yes;everything;;;
600111777;yes;;tomorrow;;
600111888;yes;;2999-01-01;;
600111222;opted_in;marketing;2026-01-05;;
"""


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def client(cast: Cast) -> APIClient:
    return client_of(cast.bob)


def post(
    client: APIClient, content: str | bytes = FILE, name: str = "list.csv", **more: Any
) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    body = {"file": SimpleUploadedFile(name, raw), "source": "Trade fair"} | more
    return client.post(ROUTE, body, format="multipart")


def events() -> Any:
    return ConsentEvent.across_businesses.all()


def refusal(cast: Cast, *addresses: str, scope: Scope = Scope.MARKETING) -> str | None:
    with tenancy.scope(cast.business):
        found = consent.check(addresses=addresses, scope=scope)
    return found.code if isinstance(found, consent.Refused) else None


def test_a_preview_says_what_every_row_would_do_and_writes_nothing(client: APIClient) -> None:
    answer = post(client)

    body = answer.json()
    assert answer.status_code == 200
    assert not events().exists()
    assert (body["committed"], body["rows"], body["accepted"], body["refused"]) == (False, 10, 3, 7)
    assert body["columns"] == {
        "phone_number": "phone",
        "status": "consent",
        "scope": "consent_scope",
        "occurred_at": "consent_at",
        "wording": "consent_wording",
        "shop": "evidence",
    }
    assert {row["row"]: row["verdict"] for row in body["row_errors"]} == {
        5: "missing_address",
        6: "invalid_phone",
        7: "invalid_status",
        8: "invalid_consent_scope",
        9: "invalid_consent_date",
        10: "invalid_consent_date",
        11: "duplicate_in_file",
    }
    assert all(row["reason"] for row in body["row_errors"])


def test_a_commit_writes_the_good_rows_with_their_evidence(cast: Cast, client: APIClient) -> None:
    answer = post(client, commit="true")

    assert answer.status_code == 201
    assert answer.json()["events"] == 1 + 4 + 1
    first = events().get(address="+34600111222")
    assert (first.source, first.reason, first.wording) == (
        "import",
        "Trade fair",
        "Send me offers",
    )
    assert first.evidence["kind"] == "file_row"
    assert first.evidence["sha256"] == sha256(FILE.encode()).hexdigest()
    assert first.evidence["row"] == 2
    assert "list.csv" not in str(first.evidence)
    assert first.evidence["cells"] == {"shop": "Lima"}
    assert refusal(cast, "+34600111222") is None
    assert refusal(cast, "+34600111333", scope=Scope.UTILITY) is None
    assert refusal(cast, "+34600111444") == "opted_out"
    entry = AuditEntry.objects.get(action="consent.imported")
    assert entry.details["events"] == 6
    assert "600111" not in str(entry.details)


def test_the_same_dated_file_twice_writes_nothing_new(client: APIClient) -> None:
    dated = "phone,status,occurred_at\n600111222,yes,2026-01-05\n600111333,no,2026-01-06\n"
    post(client, dated, commit="true")

    again = post(client, dated, commit="true").json()

    assert again["events"] == 0
    assert events().count() == 2


def test_a_yes_of_a_day_that_has_not_begun_here_overrules_no_recent_opt_out(
    cast: Cast, client: APIClient
) -> None:
    opt_out(cast.business, "+34600111222", at=timezone.now() - timedelta(hours=1))
    soon = (timezone.now() + timedelta(hours=5)).isoformat()

    answer = post(client, f"phone,consent,date\n600111222,yes,{soon}\n", commit="true").json()

    assert answer["verdicts"] == {"stays_opted_out": 1}
    assert refusal(cast, "+34600111222") == "opted_out"


def test_a_no_of_a_day_that_has_not_begun_here_counts_now(cast: Cast, client: APIClient) -> None:
    opt_in(cast.business, "+34600111222", at=timezone.now() - timedelta(hours=1))
    soon = (timezone.now() + timedelta(hours=5)).isoformat()

    post(client, f"phone,consent,date\n600111222,no,{soon}\n", commit="true")

    assert refusal(cast, "+34600111222") == "opted_out"


def test_an_old_list_brings_nobody_back(cast: Cast, client: APIClient) -> None:
    opt_out(cast.business, "+34600111222")

    answer = post(client, "phone,consent\n600111222,yes\n", commit="true").json()

    assert answer["verdicts"] == {"stays_opted_out": 1}
    assert refusal(cast, "+34600111222") == "opted_out"


@pytest.mark.parametrize("commit", ["false", "true"])
def test_who_was_erased_is_said_to_stay_opted_out(
    cast: Cast, client: APIClient, commit: str
) -> None:
    with tenancy.scope(cast.business):
        suppression.add(["+34600111222"], at=timezone.now() - timedelta(days=1))
    rows = "phone,consent,date\n600111222,yes,2026-01-05\n"

    answer = post(client, rows, commit=commit).json()

    assert answer["verdicts"] == {"stays_opted_out": 1}


def test_a_row_about_a_number_holds_for_the_user_id_of_the_same_person(
    cast: Cast, client: APIClient
) -> None:
    with tenancy.scope(cast.business):
        Contact.objects.create(
            business=cast.business,
            phone="+5511987654321",
            phone_key="+5511987654321",
            bsuid="BR.13491208655302741918",
        )
    opt_out(cast.business, "BR.13491208655302741918", at=timezone.now() - timedelta(days=2))

    looked = post(client, "phone,status\n+55 11 8765-4321,yes\n").json()
    post(client, "phone,status\n+55 11 8765-4321,no\n", commit="true")

    assert looked["verdicts"] == {"stays_opted_out": 1}
    assert refusal(cast, "BR.13491208655302741918") == "opted_out"
    assert refusal(cast, "+5511987654321") == "opted_out"


def test_a_workbook_is_read_too(client: APIClient) -> None:
    book, file = openpyxl.Workbook(), io.BytesIO()
    assert book.active
    book.active.append(["Phone", "Consent", "Date"])
    book.active.append(["600111222", "yes", datetime(2026, 1, 5)])  # noqa: DTZ001  # Excel has none
    book.save(file)

    body = post(client, file.getvalue(), "list.xlsx").json()

    assert body["verdicts"] == {"opted_in": 1}
    assert body["sample"][0]["occurred_at"].startswith("2026-01-0")


def test_what_is_said_for_the_whole_file_fills_the_gaps(cast: Cast, client: APIClient) -> None:
    post(
        client,
        "telephone\n600111222\n",
        commit="true",
        status="opted_in",
        scope="utility",
        wording="Yes please",
    )

    assert refusal(cast, "+34600111222", scope=Scope.UTILITY) is None
    assert events().get().wording == "Yes please"


@pytest.mark.parametrize(
    ("content", "name", "more", "code"),
    [
        ("", "a.csv", {}, "empty"),
        ("phone,status\n", "a.csv", {}, "unreadable_file"),
        ("name,status\nAna,yes\n", "a.csv", {}, "no_address_column"),
        ("phone\n600111222\n", "a.csv", {}, "no_status_column"),
        (b"PK\x03\x04garbage", "a.xlsx", {}, "unreadable_file"),
        (b"\xd0\xcf\x11\xe0old", "a.xls", {}, "unreadable_file"),
        (bytes(range(256)) * 20, "a.bin", {}, "unreadable_file"),
        ('phone,status\n"600111222,yes\n' + "x" * 200_000, "a.csv", {}, None),
        (FILE, "a.csv", {"scope": "everything"}, "invalid_choice"),
        (FILE, "a.csv", {"source": ""}, "blank"),
        (FILE, "a.csv", {"source": "x" * 201}, "max_length"),
        (FILE, "a.csv", {"commit": "perhaps"}, "invalid"),
        (FILE, "a.csv", {"status": "blocked"}, "invalid_choice"),
    ],
)
def test_a_file_that_cannot_be_is_a_clear_400_and_changes_nothing(
    client: APIClient, content: Any, name: str, more: dict[str, str], code: str | None
) -> None:
    answer = post(client, content, name, **({"commit": "true"} | more))

    if code is not None:
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == code
    assert answer.status_code < 500
    assert not events().exists()


def test_a_workbook_with_a_password_is_a_clear_400(client: APIClient) -> None:
    answer = post(client, packed(flags=1), name="locked.xlsx")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "unreadable_file"


def test_too_many_rows_are_refused_before_the_first_is_written(
    client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MOST_ROWS", 1000)
    rows = "".join(f"+346{number:08d},yes\n" for number in range(10_000_000, 10_001_001))

    answer = post(client, f"phone,status\n{rows}", commit="true")

    assert answer.status_code == 400
    assert not events().exists()


def test_json_instead_of_a_file_is_refused(client: APIClient) -> None:
    assert client.post(ROUTE, {"file": "x", "source": "y"}, format="json").status_code == 415


def test_only_who_may_manage_consent_may_import(cast: Cast) -> None:
    assert post(client_of(cast.add(Role.AUDITOR))).status_code == 403


def browser(cast: Cast) -> Client:
    made = Client()
    made.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    return made


def choose(page: Client, content: str = FILE) -> Any:
    file = SimpleUploadedFile("list.csv", content.encode())
    return page.post(PAGE, {"file": file, "source": "Fair", "status": "", "scope": "marketing"})


def test_an_operator_looks_first_and_imports_then(cast: Cast) -> None:
    page = browser(cast)

    looked = choose(page)
    before = events().count()
    done = page.post(PAGE, {"token": looked.context["token"]})
    again = page.post(PAGE, {"token": looked.context["token"]}, follow=True)

    assert before == 0
    assert "Nothing is written yet. 3 rows can be imported, 7 will be left out." in (
        looked.content.decode()
    )
    assert "Imported: 6 new" in done.content.decode()
    assert "imported already" in again.content.decode()
    assert events().count() == 6


def test_a_file_waiting_for_its_yes_is_found_by_who_chose_it_alone(cast: Cast) -> None:
    token = choose(browser(cast)).context["token"]
    other = Client()
    other.force_login(
        cast.add(Role.MANAGER, name="Mia"), backend="django.contrib.auth.backends.ModelBackend"
    )

    other.post(PAGE, {"token": token})

    assert not events().exists()


def test_a_bad_file_is_refused_beside_the_field(cast: Cast) -> None:
    answer = choose(browser(cast), "name\nAna\n")

    assert answer.status_code == 200
    assert "has to name the columns" in answer.content.decode()


OPT_OUTS = "phone,status\n" + "".join(f"+3460011{n:04d},no\n" for n in range(6))


def locks_held() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks "
            "WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND pid = pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


@pytest.fixture
def held(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Import two rows a transaction; return how many addresses each of them held."""
    monkeypatch.setattr(imports, "_PAGE", 2)
    found: list[int] = []

    def count(**_: Any) -> None:
        found.append(locks_held())

    consent_withdrawn.connect(count)
    yield found
    consent_withdrawn.disconnect(count)


@pytest.mark.parametrize("key", [{}, {"HTTP_IDEMPOTENCY_KEY": "list-1"}])
def test_sends_wait_for_the_rows_of_one_transaction_and_not_for_the_file(
    held: list[int], key: dict[str, Any]
) -> None:
    client = client_of(make_cast().bob)
    body = {"source": "Fair", "commit": "true"}

    def send() -> Any:
        file = SimpleUploadedFile("list.csv", OPT_OUTS.encode())
        return client.post(ROUTE, {**body, "file": file}, format="multipart", **key)

    first = send()

    assert first.status_code == 201
    assert first.json()["events"] == 6
    assert held == [2, 2, 2]
    entries = AuditEntry.objects.filter(action="consent.imported").order_by("id")
    assert [entry.details["first_row"] for entry in entries] == [2, 4, 6]
    if key:
        assert send().json() == first.json()
        assert len(held) == 3


def test_the_page_of_operators_imports_some_rows_a_transaction_too(held: list[int]) -> None:
    page = browser(make_cast())

    page.post(PAGE, {"token": choose(page, OPT_OUTS).context["token"]})

    assert held == [2, 2, 2]
    assert events().count() == 6


def test_whoever_is_signed_out_meanwhile_imports_no_further(held: list[int]) -> None:
    client = client_of(make_cast().bob)

    def sign_out(**_: Any) -> None:
        ended = SignIn.objects.filter(ended_at=None)
        transaction.on_commit(lambda: ended.update(ended_at=timezone.now()))

    consent_withdrawn.connect(sign_out)
    try:
        answer = post(client, OPT_OUTS, commit="true")
    finally:
        consent_withdrawn.disconnect(sign_out)

    assert answer.status_code == 401
    assert events().count() == 2
    assert AuditEntry.objects.get(action="consent.imported").details["events"] == 2


def test_an_import_that_was_killed_holds_its_key_for_two_minutes_from_its_last_step(
    held: list[int], redis_server: redis.Redis
) -> None:
    client = client_of(make_cast().bob)
    left: list[Any] = []

    def note(**_: Any) -> None:
        [lock] = redis_server.scan_iter(match=redis_key("lock", "idempotency.*"))
        left.append(redis_server.ttl(lock))
        redis_server.expire(lock, 30)

    consent_withdrawn.connect(note)
    try:
        body = {"source": "Fair", "commit": "true"}
        file = SimpleUploadedFile("list.csv", OPT_OUTS.encode())
        key = {"Idempotency-Key": "list-1"}
        client.post(ROUTE, {**body, "file": file}, format="multipart", headers=key)
    finally:
        consent_withdrawn.disconnect(note)

    assert len(left) == 3
    assert all(30 < seconds <= 120 for seconds in left)


def test_of_two_imports_with_one_key_at_once_one_works(held: list[int]) -> None:
    client = client_of(make_cast().bob)
    answers: list[Any] = []

    def again(**_: Any) -> None:
        if not answers:
            answers.append(send())

    def send() -> Any:
        file = SimpleUploadedFile("list.csv", OPT_OUTS.encode())
        body = {"source": "Fair", "commit": "true", "file": file}
        return client.post(ROUTE, body, format="multipart", HTTP_IDEMPOTENCY_KEY="list-1")

    consent_withdrawn.connect(again)
    try:
        assert send().status_code == 201
    finally:
        consent_withdrawn.disconnect(again)

    assert answers[0].status_code == 409
    assert answers[0].json()["errors"][0]["code"] == "idempotency_in_progress"


def test_a_no_under_a_number_the_person_left_reaches_them_and_a_yes_does_not(
    cast: Cast, client: APIClient
) -> None:
    left_number(cast.business, "+34600111222", "+34600333444")
    post(client, "phone,status,scope,date\n+34600111222,yes,all,2026-01-05\n", commit=True)
    assert refusal(cast, "+34600333444") == "consent_missing"

    post(client, "phone,status\n+34600111222,no\n", commit=True)

    assert refusal(cast, "+34600333444") == refusal(cast, "+34600111222") == "opted_out"
