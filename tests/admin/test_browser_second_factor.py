"""Setting up a second factor and signing in with it, in a real browser under our content policy."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts import second_factor
from accounts.models import Authenticator
from tests.factories.accounts import PASSWORD
from tests.factories.cast import make_cast

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(page: Page, live_server: LiveServer) -> None:
    page.goto(f"{live_server.url}/admin/")
    page.get_by_label("Email").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def code_of(key: str, *, steps: int = 0) -> str:
    """Return a code that was not used before: each step is the next one the app shows."""
    return second_factor.code_at(key, timezone.now() + timedelta(seconds=30 * steps))


def test_a_second_factor_is_set_up_and_asked_for(page: Page, live_server: LiveServer) -> None:
    make_cast()
    sign_in(page, live_server)
    page.goto(f"{live_server.url}/admin/second-factor/")
    page.get_by_role("link", name="Set it up").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("img", name="QR code with the secret")).to_be_visible()
    key = page.locator("#secret-key").inner_text().replace(" ", "")

    page.get_by_role("textbox", name="Code").fill(code_of(key, steps=-1))
    page.get_by_role("button", name="Take it into use").click()
    codes = re.findall(r"[A-Z2-9-]{14}", page.locator("#recovery-codes").inner_text())
    page.context.clear_cookies()
    sign_in(page, live_server)
    page.get_by_role("textbox", name="Code").fill(codes[0].lower())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.context.clear_cookies()
    sign_in(page, live_server)
    page.get_by_role("textbox", name="Code").fill(code_of(key, steps=1))
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    assert len(codes) == 10
    assert Authenticator.objects.get().key == key
