"""The audit trail: entries of our own, and of what accounts announces."""

import structlog
from django.db import transaction
from django.utils import timezone

from accounts import api_keys, members, tenancy
from accounts.models import Business, Role
from compliance import audit
from compliance.models import AuditEntry
from tests.factories.accounts import BusinessFactory, UserFactory, full_access


def test_an_entry_carries_the_request_and_masks_secrets(business: Business) -> None:
    user = UserFactory.create(name="Alice")

    with structlog.contextvars.bound_contextvars(request_id="req-1", ip="192.0.2.7"):
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

    assert not AuditEntry.objects.exists()


def test_what_accounts_announces_is_written(business: Business) -> None:
    owner = UserFactory.create(name="Alice")
    by = full_access(business, owner)

    issued = api_keys.issue(name="Shop", permissions=["messages.send"], by=by, now=timezone.now())
    members.add(email="mara@example.com", name="Mara", role=Role.AGENT, by=by)

    entries = {entry.action: entry for entry in AuditEntry.objects.order_by("id")}
    assert set(entries) == {"api_key.issued", "member.role_changed"}
    assert entries["api_key.issued"].resource_id == str(issued.api_key.pk)
    assert entries["api_key.issued"].actor == owner
    assert entries["member.role_changed"].details["after"] == "agent"
