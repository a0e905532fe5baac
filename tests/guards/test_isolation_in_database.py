"""The complete two-business tests again, with the application's own filters switched off.

Whatever the code forgets to ask, the database shows a request only the rows of its business.
"""

# ruff: noqa: F811  # fixtures, run again beside the tests that use them

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import ProgrammingError, connection, transaction

from accounts import tenancy
from accounts.models import Role, WhatsAppAccount
from compliance import tasks as compliance_tasks
from compliance.privacy.models import PrivacyRequest
from config.lib import partitions
from messaging import tasks
from messaging.contacts.models import Contact
from templates_mgmt import tasks as template_tasks
from tests.factories.cast import client_of
from tests.guards.tables import protected_tables
from tests.guards.tenants import Tenant
from tests.guards.test_admin_pages import (  # noqa: F401  # run again
    ours,
    reader,
    test_a_row_of_another_business_is_not_found_on_any_page,
    test_every_page_opens_and_hides_the_rows_of_another_business,
    theirs,
)
from tests.guards.test_admin_requests import (  # noqa: F401  # run again
    client,
    test_no_page_shows_or_changes_a_foreign_row_it_is_sent,
    test_no_search_finds_a_row_of_another_business,
    test_the_action_menu_leaves_foreign_rows_alone,
)
from tests.guards.test_isolation import (  # noqa: F401  # run again
    alice,
    charlie,
    test_a_foreign_id_is_answered_like_one_that_does_not_exist,
    test_a_foreign_id_is_not_found,
    test_a_foreign_row_in_a_body_is_answered_like_one_that_does_not_exist,
    test_a_foreign_row_in_a_filter_is_answered_like_one_that_does_not_exist,
    test_an_own_id_is_found,
    test_no_collection_shows_a_row_of_another_business,
)
from tests.guards.test_periodic_work import (  # noqa: F401  # run again
    storages,
    tenants,
    test_a_periodic_job_does_its_work_in_every_business,
)
from tests.guards.without_filters import filters_off

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    with filters_off(monkeypatch) as found:
        yield found


def test_the_filters_are_off(alice: Tenant, charlie: Tenant, taken: list[bytes]) -> None:
    with tenancy.scope(alice.business):
        people = list(Contact.objects.all())

    assert [one.business_id for one in people] == [alice.business.pk]
    assert b"WHERE true" in taken[-1]


def test_the_filters_are_off_in_requests(alice: Tenant, taken: list[bytes]) -> None:
    answer = client_of(alice.users[Role.OWNER]).get("/api/contacts")

    assert answer.status_code == 200
    assert any(b"messaging_contact" in one for one in taken)


def test_raw_sql_sees_the_business_in_scope_only(alice: Tenant, charlie: Tenant) -> None:
    marks = charlie.marks | {str(charlie.business.pk)}
    seen = 0
    with tenancy.scope(alice.business), connection.cursor() as cursor:
        for table in protected_tables():
            cursor.execute(_quoted("SELECT t::text FROM {} t", table))
            rows = [text for (text,) in cursor.fetchall()]
            seen += len(rows)
            assert not [one for one in rows for mark in marks if mark in one], table

    assert seen > 20


def test_raw_sql_without_a_business_sees_and_changes_nothing(
    alice: Tenant,
    charlie: Tenant,
) -> None:
    before = charlie.snapshot()
    with tenancy.no_scope(), connection.cursor() as cursor:
        for table in protected_tables():
            cursor.execute(_quoted("SELECT count(*) FROM {}", table))
            assert cursor.fetchone() == (0,), table
            cursor.execute(_quoted("DELETE FROM {}", table))
            assert cursor.rowcount == 0, table

    assert charlie.snapshot() == before


def test_raw_sql_changes_the_business_in_scope_only(alice: Tenant, charlie: Tenant) -> None:
    before = charlie.snapshot()
    with tenancy.scope(alice.business), connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_contact SET name = 'taken over'")
        changed = cursor.rowcount
        cursor.execute("DELETE FROM messaging_queueitem")

    assert changed == 1
    assert charlie.snapshot() == before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO messaging_tag (business_id, name) VALUES (%s, 'x')",
        "UPDATE messaging_tag SET business_id = %s",
    ],
)
def test_no_row_can_be_given_to_another_business(
    statement: str, alice: Tenant, charlie: Tenant
) -> None:
    with tenancy.scope(alice.business), connection.cursor() as cursor, transaction.atomic():
        with pytest.raises(ProgrammingError, match="row-level security"):
            cursor.execute(statement, [charlie.business.pk])
        transaction.set_rollback(True)


def test_no_row_can_be_added_without_a_business(charlie: Tenant) -> None:
    with tenancy.no_scope(), connection.cursor() as cursor, transaction.atomic():
        with pytest.raises(ProgrammingError, match="row-level security"):
            cursor.execute(
                "INSERT INTO messaging_tag (business_id, name) VALUES (%s, 'x')",
                [charlie.business.pk],
            )
        transaction.set_rollback(True)


def test_tasks_do_not_reach_rows_of_another_business(alice: Tenant, charlie: Tenant) -> None:
    PrivacyRequest.across_businesses.filter(business=charlie.business).update(status="running")
    before = charlie.snapshot()
    own, account = str(alice.business.pk), str(charlie.account.pk)

    tasks.fan_out(business_id=own, campaign_id=str(charlie.campaign.pk))
    tasks.import_contacts(business_id=own, import_id=str(charlie.contact_import.pk))
    compliance_tasks.perform(business_id=own, request_id=str(charlie.privacy_request.pk))
    assert template_tasks.sync_templates(business_id=own, account_id=account) == {"gone_account": 1}
    with pytest.raises(WhatsAppAccount.DoesNotExist):
        tasks.sync_numbers(business_id=own, account_id=account)

    assert charlie.snapshot() == before


def test_a_partition_made_later_is_protected_from_its_first_row(alice: Tenant) -> None:
    with tenancy.no_scope():
        made = partitions.ensure_partitions(
            table="messaging_message", now=datetime(2031, 5, 1, tzinfo=UTC), months_ahead=0
        )

    assert made == ["messaging_message_y2031m05"]
    assert made[0] in protected_tables()


def _quoted(statement: str, table: str) -> str:
    return statement.format(connection.ops.quote_name(table))
