"""Privacy requests by API: opened, followed, downloaded; bad input changes nothing."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts import tenancy
from accounts.models import Role
from compliance.models import AuditEntry
from compliance.privacy import export, requests, upkeep
from compliance.privacy.models import PrivacyRequest
from config.lib.ids import new_id
from config.lib.storage import media
from messaging.contacts.models import Contact
from messaging.media.models import MediaFile
from tests.compliance import marked
from tests.factories.cast import Cast, client_of, make_cast
from tests.factories.messaging import ContactFactory

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/privacy/requests"
PHONE = "+34622990011"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}/media"
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/backups"


@pytest.fixture
def cast() -> Cast:
    return make_cast()


@pytest.fixture
def client(cast: Cast) -> APIClient:
    return client_of(cast.alice)


@pytest.fixture
def contact(cast: Cast) -> Contact:
    made: Contact = ContactFactory.create(business=cast.business, phone=PHONE, name="Lucía")
    return made


def work(cast: Cast, request_id: str) -> None:
    """Do what a worker would."""
    with tenancy.scope(cast.business):
        row = PrivacyRequest.objects.get(pk=request_id)
        until = timezone.now() + timedelta(minutes=1)
        requests.perform(row.pk, clock=timezone.now, until=until)


def test_a_copy_holds_json_a_page_and_the_files(cast: Cast, client: APIClient) -> None:
    marked.make_scene(cast)

    made = client.post(URL, {"kind": "access", "phone_number": "622 99 00 11"}, format="json")
    assert made.status_code == 201, made.content
    assert client.get(f"{URL}/{made.data['id']}/download").status_code == 409
    work(cast, made.data["id"])
    answer: Any = client.get(f"{URL}/{made.data['id']}/download")

    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        names = archive.namelist()
        page = archive.read("index.html").decode()
        messages = json.loads(archive.read("data/messages.json"))
        [file] = [name for name in names if name.startswith("files/")]
        assert archive.read(file) == marked.MARK.encode()
    assert {"data/contact.json", "data/consent.json", "data/webhooks.json"} <= set(names)
    assert any(marked.MARK in str(one["content"]) for one in messages)
    assert marked.MARK in page
    assert "Hello from somebody else" not in page
    with tenancy.scope(cast.business):
        actions = AuditEntry.objects.filter(action__startswith="privacy.")
        assert set(actions.values_list("action", flat=True)) >= {
            "privacy.requested", "privacy.started", "privacy.exported", "privacy.downloaded",
        }  # fmt: skip


def test_text_of_people_is_escaped_on_the_page(
    cast: Cast, client: APIClient, contact: Contact
) -> None:
    Contact.across_businesses.filter(pk=contact.pk).update(name="<script>alert(1)</script>")

    made = client.post(URL, {"kind": "access", "contact": str(contact.pk)}, format="json")
    work(cast, made.data["id"])

    with zipfile.ZipFile(
        io.BytesIO(client.get(f"{URL}/{made.data['id']}/download").getvalue())
    ) as archive:
        page = archive.read("index.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_copy_is_gone_after_seven_days(cast: Cast, client: APIClient, contact: Contact) -> None:
    made = client.post(URL, {"kind": "access", "contact": str(contact.pk)}, format="json")
    work(cast, made.data["id"])

    with tenancy.scope(cast.business):
        assert export.forget_expired(now=timezone.now() + timedelta(days=8)) == 1
    answer = client.get(f"{URL}/{made.data['id']}/download")

    assert answer.status_code == 409
    assert client.get(f"{URL}/{made.data['id']}").data["status"] == "expired"
    assert marked.find_in_storage() == []


class Killed(BaseException):
    """The worker is gone."""


def test_a_copy_that_is_just_gone_is_no_error(
    cast: Cast, client: APIClient, contact: Contact
) -> None:
    made = client.post(URL, {"kind": "access", "contact": str(contact.pk)}, format="json")
    work(cast, made.data["id"])
    with tenancy.scope(cast.business):
        media().delete(PrivacyRequest.objects.get().file)

    assert client.get(f"{URL}/{made.data['id']}/download").status_code == 409


def test_a_link_leads_to_its_file_whatever_it_is_called(cast: Cast, client: APIClient) -> None:
    scene = marked.make_scene(cast)
    with tenancy.scope(cast.business):
        MediaFile.objects.exclude(path="").update(filename='50% "off" #1?.pdf')

    made = client.post(URL, {"kind": "access", "contact": str(scene.contact.pk)}, format="json")
    work(cast, made.data["id"])
    answer: Any = client.get(f"{URL}/{made.data['id']}/download")

    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        page = archive.read("index.html").decode()
        [file] = [name for name in archive.namelist() if name.startswith("files/")]
    addresses = re.findall(r'<a href="([^"]*)"', page)
    assert [unquote(one) for one in addresses] == [file]
    assert not set(addresses[0]) & set('#?"')


def test_a_worker_killed_after_it_stored_a_copy_leaves_none_behind(
    cast: Cast, client: APIClient, contact: Contact, tmp_path: Path
) -> None:
    def stored() -> list[Path]:
        return list((tmp_path / "media").rglob("*.zip"))

    def clock() -> datetime:
        if stored():
            raise Killed
        return timezone.now()

    made = client.post(URL, {"kind": "access", "contact": str(contact.pk)}, format="json")
    with tenancy.scope(cast.business), pytest.raises(Killed):
        requests.perform(made.data["id"], clock=clock, until=timezone.now())
    (orphan,) = stored()
    work(cast, made.data["id"])

    (copy,) = stored()
    assert copy != orphan
    assert client.get(f"{URL}/{made.data['id']}/download").status_code == 200


def test_what_a_failed_request_stored_is_deleted(
    cast: Cast, client: APIClient, contact: Contact
) -> None:
    made = client.post(URL, {"kind": "access", "contact": str(contact.pk)}, format="json")
    path = media().save("privacy/half.zip", ContentFile(b"everything"))
    with tenancy.scope(cast.business):
        PrivacyRequest.objects.update(status="failed", file=path)

    upkeep.sweep(now=timezone.now())

    assert not media().exists(path)
    assert client.get(f"{URL}/{made.data['id']}").data["status"] == "failed"


def test_an_erasure_gives_its_certificate(cast: Cast, client: APIClient, contact: Contact) -> None:
    made = client.post(URL, {"kind": "erasure", "contact": str(contact.pk)}, format="json")
    assert made.data["status"] == "running"
    work(cast, made.data["id"])

    told = client.get(f"{URL}/{made.data['id']}").data
    assert (told["status"], told["progress"]["done"]) == ("done", told["progress"]["total"])
    certificate = json.loads(client.get(f"{URL}/{made.data['id']}/download").content)
    assert certificate["facts"]["request"] == made.data["id"]
    with tenancy.scope(cast.business):
        assert not Contact.objects.filter(pk=contact.pk).exists()


def test_a_request_may_wait_and_be_withdrawn(
    cast: Cast, client: APIClient, contact: Contact
) -> None:
    body = {"kind": "erasure", "contact": str(contact.pk), "start": False}
    made = client.post(URL, body, format="json")

    assert made.data["status"] == "open"
    again = client.post(URL, body, format="json")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "privacy_request_open")
    assert client.post(f"{URL}/{made.data['id']}/withdraw").data["status"] == "withdrawn"
    assert client.post(f"{URL}/{made.data['id']}/start").status_code == 409


def test_only_who_may_manage_privacy_gets_in(cast: Cast, contact: Contact) -> None:
    for role in (Role.AGENT, Role.ANALYST, Role.AUDITOR, Role.MANAGER):
        user = cast.add(role, name=role.value)
        assert client_of(user).get(URL).status_code == 403
        body = {"kind": "erasure", "contact": str(contact.pk)}
        assert client_of(user).post(URL, body, format="json").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "access"},
        {"kind": "both", "phone_number": PHONE},
        {"kind": "access", "phone_number": PHONE, "contact": str(new_id())},
        {"kind": "access", "phone_number": "12"},
        {"kind": "access", "phone_number": ["+34622990011"]},
        {"kind": "access", "phone_number": "+3462299\u0000001"},
        {"kind": "access", "phone_number": "'; DROP TABLE messaging_contact; --"},
        {"kind": "access", "phone_number": "\u202e+34622990011\ud83d" * 40},
        {"kind": "access", "contact": "7"},
        {"kind": "access", "contact": str(new_id())},
        {"kind": "access", "phone_number": PHONE, "due_at": "tomorrow"},
        {"kind": "access", "phone_number": PHONE, "due_at": "1999-01-01T00:00:00Z"},
        {"kind": "access", "phone_number": PHONE, "received_at": "2999-01-01T00:00:00Z"},
        {"kind": "access", "phone_number": PHONE, "received_at": "9999-12-31T23:59:59Z"},
        {"kind": "access", "phone_number": PHONE, "received_at": "0001-01-01T00:00:00+14:00"},
        {"kind": "access", "phone_number": PHONE, "note": "x" * 2001},
        {"kind": "access", "phone_number": PHONE, "note": {"a": 1}},
        {"kind": "access", "phone_number": PHONE, "start": "perhaps"},
        {"kind": "access", "phone_number": PHONE, "asked_by": "Mallory\r\nX-Evil: 1"},
        [1, 2],
        "text",
    ],
)
def test_bad_input_is_refused_and_changes_nothing(client: APIClient, body: Any) -> None:
    answer = client.post(URL, json.dumps(body), content_type="application/json")

    assert 400 <= answer.status_code < 500, answer.content
    assert not PrivacyRequest.across_businesses.exists()


@pytest.mark.parametrize("query", ["?kind=all", "?status=x", "?due_at__gte=x", "?nope=1"])
def test_bad_filters_are_refused(client: APIClient, query: str) -> None:
    assert client.get(URL + query).status_code == 400


def test_ids_that_are_none_are_not_found(client: APIClient) -> None:
    for path in (f"/{new_id()}", f"/{new_id()}/download", "/7", "/%00", "/../x"):
        assert client.get(URL + path).status_code == 404
    assert client.post(f"{URL}/{new_id()}/start").status_code == 404
