"""What is said about a person just while something else changes."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business
from compliance import business_words, consent
from compliance import imports as consent_imports
from compliance.models import ConsentStatus, OptOutWord, Scope
from messaging.admin import consents
from messaging.contacts import people
from messaging.senders.models import Sender
from messaging.sending import followups
from messaging.webhooks import apply
from messaging.webhooks.models import FormerAddress
from tests.factories.accounts import BusinessFactory
from tests.factories.compliance import opt_in
from tests.factories.messaging import SenderFactory
from tests.messaging.test_webhook_apply import SECONDS, posted, status, text
from tests.messaging.webhook_events import NOW, keep

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "+34600111222", "+34600333444"


def in_turn(
    business: Business, first: Callable[[], Any], second: Callable[[], Any]
) -> Exception | None:
    """Begin the second while the first is not committed; return what the second raised."""
    raised: list[Exception] = []

    def work() -> None:
        try:
            with tenancy.scope(business), transaction.atomic():
                second()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    later = threading.Thread(target=work)
    with tenancy.scope(business), transaction.atomic():
        first()
        later.start()
        _wait_for_somebody_to_wait(later)
    later.join(30)
    return raised[0] if raised else None


def _wait_for_somebody_to_wait(later: threading.Thread) -> None:
    deadline = time.monotonic() + 10
    while later.is_alive() and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)


@pytest.mark.parametrize("is_told_first", [True, False])
def test_an_opt_out_told_while_the_person_changes_number_is_not_lost(is_told_first: bool) -> None:
    business = BusinessFactory.create()
    now = timezone.now()
    opt_in(business, OLD, at=now - timedelta(days=1))
    with tenancy.scope(business):
        contact = people.find_or_create(phone=OLD, now=now)

    def tell() -> None:
        consents.record(
            contact, ConsentStatus.OPTED_OUT, by=None, scope="all", reason="Asked", now=now
        )

    def move() -> None:
        people.change_number(old=OLD, new=NEW, now=now)

    assert in_turn(business, *((tell, move) if is_told_first else (move, tell))) is None

    with tenancy.scope(business):
        decision = consent.check(addresses=[NEW], scope=Scope.MARKETING)
    assert decision == consent.Refused("opted_out")


def test_a_word_saved_twice_at_once_is_on_the_list_once() -> None:
    business = BusinessFactory.create()

    def put() -> None:
        business_words.put(word="Weg damit", effect="stop", by=None)

    refused = in_turn(business, put, put)

    assert isinstance(refused, business_words.WordTaken)
    with tenancy.scope(business):
        assert OptOutWord.objects.count() == 1


def _stop_text(sender: Sender) -> bytes:
    return posted(sender, messages=[text("wamid.s", "STOP", from_user_id="", **{"from": OLD[1:]})])


def _chose_to_stop(sender: Sender) -> bytes:
    chosen = {"wa_id": OLD[1:], "category": "marketing_messages", "value": "stop"}
    told = {**chosen, "timestamp": SECONDS - 50}
    return posted(sender, field="user_preferences", user_preferences=[told])


def _refused_by_status(sender: Sender) -> bytes:
    errors = [{"code": 131050, "title": "stopped"}]
    failed = status("wamid.9", "failed", recipient_id=OLD[1:], errors=errors)
    return posted(sender, statuses=[failed])


def _move(business: Business) -> None:
    contact = people.change_number(old=OLD, new=NEW, now=NOW)
    FormerAddress.objects.create(business=business, address=OLD, contact=contact, changed_at=NOW)


@pytest.mark.parametrize("door", [_stop_text, _chose_to_stop, _refused_by_status])
@pytest.mark.parametrize("is_told_first", [True, False])
def test_what_meta_tells_while_the_person_changes_number_is_not_lost(
    door: Callable[[Sender], bytes], is_told_first: bool
) -> None:
    sender = SenderFactory.create()
    opt_in(sender.business, OLD, at=NOW - timedelta(days=40))
    with tenancy.scope(sender.business):
        people.find_or_create(phone=OLD, wa_id=OLD[1:], now=NOW)
    keep(door(sender))

    def hear() -> None:
        apply.apply_due(now=NOW)

    def move() -> None:
        _move(sender.business)

    first, second = (hear, move) if is_told_first else (move, hear)
    assert in_turn(sender.business, first, second) is None

    with tenancy.scope(sender.business):
        decision = consent.check(addresses=[NEW], scope=Scope.MARKETING)
    assert decision == consent.Refused("opted_out")


@pytest.mark.parametrize("is_told_first", [True, False])
def test_a_refusal_of_a_send_while_the_person_changes_number_is_not_lost(
    is_told_first: bool,
) -> None:
    business = BusinessFactory.create()
    opt_in(business, OLD, at=NOW - timedelta(days=40))
    with tenancy.scope(business):
        contact = people.find_or_create(phone=OLD, now=NOW)

    def tell() -> None:
        followups.remember_recipient(contact.pk, reason="opted_out", at=NOW, now=NOW)

    def move() -> None:
        _move(business)

    assert in_turn(business, *((tell, move) if is_told_first else (move, tell))) is None

    with tenancy.scope(business):
        decision = consent.check(addresses=[NEW], scope=Scope.MARKETING)
    assert decision == consent.Refused("opted_out")


def test_a_row_that_says_no_while_the_person_changes_number_is_not_lost() -> None:
    business = BusinessFactory.create()
    opt_in(business, OLD, at=NOW - timedelta(days=40))
    with tenancy.scope(business):
        people.find_or_create(phone=OLD, now=NOW)

    def tell() -> None:
        consent_imports.commit(
            file=io.BytesIO(f"phone,status\n{OLD},no\n".encode()),
            filename="list.csv",
            choices=consent_imports.choices_of(
                {"source": "Trade fair", "scope": "all"}, business=business
            ),
            by=None,
            now=NOW,
            keep_rights=lambda: None,
        )

    assert in_turn(business, lambda: _move(business), tell) is None

    with tenancy.scope(business):
        decision = consent.check(addresses=[NEW], scope=Scope.MARKETING)
    assert decision == consent.Refused("opted_out")
