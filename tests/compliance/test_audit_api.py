"""The audit routes, as a client sees them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from auditlog.context import disable_auditlog
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Role
from compliance import audit
from compliance.audit import canonical, chain, verify
from compliance.models import AuditEntry
from config.lib.ids import new_id
from tests.factories.accounts import MembershipFactory, UserFactory, issue_key
from tests.factories.cast import Cast, client_of, client_of_key, make_cast

LOGS, EXPORT = "/api/audit/logs", "/api/audit/export"


@pytest.fixture
def cast(db: None) -> Cast:
    with disable_auditlog():
        return make_cast()


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, settings: Any) -> None:
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}"


@pytest.fixture
def client(cast: Cast) -> APIClient:
    return client_of(cast.alice)


@pytest.fixture
def machine(cast: Cast) -> APIClient:
    return client_of_key(issue_key(cast.business, "audit.create"))


def wrote(cast: Cast, action: str = "sender.paused", **more: Any) -> AuditEntry:
    with tenancy.scope(cast.business):
        return audit.record(action=action, **more)


def actions(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json()
    return [row["action"] for row in answer.json()["results"]]


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_entries_show_who_did_what_to_what_and_their_place_in_the_chain(
    cast: Cast, client: APIClient
) -> None:
    wrote(cast, before={"paused": False, "name": "A"}, after={"paused": True, "name": "A"},
          resource="sender", resource_id="7", actor=cast.bob)  # fmt: skip
    chain.seal(cast.business.pk, now=timezone.now())
    wrote(cast, "sender.resumed")

    newest, oldest = client.get(LOGS).json()["results"]

    assert (newest["action"], newest["position"], newest["chain_hash"]) == (
        "sender.resumed",
        None,
        None,
    )
    assert (oldest["before"], oldest["after"]) == ({"paused": False}, {"paused": True})
    assert (oldest["actor"], oldest["actor_name"]) == (cast.bob.pk, str(cast.bob))
    assert oldest["position"] == 1
    assert oldest["chain_hash"] == chain.head(cast.business.pk).chain_hash
    assert oldest["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("action=sender.paused", 1),
        ("action=sender.", 2),
        ("action=sender", 0),
        ("resource=sender", 1),
        ("resource=sender&resource_id=7", 1),
        ("resource_id=8", 0),
        ("origin=external", 0),
        ("origin=internal", 3),
        ("created_at__lt=2020-01-01T00:00:00Z", 0),
        ("created_at__gte=2020-01-01T00:00:00Z", 3),
        ("request_id=nobody", 0),
        ("ip_address=192.0.2.1", 0),
    ],
)
def test_entries_are_found_by_filters(
    query: str, found: int, cast: Cast, client: APIClient
) -> None:
    wrote(cast, resource="sender", resource_id="7")
    wrote(cast, "sender.resumed")
    wrote(cast, "senders.listed")

    assert len(actions(client.get(f"{LOGS}?{query}"))) == found


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("nonsense=1", "nonsense"),
        ("actor=x", "actor"),
        ("actor=-1", "actor"),
        ("actor=1e999", "actor"),
        ("actor=99999999999999999999999", "actor"),
        ("api_key=x", "api_key"),
        ("origin=inside", "origin"),
        ("ip_address=1.2.3", "ip_address"),
        ("created_at__gte=yesterday", "created_at__gte"),
        ("resource_id=" + "x" * 65, "resource_id"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
    ],
)
def test_a_bad_filter_is_named(query: str, attr: str, client: APIClient) -> None:
    answer = client.get(f"{LOGS}?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr


def test_one_users_actions_and_no_strangers(cast: Cast, client: APIClient) -> None:
    wrote(cast, actor=cast.bob)
    wrote(cast, "sender.resumed", actor=cast.alice)
    left = UserFactory.create()
    wrote(cast, "member.left", actor=left)

    assert actions(client.get(f"{LOGS}/{cast.bob.pk}")) == ["sender.paused"]
    assert actions(client.get(f"{LOGS}/{cast.bob.pk}?action=sender.resumed")) == []
    assert actions(client.get(f"{LOGS}/{left.pk}")) == ["member.left"]
    for stranger in (cast.charlie.pk, 987654, 10**30):
        assert client.get(f"{LOGS}/{stranger}").status_code == 404


def test_another_business_sees_nothing_of_it(cast: Cast) -> None:
    wrote(cast)
    stranger = client_of(cast.charlie)

    assert "sender.paused" not in actions(stranger.get(LOGS))
    assert "sender.paused" not in text_of(stranger.get(EXPORT))


def test_an_entry_from_outside_is_marked_and_forges_nothing(cast: Cast, machine: APIClient) -> None:
    body = {
        "action": "campaign.approved",
        "resource": "campaign",
        "resource_id": "7",
        "details": {"order": 12, "phone": "+34600111222", "said": "call +34 600 111 222"},
    }
    before = datetime.now(UTC)

    answer = machine.post(LOGS, body, REMOTE_ADDR="192.0.2.9", HTTP_X_REQUEST_ID="shop-1")

    assert answer.status_code == 201
    given = answer.json()
    assert (given["action"], given["origin"]) == ("external.campaign.approved", "external")
    assert (given["actor"], given["actor_name"]) == (None, "API key Test key")
    assert (given["ip_address"], given["request_id"]) == ("192.0.2.9", "shop-1")
    entry = AuditEntry.objects.get(pk=given["id"])
    assert given["api_key"] == str(entry.api_key_id)
    assert entry.created_at >= before
    assert "600111222" not in json.dumps(entry.details).replace(" ", "")
    assert entry.details["order"] == 12
    assert not AuditEntry.objects.filter(action="campaign.approved").exists()


def test_of_an_entry_from_outside_only_codes_and_numbers_stay(machine: APIClient) -> None:
    details = {
        "customer": "Maria Lopez",
        "first": "Maria",
        "words": ["see you at noon", "shipped"],
        "about": {"person": {"called": "María"}, "state": "PAID", "tries": 2, "is_new": True},
        "order": "A-1042",
        "reached": 34600111222,
        "digits": "34600111222",
        "order_id": 34600111222,
        "at": "2026-11-20T12:00:00Z",
        "share": 0.5,
        "nothing": None,
        "Maria Lopez": 1,
        "names": [{"34600111222": 1, "María": 2}],
        "deep": {"a": {"b": {"c": {"d": {"e": {"f": "maria"}}}}}},
    }
    body = {"action": "order.shipped", "resource_id": "Maria Lopez", "details": details}

    answer = machine.post(LOGS, body)

    assert answer.status_code == 201
    kept = AuditEntry.objects.get(pk=answer.json()["id"])
    assert kept.resource_id == "[masked]"
    assert "maria" not in json.dumps(kept.details, ensure_ascii=False).lower()
    deep, digits = kept.details.pop("deep"), kept.details.pop("digits")
    assert "[masked]" in json.dumps(deep)
    assert "600111222" not in digits
    assert kept.details == {
        "customer": "[masked]",
        "first": "[masked]",
        "words": ["[masked]", "shipped"],
        "about": {"person": {"called": "[masked]"}, "state": "PAID", "tries": 2, "is_new": True},
        "order": "A-1042",
        "reached": "[masked]",
        "order_id": 34600111222,
        "at": "2026-11-20T12:00:00Z",
        "share": 0.5,
        "nothing": None,
        "[masked 12]": 1,
        "names": [{"[masked 1]": 1, "[masked 2]": 2}],
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("34600111222", "+34•••••1222"),
        ("ES.13491208655302741918", "ES.•••••1918"),
        ("A-34600111222", "A-34600111222"),
        ("1042", "1042"),
        ("ES.MADRID", "ES.MADRID"),
        (str(UUID(int=7)), str(UUID(int=7))),
    ],
)
def test_an_id_from_outside_that_is_a_number_of_somebody_is_masked(
    given: str, kept: str, machine: APIClient
) -> None:
    body = {"action": "order.shipped", "resource_id": given, "details": {"customer_id": given}}

    entry = machine.post(LOGS, body).json()

    assert (entry["resource_id"], entry["details"]) == (kept, {"customer_id": kept})


def test_the_prefix_is_not_doubled(machine: APIClient) -> None:
    answer = machine.post(LOGS, {"action": "external.order.shipped"})

    assert answer.json()["action"] == "external.order.shipped"


GOOD = {"action": "order.shipped"}


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "action"),
        ({"action": ""}, "action"),
        ({"action": 7}, "action"),
        ({"action": None}, "action"),
        ({"action": ["order.shipped"]}, "action"),
        ({"action": "Order shipped"}, "action"),
        ({"action": "order..shipped"}, "action"),
        ({"action": "order.shipped\nuser.signed_in"}, "action"),
        ({"action": "x" * 51}, "action"),
        ({"action": "'; DROP TABLE compliance_auditentry; --"}, "action"),
        (GOOD | {"resource": "<script>"}, "resource"),
        (GOOD | {"resource": "x" * 61}, "resource"),
        (GOOD | {"resource_id": "x" * 65}, "resource_id"),
        (GOOD | {"resource_id": {}}, "resource_id"),
        (GOOD | {"details": "x"}, "details"),
        (GOOD | {"details": {"x": "y" * 9000}}, "details"),
        (GOOD | {"actor": 1}, "actor"),
        (GOOD | {"actor_name": "Alice"}, "actor_name"),
        (GOOD | {"origin": "internal"}, "origin"),
        (GOOD | {"created_at": "2020-01-01T00:00:00Z"}, "created_at"),
        (GOOD | {"ip_address": "192.0.2.1"}, "ip_address"),
        (GOOD | {"business": str(new_id())}, "business"),
        (GOOD | {"id": str(new_id())}, "id"),
    ],
)
def test_a_bad_entry_is_refused_and_nothing_is_written(
    body: dict[str, Any], attr: str, machine: APIClient
) -> None:
    answer = machine.post(LOGS, body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr
    assert not AuditEntry.objects.filter(origin="external").exists()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"action": "order.shipped", "details": {"x": "\\u0000"}}',
        b'{"action": "order.shipped", "details": {"x": "\\ud800"}}',
        b'{"action": "order.shipped", "details": {"x": NaN}}',
        b'{"action": "order.shipped", "details": {"x": 1e999}}',
        b'{"action": "order.shipped", "details": ' + b'{"a":' * 60 + b"1" + b"}" * 61,
        b"[]",
        b"",
        b"\xff",
    ],
)
def test_a_body_no_row_could_hold_is_refused(raw: bytes, machine: APIClient) -> None:
    answer = machine.post(LOGS, data=raw, content_type="application/json")

    assert answer.status_code == 400
    assert not AuditEntry.objects.filter(origin="external").exists()


@pytest.mark.parametrize(
    "details",
    [
        {"n": 10**18, "f": 1.5e300, "e": -0.0, "i": 18446744073709551615},
        {"odd": "\u202e\U0001f600é", "": {"": ""}},
        {str(number): number for number in range(300)},
        {"list": [[[[[[[["deep"]]]]]]]]},
    ],
)
def test_odd_details_are_kept_and_verify(
    details: dict[str, Any], cast: Cast, machine: APIClient
) -> None:
    assert machine.post(LOGS, GOOD | {"details": details}).status_code == 201
    chain.seal(cast.business.pk, now=timezone.now())

    assert list(verify.findings(cast.business.pk)) == []


def test_the_same_key_adds_one_entry(machine: APIClient) -> None:
    for _ in range(2):
        answer = machine.post(LOGS, GOOD, HTTP_IDEMPOTENCY_KEY="once")
        assert answer.status_code == 201

    assert AuditEntry.objects.filter(origin="external").count() == 1


def test_each_route_needs_its_permission(cast: Cast, machine: APIClient) -> None:
    agent = UserFactory.create()
    MembershipFactory.create(business=cast.business, user=agent, role=Role.AGENT)
    auditor = UserFactory.create()
    MembershipFactory.create(business=cast.business, user=auditor, role=Role.AUDITOR)

    for path in (LOGS, EXPORT, f"{LOGS}/{cast.bob.pk}"):
        assert client_of(agent).get(path).status_code == 403
        assert machine.get(path).status_code == 403
        assert client_of(auditor).get(path).status_code == 200
    assert client_of(auditor).post(LOGS, GOOD).status_code == 403


def test_json_lines_prove_themselves(cast: Cast, client: APIClient) -> None:
    for number in range(5):
        wrote(cast, resource_id=str(number), details={"ñ": 1.0})

    answer = client.get(f"{EXPORT}?format=jsonl")

    *lines, last = [json.loads(line) for line in text_of(answer).splitlines()]
    chain_hash = canonical.first_hash(cast.business.pk)
    for line in lines:
        entry = json.dumps(line["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(f"{entry}\n{line['signature']}".encode()).digest()
        chain_hash = hashlib.sha256(bytes.fromhex(chain_hash) + digest).hexdigest()
        assert (line["digest"], line["chain_hash"]) == (digest.hex(), chain_hash)
    assert last["head"] == {"position": lines[-1]["position"], "chain_hash": chain_hash}
    assert answer["X-Audit-Head"] == f"{lines[-1]['position']}:{chain_hash}"
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))


def test_csv_has_every_entry_once_and_runs_no_formula(
    cast: Cast, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compliance.audit.export.PAGE", 2)
    for number in range(5):
        wrote(cast, resource_id=f"={number}")

    answer = client.get(f"{EXPORT}?resource_id=%3D1")
    everything = list(csv.DictReader(io.StringIO(text_of(client.get(EXPORT)))))

    (only,) = csv.DictReader(io.StringIO(text_of(answer)))
    assert only["resource_id"] == "'=1"
    ids = [row["id"] for row in everything]
    assert len(ids) == len(set(ids)) == 6
    assert everything[-1]["action"] == "audit.exported"


def test_an_export_is_recorded(cast: Cast, client: APIClient) -> None:
    answer = client.get(f"{EXPORT}?format=jsonl&action=sender.")
    text_of(answer)

    entry = AuditEntry.objects.get(action="audit.exported")
    assert entry.details["head"] == answer["X-Audit-Head"]
    assert entry.actor_id == cast.alice.pk


@pytest.mark.parametrize("query", ["format=xml", "format=", "nonsense=1", "actor=x"])
def test_a_bad_export_is_refused_before_it_starts(query: str, client: APIClient) -> None:
    assert client.get(f"{EXPORT}?{query}").status_code == 400
    assert not AuditEntry.objects.filter(action="audit.exported").exists()


def test_pages_of_an_export_are_found_by_the_index_of_the_chain(cast: Cast) -> None:
    wrote(cast, resource="sender")

    with CaptureQueriesContext(connection) as asked:
        client_of(cast.alice).get(EXPORT).getvalue()

    pages = [one["sql"] for one in asked if '"position" >' in one["sql"]]
    assert pages
    assert all(
        f'"compliance_auditlink"."business_id" = \'{cast.business.pk.hex}\'' in one for one in pages
    )
