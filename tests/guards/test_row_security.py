"""Every table that names a business is protected by the database; the others say why not."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

from tests.guards.tables import all_tables, protected_tables, tables_with_a_business
from tests.guards.test_relations import OURS

pytestmark = pytest.mark.django_db

# Tables of ours that hold no row of a business.
OF_NO_BUSINESS = {
    "accounts_authenticator": "a person's second factor, whichever of their businesses they are in",
    "accounts_recoverycode": "the same for the day their device is lost",
    "accounts_signin": "a person's session or token, whichever of their businesses it is used in",
    "accounts_user": "a person, who may belong to several businesses",
    "accounts_user_groups": "not used: Django makes it",
    "accounts_user_user_permissions": "not used: Django makes it",
    "backups_backup": "archives of the whole installation; metadata only",
    "compliance_privacykey": "the key of the installation that addresses are hashed with, sealed",
    "messaging_latestfact": "ids of Meta's and times, to put its news in order",
    "messaging_pendingevent": "which raw events wait; nobody has read yet whose they are",
    "messaging_portfoliorecipient": "ids only; a portfolio's limit is shared by its businesses",
    "messaging_rawevent": "what Meta posted; one post may be about several businesses",
}


def test_every_table_with_a_business_is_protected() -> None:
    found = tables_with_a_business()

    assert len(found) > 40
    assert sorted({*found, "accounts_business"} - set(protected_tables())) == []


def test_every_table_of_ours_names_its_business_or_says_why_not() -> None:
    tables = {table for table in all_tables() for app in OURS if table.startswith(f"{app}_")}
    unnamed = tables - set(tables_with_a_business()) - {"accounts_business"}

    assert unnamed == set(OF_NO_BUSINESS)


def test_every_model_of_a_business_has_the_column() -> None:
    named = {
        model._meta.db_table
        for app in OURS
        for model in apps.get_app_config(app).get_models()
        if any(field.column == "business_id" for field in model._meta.concrete_fields)
    }

    assert named <= set(tables_with_a_business())


def test_the_application_role_is_bound() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles "
            "WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False)
        cursor.execute("SELECT current_setting('row_security')")
        assert cursor.fetchone() == ("on",)
