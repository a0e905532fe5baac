"""What asks Meta for somebody: nothing is locked meanwhile, and their rights are asked again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import WhatsAppAccount
from templates_mgmt.models import Template
from tests.factories.accounts import WhatsAppAccountFactory
from tests.factories.cast import Cast, client_of
from tests.watching import Demoting, Watching, meta

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Asking:
    """A person of the business, and what they press."""

    cast: Cast
    account: WhatsAppAccount
    page: Client

    def press(self, name: str, *of: object, **data: Any) -> int:
        return self.page.post(reverse(f"admin:{name}", args=of), data).status_code

    def written(self) -> tuple[list[Any], int]:
        """Return what asking Meta could change."""
        rows = WhatsAppAccount.across_businesses.order_by("id")
        accounts = [(one.waba_id, one.access_token, one.token_checked_at) for one in rows]
        return accounts, Template.across_businesses.count()


Act = Callable[[Asking], int]

ACTS: list[Any] = [
    pytest.param(
        lambda one: client_of(one.cast.alice).post("/api/templates/sync").status_code,
        id="api sync",
    ),
    pytest.param(
        lambda one: (
            client_of(one.cast.alice)
            .post("/api/templates/sync", headers={"Idempotency-Key": "one"})
            .status_code
        ),
        id="api sync once",
    ),
    pytest.param(lambda one: one.press("templates_mgmt_template_sync"), id="page sync"),
    pytest.param(
        lambda one: one.press("accounts_whatsappaccount_test", one.account.pk), id="page test"
    ),
    pytest.param(
        lambda one: one.press(
            "accounts_whatsappaccount_rotate", one.account.pk, access_token="new"
        ),
        id="page rotate",
    ),
    pytest.param(
        lambda one: one.press(
            "accounts_whatsappaccount_connect", waba_id="10229", access_token="a"
        ),
        id="page connect",
    ),
]


@pytest.fixture
def asking(cast: Cast) -> Asking:
    account = WhatsAppAccountFactory.create(business=cast.business)
    page = Client()
    page.force_login(cast.alice, backend="django.contrib.auth.backends.ModelBackend")
    return Asking(cast, account, page)


@pytest.mark.parametrize("act", ACTS)
def test_nothing_is_locked_while_meta_is_asked(
    asking: Asking, settings: Settings, act: Act
) -> None:
    before = asking.written()

    with meta(settings):
        assert act(asking) in (200, 302)

    assert set(Watching.stood) == {(0, 0)}
    assert asking.written() != before


@pytest.mark.parametrize("act", ACTS)
def test_who_loses_the_right_meanwhile_changes_nothing(
    asking: Asking, settings: Settings, act: Act
) -> None:
    before = asking.written()

    with meta(settings, Demoting):
        assert act(asking) == 403

    assert Watching.stood
    assert asking.written() == before


class Rotating(Watching):
    """A Meta in whose time somebody else rotates the token."""

    def meanwhile(self) -> None:
        account = WhatsAppAccount.across_businesses.get()
        account.access_token = "another"
        account.token_health = "invalid"
        account.save(update_fields=["access_token", "token_health"])


def test_an_answer_about_a_token_that_was_rotated_meanwhile_is_not_kept(
    asking: Asking, settings: Settings
) -> None:
    with meta(settings, Rotating):
        asking.press("accounts_whatsappaccount_test", asking.account.pk)

    asking.account.refresh_from_db()
    assert (asking.account.access_token, asking.account.token_health) == ("another", "invalid")


class Removing(Watching):
    """A Meta in whose time the account is taken away."""

    def meanwhile(self) -> None:
        WhatsAppAccount.across_businesses.all().delete()


@pytest.mark.parametrize("name", ["test", "rotate"])
def test_an_account_taken_away_meanwhile_is_no_failure(
    asking: Asking, settings: Settings, name: str
) -> None:
    with meta(settings, Removing):
        status = asking.press(
            f"accounts_whatsappaccount_{name}", asking.account.pk, access_token="new"
        )

    assert status in (200, 302)
    assert not WhatsAppAccount.across_businesses.exists()
