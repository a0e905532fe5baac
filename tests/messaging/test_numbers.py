"""The numbers of an account follow Meta, pulled over HTTP from the sandbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import WhatsAppAccount
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.options import Options
from config.dev.sandbox.server import running
from config.lib import loop
from messaging.senders import numbers
from messaging.senders.models import Sender
from messaging.senders.numbers import Synced
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.messaging import SenderFactory
from tests.watching import meta

WABA = "623456789000022"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Return a running sandbox of Meta's Graph API."""
    manager: Any = running(Options(port=0, quiet=True, sink=True))
    yield loop.run(manager.__aenter__())
    loop.run(manager.__aexit__(None, None, None))


@pytest.fixture
def account(transactional_db: None, sandbox: Sandbox, settings: Any) -> WhatsAppAccount:
    settings.META_GRAPH_URL = sandbox.base_url
    made: WhatsAppAccount = WhatsAppAccountFactory.create(waba_id=WABA)
    return made


def pull(account: WhatsAppAccount) -> Synced:
    with tenancy.scope(account.business_id):
        return numbers.sync(account, now=timezone.now())


def test_every_number_of_the_account_arrives_once(account: WhatsAppAccount) -> None:
    first, again = pull(account), pull(account)

    assert first.new == Sender.across_businesses.count() > 0
    assert again == Synced(0, 0, 0)
    assert Sender.across_businesses.filter(is_default=True).count() == 1


def test_of_two_pulls_at_once_both_succeed(account: WhatsAppAccount) -> None:
    found: list[Synced] = []
    ready = threading.Barrier(4)

    def work() -> None:
        ready.wait()
        found.append(pull(account))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(found) == 4
    assert sum(one.new for one in found) == Sender.across_businesses.count() > 0


def test_of_the_first_numbers_of_two_accounts_at_once_one_is_the_default(
    transactional_db: None, settings: Any
) -> None:
    first = WhatsAppAccountFactory.create()
    second = WhatsAppAccountFactory.create(business=first.business)
    begun = threading.Event()

    def work() -> None:
        begun.set()
        pull(second)
        connection.close()

    other = threading.Thread(target=work)
    under_way: Any = transaction.atomic()
    under_way._from_testcase = True  # it stands for a pull that has not committed
    with meta(settings):
        with under_way:
            pull(first)
            other.start()
            begun.wait()
            wait_for_a_lock()
        other.join()

    found = Sender.across_businesses.order_by("id").values_list("account_id", "is_default")
    assert dict(found) == {first.pk: True, second.pk: False}


def test_a_pull_that_waits_for_another_business_with_its_limit_holds_none_of_its_own_accounts(
    transactional_db: None, settings: Any
) -> None:
    ours = WhatsAppAccountFactory.create(portfolio_id="77")
    theirs = WhatsAppAccountFactory.create(portfolio_id="77", messaging_limit="TIER_2K")

    def work() -> None:
        pull(ours)
        connection.close()

    other = threading.Thread(target=work)
    with meta(settings):
        with transaction.atomic():
            rows = WhatsAppAccount.across_businesses.select_for_update()
            assert rows.get(pk=theirs.pk)
            other.start()
            wait_for_a_lock()
            arrived = Sender.across_businesses.filter(account=ours).count()
        other.join()

    assert arrived == 1
    limits = WhatsAppAccount.across_businesses.values_list("messaging_limit", flat=True)
    assert list(limits) == ["TIER_10K", "TIER_10K"]


def wait_for_a_lock() -> None:
    """Return once somebody waits for what this transaction holds."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE pg_backend_pid() = "
                "ANY(pg_blocking_pids(pid)) AND NOT granted)"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits")


def test_a_number_of_another_account_here_keeps_no_other_from_arriving(
    account: WhatsAppAccount,
) -> None:
    total = pull(account).new
    taken = Sender.across_businesses.order_by("id")[0].phone_number_id
    Sender.across_businesses.all().delete()
    theirs = SenderFactory.create(phone_number_id=taken)

    assert pull(account).new == total - 1

    theirs.refresh_from_db()
    assert theirs.business_id != account.business_id
