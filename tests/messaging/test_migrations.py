"""What migrations do to rows that are there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from structlog.contextvars import bound_contextvars

from accounts import tenancy
from accounts.models import Business
from compliance.privacy import retention
from compliance.privacy.models import RetentionRule
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts import lists
from messaging.contacts.models import ContactImport, ContactList
from messaging.senders.models import Sender
from tests.factories.accounts import BusinessFactory
from tests.factories.contacts import imported
from tests.factories.messaging import ContactFactory, SenderFactory
from tests.factories.templates import TemplateFactory

ROW = b"phone,name\n+34622000001,Ana\n"


@pytest.fixture(autouse=True)
def media_storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}"


@pytest.fixture
def business(db: None) -> Iterator[Business]:
    made: Business = BusinessFactory.create()
    with tenancy.scope(made):
        yield made


def run(migration: str, statement: str) -> None:
    sql: Any = getattr(import_module(f"messaging.migrations.{migration}"), statement)
    with connection.cursor() as cursor:
        cursor.execute(sql)


def imported_before(business: Business, **choices: Any) -> ContactImport:
    """Import as the release before did: without a name, the list is called like the file."""
    with bound_contextvars(request_id="import"):
        held = imported(business, ROW, filename="customers.csv", **choices)
    ContactList.objects.filter(pk=held.list_id, name__startswith="Import of").update(
        name="customers"
    )
    return held


def name_of(held: ContactImport) -> str:
    name: str = ContactList.objects.get(pk=held.list_id).name
    return name


def test_a_list_that_an_import_named_after_its_file_is_named_after_the_import(
    business: Business,
) -> None:
    held = imported_before(business)

    run("0007_forget_file_names", "FORGET")

    assert name_of(held).startswith("Import of")
    assert name_of(held).endswith(f"({held.pk.hex[-6:]})")


@pytest.mark.parametrize("made_before_upload", [timedelta(days=30), timedelta(minutes=-1)])
def test_a_list_made_by_hand_keeps_its_name_whatever_is_imported_into_it(
    business: Business, made_before_upload: timedelta
) -> None:
    with bound_contextvars(request_id="by hand"):
        mine = lists.create(name="customers")
    held = imported_before(business, list_name="customers")
    assert held.list_id == mine.pk
    ContactImport.objects.update(options={**held.options, "list_name": ""})
    ContactList.objects.update(created_at=held.created_at - made_before_upload)

    run("0007_forget_file_names", "FORGET")

    assert name_of(held) == "customers"


def test_a_list_that_somebody_named_like_the_file_keeps_its_name(business: Business) -> None:
    held = imported_before(business, list_name="customers")

    run("0007_forget_file_names", "FORGET")

    assert name_of(held) == "customers"


def test_values_of_campaigns_that_ended_long_ago_go_though_the_rule_ran_before(
    business: Business,
) -> None:
    sender: Sender = SenderFactory.create(business=business)
    now = timezone.now()
    campaign = Campaign.objects.create(
        business=business,
        name="Spring",
        sender=sender,
        template=TemplateFactory.create(account=sender.account),
        status="completed",
        finished_at=now - timedelta(days=300),
    )
    CampaignRecipient.objects.create(
        campaign=campaign, contact=ContactFactory.create(business=business), values={"1": "secret"}
    )
    done = now - timedelta(days=91)
    for kind in ("messages", "media"):
        RetentionRule.objects.create(business=business, kind=kind, days=90, done_before=done)

    run("0008_look_at_old_campaigns_again", "AGAIN")

    assert RetentionRule.objects.get(kind="media").done_before == done
    retention.apply_all(clock=lambda: now, until=now + timedelta(minutes=1))
    assert not CampaignRecipient.objects.filter(values__isnull=False).exists()
