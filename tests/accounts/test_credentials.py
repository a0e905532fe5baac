"""WhatsApp accounts and their tokens, against the sandbox."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import credentials, seals, tenancy
from accounts.graph import client
from accounts.models import WhatsAppAccount
from accounts.signals import (
    TokenHealthChanged,
    WhatsAppAccountConnected,
    token_health_changed,
    whatsapp_account_connected,
)
from config.dev.sandbox.core import Sandbox
from config.dev.sandbox.options import Options
from config.dev.sandbox.server import running
from config.lib import loop
from config.lib.errors import Unavailable
from tests.factories.accounts import full_access
from tests.factories.cast import Cast

WABA = "623456789000022"


@pytest.fixture
def meta(settings: Any) -> Iterator[Sandbox]:
    """Return a running stand-in for Meta that the settings point at."""
    context = running(Options(port=0, sink=True))
    sandbox = loop.run(context.__aenter__())
    settings.META_GRAPH_URL = sandbox.base_url
    yield sandbox
    loop.run(client().close())
    loop.run(context.__aexit__(None, None, None))


@pytest.fixture
def in_scope(cast: Cast) -> Iterator[Cast]:
    """Return the cast, inside Alice's business."""
    with tenancy.scope(cast.business):
        yield cast


def connect(cast: Cast, **overrides: Any) -> WhatsAppAccount:
    wanted: dict[str, Any] = {"waba_id": WABA, "access_token": "a-good-token", **overrides}
    by = full_access(cast.business, cast.alice)
    return credentials.connect(by=by, now=timezone.now(), **wanted)


def test_connecting_asks_meta_and_announces(in_scope: Cast, meta: Sandbox) -> None:
    heard: list[WhatsAppAccountConnected] = []

    def hear(fact: WhatsAppAccountConnected, **_: object) -> None:
        heard.append(fact)

    whatsapp_account_connected.connect(hear)
    account = connect(in_scope)
    whatsapp_account_connected.disconnect(hear)

    assert account.token_health == "valid"
    assert account.name != WABA
    assert [fact.account_id for fact in heard] == [account.pk]


def test_the_token_is_encrypted_at_rest(in_scope: Cast, meta: Sandbox) -> None:
    account = connect(in_scope)

    with connection.cursor() as cursor:
        cursor.execute("SELECT access_token FROM accounts_whatsappaccount")
        stored = cursor.fetchone()[0]
    account.refresh_from_db()

    assert "a-good-token" not in stored
    assert account.access_token == "a-good-token"


def test_a_token_meta_refuses_connects_nothing(in_scope: Cast, meta: Sandbox) -> None:
    meta.faults.invalid_tokens.append("a-bad-token")

    with pytest.raises(credentials.TokenNotAccepted):
        connect(in_scope, access_token="a-bad-token")
    assert not WhatsAppAccount.objects.exists()


@pytest.mark.parametrize("token", ["", " ", "two\r\nlines", "ключ"])
def test_what_cannot_be_a_token_is_not_sent(in_scope: Cast, meta: Sandbox, token: str) -> None:
    with pytest.raises(credentials.TokenNotAccepted):
        connect(in_scope, access_token=token)


@pytest.mark.parametrize("waba_id", ["1", "../me", "x?y"])
def test_an_account_the_token_cannot_see_is_refused(
    in_scope: Cast, meta: Sandbox, waba_id: str
) -> None:
    with pytest.raises(credentials.TokenNotAccepted) as refused:
        connect(in_scope, waba_id=waba_id)
    assert refused.value.attr == "waba_id"


def test_an_account_belongs_to_one_business(in_scope: Cast, meta: Sandbox) -> None:
    connect(in_scope)

    with tenancy.scope(in_scope.other_business), pytest.raises(credentials.AccountTaken):
        connect(in_scope)


def test_rotating_keeps_the_old_token_until_the_new_one_works(
    in_scope: Cast, meta: Sandbox
) -> None:
    account = connect(in_scope)
    meta.faults.invalid_tokens.append("a-bad-token")
    by, now = full_access(in_scope.business), timezone.now()

    with pytest.raises(credentials.TokenNotAccepted):
        credentials.rotate(account=account, access_token="a-bad-token", by=by, now=now)
    account.refresh_from_db()
    kept = account.access_token
    credentials.rotate(account=account, access_token="a-new-token", by=by, now=now)
    account.refresh_from_db()

    assert (kept, account.access_token) == ("a-good-token", "a-new-token")


def test_a_check_notices_once_that_a_token_died(in_scope: Cast, meta: Sandbox) -> None:
    account = connect(in_scope)
    heard: list[TokenHealthChanged] = []

    def hear(fact: TokenHealthChanged, **_: object) -> None:
        heard.append(fact)

    meta.faults.invalid_tokens.append("a-good-token")
    token_health_changed.connect(hear)
    counts = [credentials.check_all(now=timezone.now()) for _ in range(2)]
    token_health_changed.disconnect(hear)

    account.refresh_from_db()
    assert account.token_health == "invalid"
    assert counts[0]["invalid"] == 1
    assert [(fact.before, fact.after) for fact in heard] == [("valid", "invalid")]


def test_a_line_that_is_down_says_nothing_about_the_token(
    in_scope: Cast, meta: Sandbox, settings: Any
) -> None:
    account = connect(in_scope)
    settings.META_GRAPH_URL = "http://127.0.0.1:1"

    assert credentials.check(account=account, now=timezone.now()) == "valid"
    with pytest.raises(Unavailable):
        connect(in_scope, waba_id="623456789000023")


def test_tokens_are_sealed_again_under_a_new_key(
    in_scope: Cast, meta: Sandbox, settings: Any
) -> None:
    account = connect(in_scope)
    settings.FIELD_ENCRYPTION_KEYS = ["a new key", *settings.FIELD_ENCRYPTION_KEYS]

    assert seals.reseal_all()["WhatsApp accounts"] == 1

    settings.FIELD_ENCRYPTION_KEYS = ["a new key"]
    account.refresh_from_db()
    assert account.access_token == "a-good-token"
