"""The audit trail: entries of our own, and of what accounts announces."""

from typing import Any

import pytest
import structlog
from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory
from django.utils import timezone

from accounts import api_keys, members, tenancy
from accounts.middleware import BusinessMiddleware
from accounts.models import Business, Role
from compliance import audit
from compliance.models import AuditEntry
from config.lib import context
from tests.factories.accounts import BusinessFactory, UserFactory, full_access
from tests.factories.cast import client_of, make_cast

IDS_LIKE_PHONES = [
    "01a22493-0054-7326-8551-b9215d30fe67",
    "01a212ae-0000-7385-8884-67948b794379",
    "01a20929-4c6e-7404-93f2-005520180679",
    "00120929-4116-7404-9312-005520180679",
]


def test_an_entry_carries_the_request_and_masks_secrets(business: Business) -> None:
    user = UserFactory.create(name="Alice")

    with structlog.contextvars.bound_contextvars(request_id="req-1"), context.asked_by("192.0.2.7"):
        entry = audit.record(
            action="sender.paused",
            resource="sender",
            resource_id="7",
            details={"reason": "quality", "access_token": "EAAG", "message": {"text": "hi"}},
            actor=user,
        )

    stored = AuditEntry.objects.get(pk=entry.pk)
    assert (stored.business_id, stored.request_id) == (business.pk, "req-1")
    assert (stored.ip_address, stored.actor_name) == ("192.0.2.7", "Alice")
    assert stored.details == {
        "reason": "quality",
        "access_token": audit.MASKED,
        "message": {"text": audit.MASKED},
    }


@pytest.mark.parametrize("id_", IDS_LIKE_PHONES)
def test_an_id_stays_as_it_is_whatever_digits_it_has(business: Business, id_: str) -> None:
    found = audit.record(
        action="sender.paused",
        resource="sender",
        resource_id=id_,
        details={"campaign": id_, "said": f"after {id_}, call 0034622990011"},
    )

    assert (found.resource_id, found.details["campaign"]) == (id_, id_)
    assert found.details["said"] == f"after {id_}, call +•••••0011"


@pytest.mark.parametrize("before", ["2024-", "face-", "01a22493-0054-7326-8551-b9215d30fe67-"])
def test_a_phone_behind_what_a_uuid_could_begin_with_is_masked(
    business: Business, before: str
) -> None:
    found = audit.record(action="sender.paused", details={"said": f"{before}0049301234567"})

    assert found.details["said"] == f"{before}+•••••4567"


def test_the_history_of_an_object_is_newest_first_and_of_one_business(business: Business) -> None:
    audit.record(action="first", resource="sender", resource_id="7")
    audit.record(action="second", resource="sender", resource_id="7")
    audit.record(action="other", resource="sender", resource_id="8")
    with tenancy.scope(BusinessFactory.create()):
        audit.record(action="foreign", resource="sender", resource_id="7")

    assert [entry.action for entry in audit.history("sender", 7)] == ["second", "first"]


def test_an_entry_goes_with_the_transaction_it_records(business: Business) -> None:
    with transaction.atomic():
        audit.record(action="undone")
        transaction.set_rollback(True)

    assert not AuditEntry.objects.filter(action="undone").exists()


def test_what_accounts_announces_is_written(business: Business) -> None:
    owner = UserFactory.create(name="Alice")
    by = full_access(business, owner)

    issued = api_keys.issue(name="Shop", permissions=["messages.send"], by=by, now=timezone.now())
    members.join(user=UserFactory.create(), role=Role.AGENT, by=by)

    entries = {entry.action: entry for entry in AuditEntry.objects.filter(origin="internal")}
    assert set(entries) == {"api_key.issued", "member.role_changed"}
    assert entries["api_key.issued"].resource_id == str(issued.api_key.pk)
    assert entries["api_key.issued"].actor == owner
    assert entries["member.role_changed"].details["after"] == "agent"


def test_an_entry_of_a_request_has_the_address_it_came_from(db: None, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    client = client_of(make_cast().alice)
    wanted = {"name": "Shop", "permissions": ["users.view"]}

    client.post("/api/api-keys", wanted, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.7")
    client.post("/api/api-keys", wanted, REMOTE_ADDR="192.0.2.8")

    entries = AuditEntry.objects.filter(action="api_key.issued").order_by("id")
    assert [entry.ip_address for entry in entries] == ["192.0.2.7", "192.0.2.8"]
    assert context.address() == ""


async def test_an_asynchronous_view_knows_the_address_too() -> None:
    seen: list[str] = []

    async def view(request: HttpRequest) -> HttpResponse:
        seen.append(await sync_to_async(context.address)())
        return HttpResponse()

    request = AsyncRequestFactory().get("/api/x")
    request.META["REMOTE_ADDR"] = "192.0.2.9"
    await BusinessMiddleware(view)(request)  # type: ignore[misc]  # async here

    assert seen == ["192.0.2.9"]
    assert context.address() == ""


def test_the_address_is_in_no_log_line(db: None, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(make_cast().alice)
    wanted = {"name": "Shop", "permissions": ["users.view"]}

    with caplog.at_level("DEBUG"):
        client.post("/api/api-keys", wanted, REMOTE_ADDR="192.0.2.8")

    assert caplog.records
    assert not [record for record in caplog.records if "192.0.2.8" in str(vars(record))]


def test_an_entry_of_a_worker_has_none(business: Business) -> None:
    assert audit.record(action="swept").ip_address is None
