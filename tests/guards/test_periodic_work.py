"""What beat starts, and what is typed at the shell, finds the rows of every business by itself.

No door is open but those the work opens: in production nobody holds one open around it. Jobs and
commands are enumerated, so a new one fails here until it says what it does for a business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.conf import settings as ours
from django.core import mail
from django.core.management import call_command, get_commands
from django.utils import timezone

from accounts import tenancy
from accounts.models import Approval, Grant, IdempotencyRecord, User
from accounts.tenancy import Door
from compliance.audit import checking
from compliance.models import AuditEntry, AuditPending
from compliance.privacy import keys
from compliance.privacy.models import ErasureRecord, PrivacyRequest, RetentionRun
from config.celery import app
from config.lib.ids import new_id
from messaging.messages.models import Message
from messaging.senders.models import SenderActivity
from messaging.sending.models import QueueItem, ScheduledMessage, UnknownMessage
from messaging.webhooks.models import PendingEvent, RawEvent
from tests.guards.tenants import Tenant, make_tenant
from tests.guards.test_relations import OURS

pytestmark = pytest.mark.django_db

Prepare = Callable[[Tenant], object]
IsDone = Callable[[Tenant], bool]
LONG_AGO = timedelta(days=2)


def _of(model: Any, tenant: Tenant) -> Any:
    return model._base_manager.filter(business_id=tenant.business.pk)


def _lose_request(tenant: Tenant) -> None:
    """A worker died with a message in flight; another message is due."""
    _of(Message, tenant).update(status="queued")
    at = timezone.now() - timedelta(minutes=10)
    QueueItem.objects.create(
        message_id=tenant.message.pk, business_id=tenant.business.pk, sender=tenant.sender,
        contact_id=tenant.contact.pk, priority=5, lease_until=at, lease_owner=new_id(),
        is_in_flight=True,
    )  # fmt: skip
    ScheduledMessage.objects.create(message_id=new_id(), business_id=tenant.business.pk, due_at=at)


def _is_found(tenant: Tenant) -> bool:
    found = _of(UnknownMessage, tenant).exists()
    return found and not _of(ScheduledMessage, tenant).exists()


def _stay_silent(tenant: Tenant) -> None:
    """Nothing was heard of a message for long, and of later ones it was."""
    now = timezone.now()
    _of(Message, tenant).update(status="unknown")
    UnknownMessage.objects.create(
        message_id=tenant.message.pk, business_id=tenant.business.pk, sender=tenant.sender,
        since=now - LONG_AGO,
    )  # fmt: skip
    SenderActivity.objects.update_or_create(
        sender=tenant.sender,
        business_id=tenant.business.pk,
        defaults={"last_status_message_id": new_id(), "last_status_at": now},
    )


def _post(tenant: Tenant) -> None:
    """Meta posted that somebody wrote."""
    message = {"from": f"3469{tenant.number}", "id": f"wamid.{tenant.word}", "type": "text",
               "timestamp": f"{timezone.now():%s}", "text": {"body": "Hello"}}  # fmt: skip
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": tenant.sender.phone_number_id},
        "messages": [message],
    }
    change = {"field": "messages", "value": value}
    body = {"object": "whatsapp_business_account",
            "entry": [{"id": tenant.account.waba_id, "changes": [change]}]}  # fmt: skip
    event = RawEvent.objects.create(id=new_id(), body=orjson.dumps(body))
    PendingEvent.objects.create(event_id=event.pk, not_before=timezone.now())


def _refuse_token(tenant: Tenant) -> None:
    """A token that cannot be one is refused without asking Meta."""
    tenant.account.access_token = "tökén"
    tenant.account.save(update_fields=["access_token"])


def _has_refused(tenant: Tenant) -> bool:
    tenant.account.refresh_from_db()
    return tenant.account.token_health == "invalid"


def _keep_answer(tenant: Tenant) -> None:
    IdempotencyRecord.objects.create(
        business=tenant.business, actor="user:1", key=tenant.word, fingerprint=tenant.word,
        created_at=timezone.now() - LONG_AGO,
    )  # fmt: skip


def _let_copy_expire(tenant: Tenant) -> None:
    """A copy is too old, and an erasure is not on the list yet."""
    past = timezone.now() - timedelta(hours=1)
    _of(PrivacyRequest, tenant).update(expires_at=past)
    _of(ErasureRecord, tenant).update(key_id=keys.current().id, stored_at=None)


def _is_cleared(tenant: Tenant) -> bool:
    record = _of(ErasureRecord, tenant).get()
    return record.stored_at is not None and not tenant.privacy_request.file


def _expire(model: Any) -> Prepare:
    return lambda one: _of(model, one).update(expires_at=timezone.now() - timedelta(minutes=1))


def _schedule(tenant: Tenant) -> None:
    at = timezone.now() - timedelta(minutes=1)
    type(tenant.campaign).across_businesses.filter(pk=tenant.campaign.pk).update(
        status="scheduled", scheduled_at=at
    )


def _is_looked_at(tenant: Tenant) -> bool:
    tenant.campaign.refresh_from_db()
    return tenant.campaign.status != "scheduled"


def _lose_file(tenant: Tenant) -> None:
    type(tenant.media).across_businesses.filter(pk=tenant.media.pk).update(
        status="pending", sender=None, next_attempt_at=timezone.now() - LONG_AGO
    )


def _has_given_up(tenant: Tenant) -> bool:
    tenant.media.refresh_from_db()
    return tenant.media.status == "failed"


def _is_checked(tenant: Tenant) -> bool:
    with tenancy.scope(tenant.business):
        last = checking.find_last(tenant.business.pk)
    return last is not None and last.is_clean


def _nothing(_: Tenant) -> None:
    """The tenant is ready as it is."""


# What waits in a business for a job, and how it shows that the job was there.
DUE: dict[str, tuple[Prepare, IsDone]] = {
    "messaging.sweep": (_lose_request, _is_found),
    "messaging.reconcile": (
        _stay_silent,
        lambda one: not _of(UnknownMessage, one).filter(needs_decision=False).exists(),
    ),
    "messaging.apply_webhooks": (
        _post,
        lambda one: _of(Message, one).filter(wamid=f"wamid.{one.word}").exists(),
    ),
    "messaging.settle_campaigns": (_schedule, _is_looked_at),
    "messaging.fetch_media": (_lose_file, _has_given_up),
    "accounts.check_tokens": (_refuse_token, _has_refused),
    "accounts.mail_invitations": (
        _nothing,
        lambda one: any(one.invitation.email in sent.to for sent in mail.outbox),
    ),
    "accounts.end_grants": (_expire(Grant), lambda one: not _of(Grant, one).exists()),
    "accounts.expire_approvals": (
        _expire(Approval),
        lambda one: _of(Approval, one).get().status == "expired",
    ),
    "accounts.forget_answers": (
        _keep_answer,
        lambda one: not _of(IdempotencyRecord, one).exists(),
    ),
    "compliance.check_trails": (_nothing, _is_checked),
    "compliance.seal_audit": (_nothing, lambda one: not _of(AuditPending, one).exists()),
    "privacy.retention": (_nothing, lambda one: _of(RetentionRun, one).count() == 2),
    "privacy.sweep": (_let_copy_expire, _is_cleared),
}
# Jobs that only order another job for each account of every business.
ORDERS = {"messaging.check_accounts", "templates.sync_all"}
# Jobs that touch no row of a business.
OF_NO_BUSINESS = {"accounts.forget_tokens", "compliance.note_doors", "messaging.make_partitions"}
# The whole database as its owner: `tests/backups` restores what this makes.
AS_OWNER = {"backups.nightly"}

# Commands of ours, and where they are tried when not here.
COMMANDS = {
    "backup": "tests/backups, as the owner",
    "bench": "by hand",
    "demo": "by hand",
    "demo_business": "tests/dev",
    "export_api_docs": "reads no rows",
    "replay_erasures": "",
    "reseal_privacy_key": "",
    "reseal_secrets": "",
    "sandbox": "reads no rows",
    "serve": "starts processes",
    "verify_audit": "",
    "verify_backup": "tests/backups, as the owner",
    "verify_proof": "reads no rows",
}


@pytest.fixture(autouse=True)
def storages(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}/media"
    settings.BACKUP_STORAGE_URL = f"file://{tmp_path}/outside"
    app.loader.import_default_modules()


@pytest.fixture
def tenants(storages: None) -> list[Tenant]:
    return [
        make_tenant("Amaryllis", 1_234_567, "+34600111001"),
        make_tenant("Camembert", 7_654_321, "+34600222002"),
    ]


def _run(job: str) -> Any:
    with tenancy.no_scope():
        return app.tasks[job]()


def test_every_periodic_job_says_what_it_does_for_a_business() -> None:
    beat = {entry["task"] for entry in ours.CELERY_BEAT_SCHEDULE.values()}

    assert beat == DUE.keys() | ORDERS | OF_NO_BUSINESS | AS_OWNER


@pytest.mark.parametrize("job", DUE)
def test_a_periodic_job_does_its_work_in_every_business(job: str, tenants: list[Tenant]) -> None:
    prepare, is_done = DUE[job]
    for tenant in tenants:
        prepare(tenant)
    assert [is_done(tenant) for tenant in tenants] == [False, False]

    _run(job)

    assert [is_done(tenant) for tenant in tenants] == [True, True]


@pytest.mark.parametrize("job", sorted(ORDERS))
def test_a_periodic_job_orders_work_for_every_account(job: str, tenants: list[Tenant]) -> None:
    assert _run(job) == {"accounts": 2}


@pytest.mark.parametrize("job", sorted(OF_NO_BUSINESS))
def test_a_periodic_job_of_no_business_runs_behind_no_door(job: str) -> None:
    assert _run(job) is not None


def test_every_command_says_where_it_is_tried() -> None:
    found = {
        name
        for name, place in get_commands().items()
        if str(place).partition(".")[0] in {*OURS, "config"}
    }

    assert found == set(COMMANDS)


def test_the_audit_of_every_business_is_verified_at_the_shell(tenants: list[Tenant]) -> None:
    told = _command("verify_audit")

    assert all(f"business {one.business.pk}: " in told for one in tenants)


def test_erasures_of_every_business_are_replayed_at_the_shell(tenants: list[Tenant]) -> None:
    for tenant in tenants:
        _let_copy_expire(tenant)
    _run("privacy.sweep")

    assert "1 privacy keys sealed again" in _command("reseal_privacy_key")
    assert f"{len(tenants)} WhatsApp accounts sealed again" in _command("reseal_secrets")
    told = _command("replay_erasures")
    assert "2 erasures on the list" in told
    assert "0 of businesses that are not here" in told


def test_the_first_operator_is_made_at_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-long-enough-password")
    _command("createsuperuser", "--noinput", "--email", "first@switchboard.example")

    user = User.objects.get(email="first@switchboard.example")
    with tenancy.across(Door.AUDIT):
        entries = AuditEntry.objects.filter(business=None, resource_id=str(user.pk))
        assert entries.exists()


def _command(name: str, *arguments: str) -> str:
    out = StringIO()
    with tenancy.no_scope():
        call_command(name, *arguments, stdout=out)
    return out.getvalue()
