"""What is said about a person just while something else changes."""

from __future__ import annotations

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
from compliance.models import ConsentStatus, OptOutWord, Scope
from messaging.admin import consents
from messaging.contacts import people
from tests.factories.accounts import BusinessFactory
from tests.factories.compliance import opt_in

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
