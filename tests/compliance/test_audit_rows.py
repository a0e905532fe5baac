"""Changes of records: every field that is watched makes an entry, whoever changed it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business, Role
from accounts.tenancy import TenantModel
from compliance.models import AuditEntry, OptOutWord
from messaging.contacts.models import Contact
from tests.factories.accounts import (
    ApiKeyFactory,
    BusinessFactory,
    MembershipFactory,
    UserFactory,
    WhatsAppAccountFactory,
)
from tests.factories.cast import client_of, make_cast
from tests.factories.messaging import ContactFactory, SenderFactory
from tests.factories.templates import TemplateFactory

# Models of a business that are not watched, and why that is no hole.
NOT_WATCHED = {
    "a trail or ledger of its own": {
        *("AuditEntry", "AuditLink", "AuditPending", "PlatformEntry", "RowChange"),
        *("Consent", "ConsentEvent"),
        *("MessageEvent", "SenderEvent", "DeadLetter", "FormerAddress"),
    },
    "messages and counters: the hot path, with histories of their own": {
        *("Message", "MediaFile", "Conversation", "MessageHour", "FailureHour"),
    },
    "recorded as an action with its counts": {
        *("ContactImport", "ContactTag", "ListEntry", "PrivacyBatch", "PrivacyRequest"),
        "Approval",
    },
    "written once, by an erasure or a retention run, with a certificate or counts": {
        *("ErasureRecord", "SuppressedPerson", "RetentionRun"),
    },
    "holds nothing anybody decides": {"IdempotencyRecord"},
}


def rows(resource: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(origin="row", resource=resource).order_by("id"))


def test_a_record_added_changed_and_deleted_makes_three_entries(business: Business) -> None:
    word = OptOutWord.objects.create(business=business, word="basta")
    word.word = "fuera"
    word.save()
    pk = str(word.pk)
    word.delete()

    added, changed, deleted = rows("optout_word")
    assert [one.action for one in (added, changed, deleted)] == [
        "row.added",
        "row.changed",
        "row.deleted",
    ]
    assert {one.resource_id for one in (added, changed, deleted)} == {pk}
    assert (added.before, added.after) == (None, {"word": "basta", "effect": "stop"} | LANGUAGE)
    assert (changed.before, changed.after) == ({"word": "basta"}, {"word": "fuera"})
    assert deleted.after is None
    assert deleted.before is not None
    assert deleted.before["word"] == "fuera"


LANGUAGE = {"language": ""}


def test_saving_without_a_change_makes_none(business: Business) -> None:
    word = OptOutWord.objects.create(business=business, word="basta")
    word.save()

    assert len(rows("optout_word")) == 1


def test_it_goes_with_the_transaction(business: Business) -> None:
    with transaction.atomic():
        OptOutWord.objects.create(business=business, word="basta")
        transaction.set_rollback(True)

    assert rows("optout_word") == []


def test_of_a_person_only_what_changed_is_kept(business: Business) -> None:
    contact = ContactFactory.create(
        business=business, name="Zarzuela", phone="+34600111222", attributes={"x": "Zarzuela"}
    )
    contact.name = "Zarzuela Gil"
    contact.language = "es"
    contact.save()
    contact.delete()

    entries = rows("contact")
    assert len(entries) == 3
    kept = json.dumps([[one.before, one.after, one.details, one.resource_id] for one in entries])
    assert "Zarzuela" not in kept
    assert "600111222" not in kept
    assert set(entries[1].after or {}) >= {"name"}
    assert (entries[1].before or {})["name"] == (entries[1].after or {})["name"] == "[masked]"


def test_secrets_and_message_text_are_masked(business: Business) -> None:
    account = WhatsAppAccountFactory.create(business=business, access_token="EAAGsecret")
    template = TemplateFactory.create(account=account)
    template.components = [{"type": "BODY", "text": "Zarzuela"}]
    template.save()
    key = ApiKeyFactory.create(business=business)
    user = UserFactory.create(password="correct horse")
    user.set_password("battery staple")
    user.save()

    kept = json.dumps([[one.before, one.after] for one in AuditEntry.objects.all()])
    for secret in ("EAAGsecret", "Zarzuela", key.digest, user.password, "md5$"):
        assert secret not in kept
    assert rows("template")[-1].after == {"components": "[masked]"}
    assert rows("user")[-1].after == {"password": "[masked]"}


def test_the_entry_says_who_asked_and_stands_in_the_business_of_the_record(db: None) -> None:
    cast = make_cast()
    with tenancy.scope(cast.business):
        sender = SenderFactory.create(business=cast.business)
    client = client_of(cast.alice)

    answer = client.put(
        "/api/whatsapp/rate-limit",
        {"sender": sender.phone_number_id, "per_hour": 7},
        REMOTE_ADDR="192.0.2.8",
        HTTP_X_REQUEST_ID="req-7",
    )

    assert answer.status_code == 200
    entry = rows("sender")[-1]
    assert (entry.before, entry.after) == ({"per_hour": None}, {"per_hour": 7})
    assert (entry.actor_id, entry.actor_name) == (cast.alice.pk, "Alice")
    assert (entry.ip_address, entry.request_id) == ("192.0.2.8", "req-7")
    assert entry.business_id == cast.business.pk


def test_a_change_from_another_scope_stands_in_the_business_of_the_record(
    business: Business,
) -> None:
    other = BusinessFactory.create()
    with tenancy.across(tenancy.Door.SWEEP):
        word = OptOutWord.across_businesses.create(business=other, word="basta")

        (entry,) = rows("optout_word")

    assert (entry.business_id, entry.resource_id) == (other.pk, str(word.pk))


def test_a_member_is_filed_under_the_user(business: Business) -> None:
    membership = MembershipFactory.create(business=business, role=Role.AGENT)

    (entry,) = [one for one in rows("user") if "role" in (one.after or {})]

    assert entry.resource_id == str(membership.user_id)
    assert (entry.after or {})["role"] == "agent"


def test_fields_that_change_by_themselves_make_none(business: Business) -> None:
    key = ApiKeyFactory.create(business=business)
    key.last_used_at = timezone.now()
    key.save()

    assert len(rows("api_key")) == 1


@pytest.mark.parametrize("name", settings.AUDITED)
def test_what_the_settings_name_exists(name: str) -> None:
    options: dict[str, Any] = settings.AUDITED[name]
    fields = {field.name for field in apps.get_model(name)._meta.concrete_fields}

    assert options.get("left_out", set()) <= fields
    assert options.get("hidden", set()) <= fields | {"*"}


def test_every_model_of_a_business_is_watched_or_says_why_not() -> None:
    ours = [
        model
        for model in apps.get_models()
        if issubclass(model, TenantModel)
        or any(field.name == "business" for field in model._meta.fields)
    ]
    watched = {apps.get_model(name) for name in settings.AUDITED}
    named = {name for names in NOT_WATCHED.values() for name in names}

    assert {model.__name__ for model in ours if model not in watched} - named == set()
    assert Contact in watched
