"""Whoever signs in gets in, whatever changes about them at that moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import second_factor, tokens, users
from accounts.access import Access
from accounts.models import Authenticator, User
from tests.accounts.test_races import wait_until_it_waits
from tests.factories.accounts import PASSWORD
from tests.factories.cast import make_cast

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN: Final = "/admin/login/"
NEW: Final = "another-long-password-7"
CREDENTIALS: Final = {"username": "alice@example.com", "password": PASSWORD}


def confirm(user: User) -> None:
    device = second_factor.find_pending(user)
    assert device is not None
    now = timezone.now()
    code = second_factor.code_at(device.key, now)
    second_factor.confirm(user=user, code=code, keep=None, now=now)


def reset(user: User) -> None:
    by = Access(None, None, None, frozenset())
    second_factor.reset_any(user=user, by=by, now=timezone.now())


def revoke(user: User) -> None:
    tokens.revoke_all(user, reason="password", now=timezone.now())


def set_password(user: User) -> None:
    users.set_password(user=user, password=NEW, by=None, now=timezone.now())


def change_on_the_page(user: User) -> None:
    client = Client()
    client.force_login(user)
    given = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/admin/password_change/", given).status_code == 302


CHANGES: Final = (confirm, reset, revoke, set_password, change_on_the_page)


def open_with_the_password(*, is_page: bool) -> int:
    if is_page:
        return int(Client().post(LOGIN, CREDENTIALS).status_code)
    given = {"email": CREDENTIALS["username"], "password": PASSWORD}
    return int(APIClient().post("/api/auth/token", given).status_code)


class Meanwhile:
    """Begins a change on another connection before a sign-in takes the person's row."""

    def __init__(self, change: Callable[[User], None], user: User) -> None:
        self._change, self._user = change, user
        self._thread = ThreadPoolExecutor(1)
        self.done: Future[None] | None = None

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.done is None and sql.startswith("UPDATE") and '"last_login"' in sql:
            self.done = self._thread.submit(self._run)
            wait_until_it_waits(self.done)
            assert not self.done.done()
            # A row it held would be a deadlock a moment later.
            list(User.objects.select_for_update(nowait=True).filter(pk=self._user.pk))
            list(Authenticator.objects.select_for_update(nowait=True).filter(user=self._user))
        return execute(sql, params, many, context)

    def _run(self) -> None:
        try:
            self._change(User.objects.get(pk=self._user.pk))
        finally:
            connection.close()


@pytest.mark.parametrize("is_page", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_who_signs_in_gets_in_while_rights_change(
    change: Callable[[User], None], is_page: bool
) -> None:
    alice = make_cast().alice
    second_factor.begin(user=alice, now=timezone.now())
    meanwhile = Meanwhile(change, alice)

    with connection.execute_wrapper(meanwhile):
        answered = open_with_the_password(is_page=is_page)

    assert answered == (302 if is_page else 200)
    assert meanwhile.done is not None
    meanwhile.done.result()
