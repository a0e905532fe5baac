"""Many rows are read page by page: the driver would hold a whole answer in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import tenancy
from accounts.models import Business
from compliance.models import Consent
from compliance.privacy import holders, registry
from config.lib import paging
from messaging.contacts.models import Contact
from messaging.privacy import people
from tests.factories.accounts import BusinessFactory
from tests.factories.compliance import opt_out
from tests.factories.contacts import ContactFactory

PHONES = [f"+3460011122{number}" for number in range(7)]


@pytest.fixture
def business(db: None) -> Iterator[Business]:
    made = BusinessFactory.create()
    with tenancy.scope(made):
        yield made


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_every_row_comes_once_in_the_order_of_its_key(business: Business, size: int) -> None:
    for phone in PHONES:
        ContactFactory.create(business=business, phone=phone)
    rows = Contact.objects.all()
    ids = sorted(rows.values_list("id", flat=True))

    assert [one.pk for one in paging.by_key(rows, size=size)] == ids
    flat = rows.values_list("phone_key", flat=True)
    assert list(paging.by_key(flat, key="phone_key", size=size)) == PHONES
    found = list(paging.values_by_key(rows, "phone", key="phone_key", size=size))
    assert found == [{"phone": phone} for phone in PHONES]


def test_rows_that_go_meanwhile_move_no_other(business: Business) -> None:
    for phone in PHONES:
        ContactFactory.create(business=business, phone=phone)
    seen = []
    for contact in paging.by_key(Contact.objects.all(), key="phone_key", size=2):
        seen.append(contact.phone)
        contact.delete()

    assert seen == PHONES


def test_everybody_is_looked_through_in_pages(
    business: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (people, holders):
        monkeypatch.setattr(module, "BATCH", 3)
    for phone in PHONES:
        ContactFactory.create(business=business, phone=phone)
        opt_out(business, phone)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = [sorted(person.keys) for person in registry.everybody()]

    assert sorted(found) == sorted([[phone] for phone in PHONES] * 2)
    assert Consent.objects.count() == 28
    assert [" LIMIT 3" in one["sql"] for one in asked.captured_queries] == [True] * 6


def test_nothing_reads_a_whole_answer_by_the_name_of_pages() -> None:
    root = Path(paging.__file__).parents[2]
    apps = ("accounts", "analytics", "backups", "compliance", "config", "messaging", "reports")
    found = [
        str(path.relative_to(root))
        for app in (*apps, "templates_mgmt")
        for path in (root / app).rglob("*.py")
        if ".iterator(" in path.read_text() and "migrations" not in path.parts
    ]

    assert found == []
