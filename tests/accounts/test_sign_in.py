"""Signing in, staying signed in, signing out."""

import getpass
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from axes.utils import reset
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import User
from accounts.signals import SignInFailed, sign_in_failed
from tests.factories.accounts import PASSWORD
from tests.factories.cast import Cast, client_of


@pytest.fixture(autouse=True)
def no_lock_left(db: None) -> Iterator[None]:
    """Start without failures counted."""
    yield
    reset()


def sign_in(email: str = "alice@example.com", password: str = PASSWORD, **extra: Any) -> Any:
    credentials = {"email": email, "password": password}
    return APIClient().post("/api/auth/token", credentials, **extra)


def refresh(token: str) -> Any:
    return APIClient().post("/api/auth/token/refresh", {"refresh": token})


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def test_the_right_password_opens_the_api(cast: Cast) -> None:
    pair = sign_in().json()

    me = APIClient().get("/api/auth/me", HTTP_AUTHORIZATION=f"Bearer {pair['access']}").json()

    assert me["user"]["email"] == "alice@example.com"
    assert me["business"] == str(cast.business.pk)
    assert [held["role"] for held in me["businesses"]] == ["owner"]
    assert "messages.send" in me["permissions"]


def test_the_email_may_be_in_any_case(cast: Cast) -> None:
    assert sign_in(email="Alice@Example.COM").status_code == 200


@pytest.mark.parametrize("email", ["alice@example.com", "nobody@example.com"])
def test_a_wrong_password_and_an_unknown_email_look_the_same(cast: Cast, email: str) -> None:
    refused = sign_in(email=email, password="wrong")

    assert refused.status_code == 401
    assert code_of(refused) == "invalid_credentials"


def test_an_inactive_user_cannot_sign_in(cast: Cast) -> None:
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)

    assert sign_in().status_code == 401


def test_five_wrong_passwords_lock_even_the_right_one(cast: Cast) -> None:
    codes = [sign_in(password="wrong").status_code for _ in range(5)]

    locked = sign_in()

    assert codes == [401, 401, 401, 401, 429]
    assert locked.status_code == 429
    assert code_of(locked) == "sign_in_locked"
    assert int(locked["Retry-After"]) == 900


def test_another_spelling_of_the_email_is_no_further_attempt(cast: Cast) -> None:
    for email in ("alice@example.com", "ALICE@example.com", "Alice@example.com") * 2:
        sign_in(email=email, password="wrong")

    assert sign_in().status_code == 429


def test_a_lock_is_for_one_person_and_one_address(cast: Cast) -> None:
    for _ in range(6):
        sign_in(password="wrong")

    assert sign_in(email="bob@example.com").status_code == 200
    assert sign_in(REMOTE_ADDR="192.0.2.7").status_code == 200


def test_behind_a_proxy_the_address_is_the_one_the_proxy_saw(cast: Cast, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    for _ in range(6):
        sign_in(password="wrong", HTTP_X_FORWARDED_FOR="192.0.2.66")

    forged = sign_in(HTTP_X_FORWARDED_FOR="10.1.2.3, 192.0.2.66")
    elsewhere = sign_in(HTTP_X_FORWARDED_FOR="192.0.2.7")

    assert forged.status_code == 429
    assert elsewhere.status_code == 200
    assert sign_in(password="wrong", HTTP_X_FORWARDED_FOR="nonsense").status_code == 401


def test_wrong_passwords_in_the_admin_count_too(cast: Cast) -> None:
    form = {"username": "alice@example.com", "password": "wrong"}
    pages = [Client().post("/admin/login/", form) for _ in range(5)]

    assert pages[-1].status_code == 429
    assert pages[-1]["Retry-After"] == "900"
    assert sign_in().status_code == 429


def test_a_refused_sign_in_is_announced(cast: Cast) -> None:
    heard: list[SignInFailed] = []

    def hear(fact: SignInFailed, **_: object) -> None:
        heard.append(fact)

    sign_in_failed.connect(hear)
    sign_in(password="wrong")
    sign_in_failed.disconnect(hear)

    assert [(fact.user_id, fact.door) for fact in heard] == [(cast.alice.pk, "api")]


def test_a_refresh_gives_new_tokens_and_ends_the_old(cast: Cast) -> None:
    first = sign_in().json()["refresh"]

    second = refresh(first)
    again = refresh(first)

    assert second.status_code == 200
    assert again.status_code == 401
    assert code_of(again) == "token_revoked"


def test_a_stolen_refresh_token_ends_its_family(cast: Cast) -> None:
    stolen = sign_in().json()["refresh"]
    current = refresh(stolen).json()["refresh"]
    elsewhere = sign_in().json()["refresh"]

    refresh(stolen)

    assert refresh(current).status_code == 401
    assert refresh(elsewhere).status_code == 200


def test_logging_out_ends_the_refresh_token(cast: Cast) -> None:
    token = sign_in().json()["refresh"]

    out = APIClient().post("/api/auth/logout", {"refresh": token})

    assert out.status_code == 204
    assert refresh(token).status_code == 401


def test_an_access_token_is_no_refresh_token(cast: Cast) -> None:
    pair = sign_in().json()

    assert refresh(pair["access"]).status_code == 401
    header = f"Bearer {pair['refresh']}"
    assert APIClient().get("/api/auth/me", HTTP_AUTHORIZATION=header).status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer x", "Bearer é", "Api-Key", "Api-Key sb_x", ""]
)
def test_a_token_that_is_none_is_a_401(cast: Cast, header: str) -> None:
    refused = APIClient().get("/api/auth/me", HTTP_AUTHORIZATION=header)

    assert refused.status_code == 401
    assert "WWW-Authenticate" in refused


def test_signing_out_everywhere_ends_every_token(cast: Cast) -> None:
    pair = sign_in().json()

    tokens.revoke_all(cast.alice, reason="test", now=timezone.now())

    header = f"Bearer {pair['access']}"
    refused = APIClient().get("/api/auth/me", HTTP_AUTHORIZATION=header)
    assert code_of(refused) == "token_revoked"
    assert refresh(pair["refresh"]).status_code == 401
    assert client_of(cast.alice).get("/api/auth/me").status_code == 200


def test_a_user_made_inactive_is_out_at_once(cast: Cast) -> None:
    client = client_of(cast.alice)
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)

    refused = client.get("/api/auth/me")

    assert refused.status_code == 401
    assert code_of(refused) == "user_inactive"


def test_expired_refresh_tokens_are_forgotten(cast: Cast) -> None:
    sign_in()

    assert tokens.forget_expired(now=timezone.now()) == 0
    assert tokens.forget_expired(now=timezone.now() + timedelta(days=8)) == 1


def test_a_password_changed_on_the_command_line_ends_the_tokens_of_the_old_one(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = sign_in().json()
    new = "another long and strange sentence"
    monkeypatch.setattr(getpass, "getpass", lambda *_, **__: new)

    call_command("changepassword", "alice@example.com", stdout=StringIO())

    header = f"Bearer {pair['access']}"
    refused = APIClient().get("/api/auth/me", HTTP_AUTHORIZATION=header)
    assert code_of(refused) == "token_revoked"
    assert refresh(pair["refresh"]).status_code == 401
    again = sign_in(password=new).json()["access"]
    me = APIClient().get("/api/auth/me", HTTP_AUTHORIZATION=f"Bearer {again}")
    assert me.status_code == 200


def test_a_password_stored_anew_by_a_better_hash_ends_nothing(cast: Cast, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    before = User.objects.get(pk=cast.alice.pk).password

    pair = sign_in().json()

    header = f"Bearer {pair['access']}"
    assert User.objects.get(pk=cast.alice.pk).password != before
    assert APIClient().get("/api/auth/me", HTTP_AUTHORIZATION=header).status_code == 200
