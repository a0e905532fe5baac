"""Templates follow Meta: pulled over HTTP from the sandbox, and told by webhooks in any order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import tenancy
from accounts.models import WhatsAppAccount
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.options import Options
from config.dev.sandbox.server import running
from config.lib import loop
from templates_mgmt import sync
from templates_mgmt.errors import TokenRefused
from templates_mgmt.models import Template
from templates_mgmt.signals import TemplateStatusChanged, template_status_changed
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.templates import TemplateFactory

WABA = "623456789000022"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Return a running sandbox of Meta's Graph API."""
    manager = running(Options(port=0, quiet=True, sink=True))
    started = loop.run(_enter(manager))
    yield started
    loop.run(_leave(manager))


async def _enter(manager: Any) -> Sandbox:
    entered: Sandbox = await manager.__aenter__()
    return entered


async def _leave(manager: Any) -> None:
    await manager.__aexit__(None, None, None)


@pytest.fixture
def account(db: None, sandbox: Sandbox, settings: Any) -> Iterator[WhatsAppAccount]:
    """Return the sandbox's account, its business in scope."""
    settings.META_GRAPH_URL = sandbox.base_url
    made = WhatsAppAccountFactory.create(waba_id=WABA)
    with tenancy.scope(made.business_id):
        yield made


@pytest.fixture
def facts() -> Iterator[list[TemplateStatusChanged]]:
    """Return what is announced."""
    heard: list[TemplateStatusChanged] = []

    def hear(fact: TemplateStatusChanged, **_: Any) -> None:
        heard.append(fact)

    template_status_changed.connect(hear)
    yield heard
    template_status_changed.disconnect(hear)


def test_every_template_of_the_account_arrives_once(account: WhatsAppAccount) -> None:
    first = sync.pull(account, now=timezone.now())
    again = sync.pull(account, now=timezone.now())

    assert first.new == Template.objects.count() > 0
    assert (first.changed, first.gone) == (0, 0)
    assert again == sync.SyncResult(unchanged=first.new)
    assert Template.objects.filter(status="approved").exclude(meta_id="").exists()


def test_a_pull_puts_right_what_differs(
    account: WhatsAppAccount, facts: list[TemplateStatusChanged]
) -> None:
    total = sync.pull(account, now=timezone.now()).new
    template = Template.objects.filter(status="approved").order_by("id")[0]
    Template.objects.filter(pk=template.pk).update(status="paused", components=[])

    result = sync.pull(account, now=timezone.now())

    stored = Template.objects.get(pk=template.pk)
    assert result == sync.SyncResult(changed=1, unchanged=total - 1)
    assert (stored.status, stored.components) == ("approved", template.components)
    assert [(fact.before, fact.after) for fact in facts] == [("paused", "approved")]


def test_what_meta_no_longer_lists_is_gone_and_a_draft_is_not(
    account: WhatsAppAccount, facts: list[TemplateStatusChanged]
) -> None:
    gone = TemplateFactory.create(account=account)
    draft = TemplateFactory.create(account=account, meta_id="", status="draft")
    elsewhere = TemplateFactory.create()

    result = sync.pull(account, now=timezone.now())

    assert result.gone == 1
    assert Template.objects.get(pk=gone.pk).status == "deleted"
    assert Template.objects.get(pk=draft.pk).status == "draft"
    with tenancy.across(tenancy.Door.COMMAND):
        assert Template.across_businesses.get(pk=elsewhere.pk).status == "approved"
    assert [(fact.template_id, fact.after) for fact in facts] == [(gone.pk, "deleted")]


def test_a_template_submitted_during_the_pull_is_not_gone(account: WhatsAppAccount) -> None:
    began = timezone.now()
    submitted = TemplateFactory.create(account=account, status="pending")

    sync.pull(account, now=began)

    assert Template.objects.get(pk=submitted.pk).status == "pending"


def test_a_refused_token_changes_nothing_and_is_remembered(
    account: WhatsAppAccount, sandbox: Sandbox
) -> None:
    account.access_token = "expired-token"
    account.save(update_fields=["access_token"])
    sandbox.faults.invalid_tokens.append("expired-token")
    template = TemplateFactory.create(account=account)

    with pytest.raises(TokenRefused):
        sync.pull(account, now=timezone.now())

    assert Template.objects.get(pk=template.pk).status == "approved"
    assert WhatsAppAccount.objects.get(pk=account.pk).token_health == "invalid"


def tell(template: Template, event: str, at: datetime = AT, **more: Any) -> sync.Outcome:
    facts: dict[str, Any] = {
        "account": template.account,
        "meta_id": template.meta_id,
        "name": template.name,
        "language": template.language,
        "event": event,
        "occurred_at": at,
    }
    return sync.apply_status(**(facts | more))


def test_a_pause_is_applied_once_and_announced(
    account: WhatsAppAccount, facts: list[TemplateStatusChanged]
) -> None:
    template = TemplateFactory.create(account=account)

    assert tell(template, "PAUSED", reason="FIRST_PAUSE") == "applied"
    assert tell(template, "PAUSED", reason="FIRST_PAUSE") == "unchanged"

    stored = Template.objects.get(pk=template.pk)
    assert (stored.status, stored.rejection_reason) == ("paused", "FIRST_PAUSE")
    assert [(f.before, f.after, f.reason) for f in facts] == [("approved", "paused", "FIRST_PAUSE")]


def test_a_late_older_event_changes_nothing(account: WhatsAppAccount) -> None:
    template = TemplateFactory.create(account=account)
    tell(template, "APPROVED", AT)

    assert tell(template, "PAUSED", AT - timedelta(hours=1)) == "unchanged"
    assert Template.objects.get(pk=template.pk).status == "approved"


def test_an_event_older_than_the_last_pull_changes_nothing(account: WhatsAppAccount) -> None:
    template = TemplateFactory.create(account=account, synced_at=AT)

    assert tell(template, "PAUSED", AT - timedelta(minutes=1)) == "unchanged"
    assert tell(template, "PAUSED", AT) == "applied"


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["APPROVED", "FLAGGED", "PAUSED", "DISABLED"]))
)
def test_events_of_one_second_end_the_same_in_any_order(
    account: WhatsAppAccount, order: tuple[str, ...]
) -> None:
    template = TemplateFactory.create(account=account)

    for event in order:
        tell(template, event)

    assert Template.objects.get(pk=template.pk).meta_status == "DISABLED"


def test_a_new_state_of_metas_is_kept_and_not_sendable(account: WhatsAppAccount) -> None:
    template = TemplateFactory.create(account=account)

    tell(template, "SNOOZED")

    stored = Template.objects.get(pk=template.pk)
    assert (stored.status, stored.meta_status, stored.is_sendable) == ("unknown", "SNOOZED", False)


def test_a_template_is_found_by_name_and_either_spelling_of_the_language(
    account: WhatsAppAccount,
) -> None:
    template = TemplateFactory.create(account=account, meta_id="")

    assert tell(template, "PAUSED", meta_id="77", language="en-US") == "applied"


def test_an_event_of_an_unknown_template_asks_for_a_pull(account: WhatsAppAccount) -> None:
    stranger = TemplateFactory.build(account=account, business=account.business)

    assert tell(stranger, "APPROVED") == sync.Outcome.UNKNOWN_TEMPLATE


def test_another_accounts_template_is_out_of_reach(account: WhatsAppAccount) -> None:
    theirs = TemplateFactory.create()

    assert tell(theirs, "PAUSED", account=account) == sync.Outcome.UNKNOWN_TEMPLATE
    with tenancy.across(tenancy.Door.COMMAND):
        assert Template.across_businesses.get(pk=theirs.pk).status == "approved"


def test_quality_category_and_texts_follow_meta(account: WhatsAppAccount) -> None:
    template = TemplateFactory.create(account=account, category="utility")
    which: dict[str, Any] = {
        "account": account,
        "meta_id": template.meta_id,
        "name": template.name,
        "language": template.language,
        "occurred_at": AT,
    }

    sync.apply_quality(quality="RED", **which)
    assert sync.apply_quality(quality="YELLOW", **which) == "unchanged"
    sync.apply_category(category="UTILITY", upcoming_category="MARKETING", **which)
    announced = Template.objects.get(pk=template.pk)
    sync.apply_category(category="MARKETING", **which)
    sync.apply_components(texts={"BODY": "Hello again {{1}}."}, **which)

    stored = Template.objects.get(pk=template.pk)
    assert (announced.category, announced.pending_category) == ("utility", "marketing")
    assert (stored.quality, stored.category, stored.pending_category) == ("red", "marketing", "")
    assert stored.components[0]["text"] == "Hello again {{1}}."
    assert stored.components[0]["example"] == {"body_text": [["Ana"]]}
