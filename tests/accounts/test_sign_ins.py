"""Where people are signed in, and ending it there."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import sign_ins, tokens
from accounts.models import Role, SignIn
from tests.factories.accounts import PASSWORD, MembershipFactory
from tests.factories.cast import Cast, client_of

TOKEN = "/api/auth/token"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def signed_in(email: str = "alice@example.com", **headers: Any) -> tuple[APIClient, dict[str, str]]:
    client = APIClient()
    pair = client.post(TOKEN, {"email": email, "password": PASSWORD}, **headers).json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    return client, pair


def browser(email: str = "alice@example.com") -> Client:
    client = Client(headers={"User-Agent": FIREFOX})
    client.post("/admin/login/", {"username": email, "password": PASSWORD})
    return client


def code_of(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def test_a_sign_in_is_noted_with_its_address_and_program(cast: Cast) -> None:
    signed_in(REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="curl/8")
    browser()

    rows = SignIn.objects.filter(user=cast.alice).order_by("id")
    assert {(row.door, row.address, row.agent) for row in rows} == {
        ("api", "203.0.113.7", "curl/8"),
        ("admin", "127.0.0.1", FIREFOX),
    }
    assert sign_ins.describe_agent(FIREFOX) == "Firefox on Linux"


def test_logging_out_ends_the_access_token_at_once(cast: Cast) -> None:
    client, pair = signed_in()

    before = client.get("/api/auth/me").status_code
    client.post("/api/auth/logout", {"refresh": pair["refresh"]})
    after = client.get("/api/auth/me")

    assert (before, after.status_code, code_of(after)) == (200, 401, "token_revoked")


def test_logging_out_of_one_place_leaves_the_others(cast: Cast) -> None:
    here, pair = signed_in()
    there, _ = signed_in()

    here.post("/api/auth/logout", {"refresh": pair["refresh"]})

    assert there.get("/api/auth/me").status_code == 200


def test_a_stolen_refresh_token_ends_the_access_tokens_of_its_family(cast: Cast) -> None:
    client, pair = signed_in()
    client.post("/api/auth/token/refresh", {"refresh": pair["refresh"]})

    client.post("/api/auth/token/refresh", {"refresh": pair["refresh"]})

    assert client.get("/api/auth/me").status_code == 401


def test_a_session_ended_from_elsewhere_is_out_on_the_next_request(cast: Cast) -> None:
    client = browser()
    before = client.get("/admin/").status_code
    row = SignIn.objects.get(user=cast.alice)

    sign_ins.end(row, by=None, now=timezone.now())

    after = client.get("/admin/")
    assert (before, after.status_code) == (200, 302)
    assert after.headers["Location"].startswith("/admin/login/")
    assert client.get("/api/auth/me").status_code == 401


def test_a_session_ended_from_elsewhere_does_not_open_the_api(cast: Cast) -> None:
    client = browser()
    sign_ins.end(SignIn.objects.get(user=cast.alice), by=None, now=timezone.now())

    assert client.get("/api/auth/me").status_code == 401


def test_signing_out_of_a_browser_ends_its_row(cast: Cast) -> None:
    client = browser()

    client.post("/admin/logout/")

    row = SignIn.objects.get(user=cast.alice)
    assert (row.end_reason, row.ended_at is not None) == ("log_out", True)


def test_a_new_password_keeps_the_browser_it_was_changed_in(cast: Cast) -> None:
    here, there, (api, _) = browser(), browser(), signed_in()
    new = "another long and strange sentence"
    given = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}

    here.post("/admin/password_change/", given)

    assert here.get("/admin/").status_code == 200
    assert there.get("/admin/").status_code == 302
    assert api.get("/api/auth/me").status_code == 401


def test_who_is_left_without_a_business_is_signed_out_everywhere(cast: Cast) -> None:
    api, _ = signed_in("bob@example.com")
    page = browser("bob@example.com")

    client_of(cast.alice).delete(f"/api/users/{cast.bob.pk}")

    assert api.get("/api/auth/me").status_code == 401
    assert page.get("/admin/").status_code == 302


def test_who_has_another_business_stays_signed_in_there(cast: Cast) -> None:
    MembershipFactory.create(business=cast.other_business, user=cast.bob, role=Role.AGENT)
    api, _ = signed_in("bob@example.com")

    client_of(cast.alice).delete(f"/api/users/{cast.bob.pk}")

    assert api.get("/api/users").status_code == 200
    gone = api.get("/api/users", HTTP_X_BUSINESS_ID=str(cast.business.pk))
    assert gone.status_code == 404


def test_a_token_without_a_sign_in_is_none(cast: Cast) -> None:
    _, pair = signed_in()
    SignIn.objects.all().delete()

    with pytest.raises(tokens.TokenRefused):
        tokens.user_of(pair["access"])


def test_a_platform_admin_acts_in_no_business_until_one_is_chosen(cast: Cast) -> None:
    client = browser("paula@example.com")

    before = client.get("/admin/messaging/contact/").status_code
    client.post("/admin/business/switch/", {"business": str(cast.business.pk)})
    after = client.get("/admin/messaging/contact/").status_code

    assert (before, after) == (403, 200)
