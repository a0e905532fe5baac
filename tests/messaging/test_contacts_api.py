"""Contacts, tags, lists and imports over HTTP."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Role
from compliance import blocks, consent
from compliance.models import Consent, Scope
from config.lib import storage
from messaging.campaigns import run
from messaging.contacts import imports
from messaging.contacts.models import Contact, ContactImport
from tests.factories.accounts import issue_key
from tests.factories.campaigns import draft
from tests.factories.cast import Cast, client_of, client_of_key, make_cast
from tests.factories.compliance import opt_in, opt_out
from tests.factories.contacts import (
    NOW,
    ContactFactory,
    ContactListFactory,
    TagFactory,
    uploaded,
)
from tests.factories.messaging import SenderFactory
from tests.factories.templates import TemplateFactory
from tests.workbooks import packed

pytestmark = pytest.mark.urls("tests.messaging.contacts_urls")
CSV = b"Name,Phone,Consent\nAna,600555001,yes\nEva,bad,yes\n"


@pytest.fixture(autouse=True)
def media_storage(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def alice(cast: Cast) -> APIClient:
    return client_of(cast.alice)


def error_of(response: Any) -> tuple[int, str, str | None]:
    [error] = response.json()["errors"]
    return response.status_code, error["code"], error["attr"]


def test_a_contact_is_added_read_changed_and_deleted(cast: Cast, alice: APIClient) -> None:
    made = alice.post(
        "/api/contacts",
        {
            "phone": "600 555 001", "name": "Ana", "language": "pt-BR",
            "tags": ["VIP", "vip"], "attributes": {"city": "Lugo", "age": 30},
        },
        format="json",
    )  # fmt: skip
    assert made.status_code == 201
    body = made.json()
    assert (body["phone"], body["language"], body["tags"]) == ("+34600555001", "pt_BR", ["vip"])
    assert body["attributes"] == {"city": "Lugo", "age": "30"}

    url = f"/api/contacts/{body['id']}"
    changed = alice.patch(url, {"name": "Ana María", "tags": []}, format="json")
    assert (changed.json()["name"], changed.json()["tags"]) == ("Ana María", [])
    assert alice.get(url).json()["phone"] == "+34600555001"
    assert alice.delete(url).status_code == 204
    assert alice.get(url).status_code == 404


PHONE, BSUID = "+34600555001", "ES.8800112233445566"
PARTINGS: dict[str, dict[str, Any] | None] = {
    "deleted": None,
    "without user id": {"bsuid": None},
    "without number": {"phone": None},
    "another number": {"phone": "+34600555002"},
}


def part(alice: APIClient, how: str) -> None:
    """Add a contact with two addresses and take one or all from it."""
    made = alice.post("/api/contacts", {"phone": PHONE, "bsuid": BSUID}, format="json").json()
    url, fields = f"/api/contacts/{made['id']}", PARTINGS[how]
    answer = alice.delete(url) if fields is None else alice.patch(url, fields, format="json")
    assert answer.status_code in {200, 204}, answer.json()


def refusals(cast: Cast, address: str) -> set[str | None]:
    with tenancy.scope(cast.business):
        return {one.refusal for one in consent.state([address]).values()}


@pytest.mark.parametrize("how", PARTINGS)
@pytest.mark.parametrize("out", [PHONE, BSUID])
def test_a_no_outlives_the_contact_that_tied_its_addresses(
    cast: Cast, alice: APIClient, how: str, out: str
) -> None:
    opt_out(cast.business, out, at=NOW - timedelta(days=9))
    opt_in(cast.business, BSUID if out == PHONE else PHONE, at=NOW - timedelta(days=2))

    part(alice, how)

    assert refusals(cast, PHONE) == refusals(cast, BSUID) == {"opted_out"}


@pytest.mark.parametrize("how", PARTINGS)
def test_a_yes_stays_where_it_was_given(cast: Cast, alice: APIClient, how: str) -> None:
    opt_in(cast.business, PHONE, at=NOW - timedelta(days=2))

    part(alice, how)

    with tenancy.scope(cast.business):
        assert set(Consent.objects.values_list("address", "status")) == {(PHONE, "opted_in")}


def test_a_block_outlives_the_contact_too(cast: Cast, alice: APIClient) -> None:
    opt_in(cast.business, PHONE, at=NOW - timedelta(days=2))
    with tenancy.scope(cast.business):
        blocks.put(addresses=[BSUID], scopes=list(Scope), source="api", days=30, now=timezone.now())

    part(alice, "deleted")

    assert refusals(cast, PHONE) == {"blocked"}


def test_a_person_known_in_another_spelling_cannot_be_added_twice(alice: APIClient) -> None:
    first = alice.post("/api/contacts", {"phone": "+5511985550001"}, format="json")
    second = alice.post("/api/contacts", {"phone": "+551185550001"}, format="json")

    assert first.status_code == 201
    assert error_of(second) == (409, "contact_exists", "phone")


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({}, "missing_address", "phone"),
        ({"phone": "12"}, "invalid_recipient", "phone"),
        ({"bsuid": "nonsense"}, "invalid_recipient", "bsuid"),
        ({"phone": "600555001", "language": "Klingon"}, "unknown_language", "language"),
        ({"phone": "600555001", "time_zone": "Mars/Base"}, "invalid", "time_zone"),
        ({"phone": "600555001", "name": "x" * 201}, "max_length", "name"),
        ({"phone": "600555001", "attributes": {"a": {"b": 1}}}, "invalid", "attributes"),
    ],
)
def test_bad_input_names_field_and_rule(
    alice: APIClient, body: dict[str, Any], code: str, attr: str
) -> None:
    assert error_of(alice.post("/api/contacts", body, format="json")) == (400, code, attr)


def test_contacts_are_found_by_any_spelling_tag_list_and_name(cast: Cast, alice: APIClient) -> None:
    ana = ContactFactory.create(business=cast.business, phone="+5511985550001", name="Ana Luísa")
    ContactFactory.create(business=cast.business, name="Bo")
    group = ContactListFactory.create(business=cast.business)
    tag = TagFactory.create(business=cast.business, name="vip")
    members = {"add": [str(ana.pk)]}
    assert alice.post(f"/api/lists/{group.pk}/contacts", members, format="json").json() == {
        "added": 1,
        "removed": 0,
    }
    assert alice.post(f"/api/tags/{tag.pk}/contacts", members, format="json").json()["added"] == 1

    for query in (
        {"phone": "+55 (11) 8555-0001"},
        {"tag": "VIP"},
        {"tag": "\uff36\uff29\uff30 "},
        {"list": str(group.pk)},
        {"name__icontains": "luís"},
    ):
        found = alice.get("/api/contacts", query).json()["results"]
        assert [row["id"] for row in found] == [str(ana.pk)], query
    assert alice.get(f"/api/lists/{group.pk}").json()["size"] == 1


@pytest.mark.parametrize(
    ("query", "code", "attr"),
    [
        ({"color": "blue"}, "unknown_filter", "color"),
        ({"phone": "12"}, "invalid_recipient", "phone"),
        ({"name__icontains": "a"}, "invalid", "name__icontains"),
        ({"tag": "x" * 61}, "invalid_tag", "tag"),
        ({"limit": "1000"}, "invalid", "limit"),
    ],
)
def test_filters_are_strict(alice: APIClient, query: dict[str, str], code: str, attr: str) -> None:
    assert error_of(alice.get("/api/contacts", query)) == (400, code, attr)


def test_another_businesss_rows_do_not_exist(cast: Cast, alice: APIClient) -> None:
    theirs = ContactFactory.create(business=cast.other_business)
    group = ContactListFactory.create(business=cast.other_business)
    tag = TagFactory.create(business=cast.other_business)
    with tenancy.scope(cast.other_business):
        other = imports.create(file=io.BytesIO(CSV), filename="a.csv", by=None, now=NOW)
    ours = ContactListFactory.create(business=cast.business)

    for path in (
        f"contacts/{theirs.pk}", f"lists/{group.pk}", f"lists/{group.pk}/contacts",
        f"tags/{tag.pk}", f"contacts/import/{other.pk}", f"contacts/import/{other.pk}/refused",
    ):  # fmt: skip
        assert alice.get(f"/api/{path}").status_code == 404, path
    assert alice.get("/api/contacts").json()["results"] == []
    added = alice.post(f"/api/lists/{ours.pk}/contacts", {"add": [str(theirs.pk)]}, format="json")
    assert added.json() == {"added": 0, "removed": 0}


def test_an_auditor_reads_and_an_analyst_does_not(cast: Cast) -> None:
    auditor = client_of(cast.add(Role.AUDITOR, name="Otto"))
    analyst = client_of(cast.add(Role.ANALYST, name="Anton"))

    assert auditor.get("/api/contacts").status_code == 200
    assert auditor.post("/api/contacts", {"phone": "600555001"}, format="json").status_code == 403
    assert error_of(analyst.get("/api/contacts"))[:2] == (403, "permission_denied")


def test_a_file_is_uploaded_looked_at_corrected_and_committed(cast: Cast) -> None:
    client = client_of_key(issue_key(cast.business, "contacts.view", "contacts.manage"))
    file = io.BytesIO(CSV)
    file.name = "spring.csv"
    made = client.post(
        "/api/contacts/import", {"file": file, "list_name": "Spring"}, format="multipart"
    )
    assert made.status_code == 202
    url = f"/api/contacts/import/{made.json()['id']}"
    early = client.post(f"{url}/commit")
    assert error_of(early) == (409, "import_not_ready", None)

    _work(cast, made.json()["id"])
    seen = client.get(url).json()
    assert (seen["status"], seen["verdicts"]) == ("ready", {"created": 1, "invalid_phone": 1})
    assert seen["sample"][0]["contact"]["phone"] == "+34600555001"
    refused = b"".join(client.get(f"{url}/refused").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # a file response
    assert "invalid_phone" in refused
    patched = client.patch(url, {"mapping": {"Name": "telepathy"}}, format="json")
    assert patched.status_code == 400
    mapping = {"Name": "attribute", "Phone": "phone", "Consent": "consent"}
    assert client.patch(url, {"mapping": mapping}, format="json").status_code == 202
    _work(cast, made.json()["id"])

    assert client.post(f"{url}/commit").status_code == 202
    _work(cast, made.json()["id"])
    done = client.get(url).json()
    assert (done["status"], done["created_count"], done["refused_count"]) == ("done", 1, 1)
    [contact] = client.get("/api/contacts", {"list": done["list"]}).json()["results"]
    assert contact["attributes"] == {"name": "Ana"}
    assert error_of(client.delete(url))[:2] == (409, "import_not_ready")


def test_the_same_upload_with_the_same_key_is_one_import(cast: Cast, alice: APIClient) -> None:
    def upload() -> Any:
        file = io.BytesIO(CSV)
        file.name = "a.csv"
        return alice.post(
            "/api/contacts/import", {"file": file}, format="multipart", HTTP_IDEMPOTENCY_KEY="one"
        )

    first, second = upload(), upload()

    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert ContactImport.across_businesses.count() == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"status": "done"}, "begun"),
        ({"status": "failed", "file": ""}, "begun"),
        ({"status": "ready"}, "not stored any more"),
    ],
)
@pytest.mark.parametrize("patch", [{"has_header": False}, {"region": "DE"}])
def test_an_import_whose_file_is_gone_is_not_read_otherwise(
    cast: Cast, alice: APIClient, changed: dict[str, str], why: str, patch: dict[str, Any]
) -> None:
    held = uploaded(cast.business, CSV)
    storage.media().delete(held.file)
    ContactImport.across_businesses.update(**changed)

    refused = alice.patch(f"/api/contacts/import/{held.pk}", patch, format="json")

    assert error_of(refused)[:2] == (409, "import_not_ready")
    assert why in refused.json()["errors"][0]["detail"]


@pytest.mark.parametrize(("flags", "method"), [(1, 0), (0, 99)])
def test_a_workbook_that_is_locked_or_packed_in_an_unknown_way_is_refused(
    alice: APIClient, flags: int, method: int
) -> None:
    file = io.BytesIO(packed(flags=flags, method=method))
    file.name = "people.xlsx"

    response = alice.post("/api/contacts/import", {"file": file}, format="multipart")

    assert error_of(response) == (400, "unreadable_file", "file")


def test_a_file_that_is_no_table_is_refused_at_once(alice: APIClient) -> None:
    file = io.BytesIO(b"\x00\x01\x02" * 100)
    file.name = "cat.csv"

    response = alice.post("/api/contacts/import", {"file": file}, format="multipart")

    assert error_of(response) == (400, "unreadable_file", "file")


def test_two_lists_cannot_have_one_name(alice: APIClient) -> None:
    assert alice.post("/api/lists", {"name": "Spring"}, format="json").status_code == 201
    again = alice.post("/api/lists", {"name": " Spring "}, format="json")

    assert error_of(again) == (409, "list_name_taken", "name")


def test_a_list_that_a_campaign_goes_to_is_not_deleted(cast: Cast, alice: APIClient) -> None:
    key = alice.post("/api/lists", {"name": "Spring"}, format="json").json()["id"]
    sender = SenderFactory.create(business=cast.business)
    template = TemplateFactory.create(account=sender.account)
    campaign = draft(
        sender, template, audience={"list": key.upper()}, variables={"1": {"value": "you"}}
    )

    refused = alice.delete(f"/api/lists/{key}")
    assert error_of(refused)[:2] == (409, "list_in_use")
    assert "“Autumn”" in refused.json()["errors"][0]["detail"]

    with tenancy.scope(cast.business):
        run.cancel(campaign, by=run.SYSTEM, now=timezone.now())
    assert alice.delete(f"/api/lists/{key}").status_code == 204


def _work(cast: Cast, import_id: str) -> None:
    with tenancy.scope(cast.business):
        imports.run(import_id=ContactImport.objects.get(pk=import_id).pk, now=NOW)
        Contact.objects.count()
