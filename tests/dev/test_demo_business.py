"""The demo business: made once, whatever happened to it since."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts import businesses, tenancy
from accounts.models import Business, Membership, User, WhatsAppAccount
from config.dev import demo_business
from messaging.senders.models import Sender
from templates_mgmt.models import Template
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sandbox(settings: Any) -> Iterator[SandboxProcess]:
    """Run a sandbox of the test's own."""
    process = SandboxProcess()
    settings.META_GRAPH_URL = process.url
    yield process
    process.stop()


def run(*arguments: str) -> str:
    """Run the command and return what it printed."""
    out = StringIO()
    call_command("demo_business", *arguments, stdout=out)
    return out.getvalue()


def test_it_has_people_of_every_role_numbers_and_templates(sandbox: SandboxProcess) -> None:
    told = run()

    business = Business.objects.get(name=demo_business.NAME)
    with tenancy.scope(business):
        assert Sender.objects.count() == 2
        assert Template.objects.filter(status="approved").exists()
        assert WhatsAppAccount.objects.get().waba_id == demo_business.WABA_ID
    assert {one.role for one in Membership.objects.filter(business=business)} == {
        role.value for _, _, role in demo_business.PEOPLE
    }
    assert demo_business.PASSWORD in told


@pytest.mark.parametrize("email", [demo_business.PLATFORM_ADMIN, demo_business.PEOPLE[0][0]])
def test_people_sign_in_as_the_command_prints(transactional_db: None, email: str) -> None:
    run("--people-only")

    login = {"username": email, "password": demo_business.PASSWORD}

    assert Client().post("/admin/login/", login).status_code == 302


def test_doing_it_again_changes_nothing(sandbox: SandboxProcess) -> None:
    run()
    business = Business.objects.get(name=demo_business.NAME)
    businesses.update(business=business, changes={"time_zone": "UTC"}, by=None)
    before = [User.objects.count(), Sender.across_businesses.count(), Membership.objects.count()]

    run()

    business.refresh_from_db()
    after = [User.objects.count(), Sender.across_businesses.count(), Membership.objects.count()]
    assert before == after
    assert business.time_zone == "UTC"


def test_without_a_sandbox_there_are_people_all_the_same(
    transactional_db: None, settings: Any
) -> None:
    settings.META_GRAPH_URL = "http://127.0.0.1:9"

    told = run()

    assert "not asked now" in told
    assert User.objects.filter(email=demo_business.PLATFORM_ADMIN).exists()


def test_starting_afresh_says_that_it_deletes_and_says_nothing_else(
    sandbox: SandboxProcess,
) -> None:
    assert run("--afresh", "--quiet") == ""
    before = Business.objects.get(name=demo_business.NAME)

    told = run("--afresh", "--quiet")

    assert told == f"Starting afresh: deleting what {demo_business.NAME} did before.\n"
    assert not Business.objects.filter(pk=before.pk).exists()
