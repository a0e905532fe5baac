"""No transaction is open across a call over the network: the mechanism that says so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from pytest_django import Settings
from structlog.testing import capture_logs

from config.lib import alerts, loop, outward, storage
from config.lib.outward import TransactionOpen
from tests.undone import undone


async def call() -> str:
    return "answered"


def ask() -> str:
    return loop.run(call())


@pytest.fixture
def kept(settings: Settings, tmp_path: Path) -> str:
    settings.MEDIA_STORAGE_URL = f"file://{tmp_path}"
    return storage.media().save("kept", ContentFile(b"x"))


def test_the_transaction_around_a_test_is_none(db: None) -> None:
    assert ask() == "answered"


def test_a_call_in_a_transaction_is_refused(db: None) -> None:
    with transaction.atomic(), pytest.raises(TransactionOpen, match=r"call calls over the network"):
        ask()

    assert ask() == "answered"


def test_what_a_test_takes_back_hides_no_transaction_of_the_product(db: None) -> None:
    with undone():
        assert ask() == "answered"
        with transaction.atomic(), pytest.raises(TransactionOpen):
            ask()


@pytest.mark.django_db(transaction=True)
def test_a_call_in_a_transaction_that_commits_is_refused_too() -> None:
    with transaction.atomic(), pytest.raises(TransactionOpen):
        ask()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_of_another_thread_is_its_own_matter() -> None:
    answers: list[str] = []
    with transaction.atomic():
        other = threading.Thread(target=lambda: answers.append(ask()))
        other.start()
        other.join()

    assert answers == ["answered"]


@pytest.mark.parametrize(
    "act",
    [
        lambda: storage.media().open("kept"),
        lambda: storage.media().save("new", ContentFile(b"x")),
        lambda: storage.media().exists("kept"),
        lambda: alerts.deliver(title="t", detail="d", severity="info"),
    ],
)
def test_files_and_alerts_are_calls_over_the_network_as_well(
    db: None, kept: str, act: Callable[[], object]
) -> None:
    with transaction.atomic(), pytest.raises(TransactionOpen):
        act()

    act()


def test_in_production_the_call_goes_on_and_is_reported(db: None, settings: Settings) -> None:
    settings.REFUSE_CALLS_IN_TRANSACTIONS = False
    before = outward.HELD._value.get()

    with transaction.atomic(), capture_logs() as lines:
        assert ask() == "answered"

    assert [(one["event"], one["call"]) for one in lines] == [("call_in_transaction", "call")]
    assert outward.HELD._value.get() == before + 1
