"""Where people are signed in, and ending it there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
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
        tokens.sign_in_of(pair["access"])


def test_a_platform_admin_acts_in_no_business_until_one_is_chosen(cast: Cast) -> None:
    client = browser("paula@example.com")

    before = client.get("/admin/messaging/contact/").status_code
    client.post("/admin/business/switch/", {"business": str(cast.business.pk)})
    after = client.get("/admin/messaging/contact/").status_code

    assert (before, after) == (403, 200)


def test_a_platform_admin_is_asked_to_choose(cast: Cast) -> None:
    text = browser("paula@example.com").get("/admin/").content.decode()

    assert "Choose a business" in text
    assert f'value="{cast.business.pk}"' in text


def test_my_places_are_listed_and_ended(cast: Cast) -> None:
    here, _ = signed_in(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="203.0.113.7")
    there, _ = signed_in()
    page = browser()

    listed = here.get("/api/auth/sign-ins").json()
    (mine,) = [row for row in listed if row["current"]]
    (other,) = [row for row in listed if not row["current"] and row["kind"] == "api"]
    ended = here.delete(f"/api/auth/sign-ins/{other['id']}")

    assert (mine["program"], mine["address"]) == ("Firefox on Linux", "203.0.113.7")
    assert ended.status_code == 204
    assert there.get("/api/auth/me").status_code == 401
    assert here.delete("/api/auth/sign-ins").status_code == 204
    assert page.get("/admin/").status_code == 302
    assert here.get("/api/auth/me").status_code == 200


def test_my_page_shows_where_i_am_signed_in_and_ends_it(cast: Cast) -> None:
    here, there = browser(), browser()
    (row,) = SignIn.objects.exclude(pk=here.session["sign_in"])

    text = here.get("/admin/me/").content.decode()
    here.post("/admin/me/", {"do": "end", "sign_in": str(row.pk)})

    assert text.count("Firefox on Linux") == 2
    assert "This one" in text
    assert there.get("/admin/").status_code == 302
    assert here.get("/admin/").status_code == 200


@pytest.mark.parametrize("given", [{}, {"do": "end"}, {"do": "end", "sign_in": "x"}, {"do": "é"}])
def test_my_page_takes_no_nonsense(cast: Cast, given: dict[str, str]) -> None:
    here = browser()

    answer = here.post("/admin/me/", given)

    assert answer.status_code in {302, 404}
    assert here.get("/admin/").status_code == 200


def test_who_manages_members_sees_and_ends_their_places(cast: Cast) -> None:
    bob, _ = signed_in("bob@example.com", REMOTE_ADDR="203.0.113.9")
    alice = client_of(cast.alice)

    (row,) = alice.get(f"/api/users/{cast.bob.pk}/sign-ins").json()
    ended = alice.delete(f"/api/sign-ins/{row['id']}")

    assert (row["address"], ended.status_code) == ("203.0.113.9", 204)
    assert bob.get("/api/auth/me").status_code == 401


def test_nobody_else_sees_or_ends_them(cast: Cast) -> None:
    signed_in("alice@example.com")
    row = SignIn.objects.filter(user=cast.alice).latest("id")
    manager = client_of(cast.add(Role.MANAGER))

    assert client_of(cast.bob).get(f"/api/users/{cast.alice.pk}/sign-ins").status_code == 403
    assert client_of(cast.charlie).get(f"/api/users/{cast.alice.pk}/sign-ins").status_code == 404
    assert client_of(cast.charlie).delete(f"/api/sign-ins/{row.pk}").status_code == 404
    assert client_of(cast.bob).delete(f"/api/auth/sign-ins/{row.pk}").status_code == 404
    for path in (f"/api/sign-ins/{row.pk}", f"/api/users/{cast.alice.pk}/sign-ins"):
        assert code_of(manager.delete(path)) == "beyond_own_permissions"
    row.refresh_from_db()
    assert row.ended_at is None


def test_a_program_that_only_refreshes_stays_in_the_list(cast: Cast) -> None:
    start = timezone.now()
    pair = tokens.start_family(cast.alice, now=start)

    with time_machine.travel(start + timedelta(days=5), tick=False):
        tokens.refresh(token=pair.refresh, now=timezone.now())

    assert sign_ins.list_open(cast.alice, now=start + timedelta(days=9)).count() == 1


def test_only_a_platform_admin_signs_a_platform_admin_out(cast: Cast) -> None:
    MembershipFactory.create(business=cast.business, user=cast.paula, role=Role.AGENT)
    paula = client_of(cast.paula, cast.business)

    refused = client_of(cast.alice).delete(f"/api/users/{cast.paula.pk}/sign-ins")

    assert (refused.status_code, code_of(refused)) == (403, "beyond_own_permissions")
    assert paula.delete(f"/api/users/{cast.paula.pk}/sign-ins").status_code == 204
