"""The admin in a real browser: desktop, phone, dark, keyboard; nothing complains or leaves."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role, User
from messaging.senders.models import Sender
from tests.browser import Complaints, is_local
from tests.factories.accounts import PASSWORD, MembershipFactory
from tests.factories.cast import Cast, make_cast
from tests.factories.messaging import SenderFactory
from tests.factories.templates import TemplateFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(transactional_db: None) -> Cast:
    """Return the cast with a number and a template."""
    cast = make_cast()
    MembershipFactory.create(business=cast.other_business, user=cast.alice, role=Role.AGENT)
    sender = SenderFactory.create(business=cast.business, verified_name="Flowers")
    TemplateFactory.create(account=sender.account, name="spring_offer")
    return cast


def sign_in(page: Page, live_server: LiveServer, user: User) -> None:
    """Sign in through the form."""
    page.goto(f"{live_server.url}/admin/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_an_operator_pauses_a_sender_and_lets_it_go_on(
    page: Page, live_server: LiveServer, shop: Cast
) -> None:
    sign_in(page, live_server, shop.alice)
    page.get_by_role("link", name="Senders", exact=True).click()
    page.get_by_role("link", name="Flowers").click()

    page.get_by_role("link", name="Pause").click()
    page.get_by_label("Reason").fill("Stocktaking")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused by an operator")).to_be_visible()
    assert Sender.across_businesses.get().pause_reason == "Stocktaking"

    page.get_by_role("link", name="Resume").click()
    expect(page.get_by_text("Sending goes on.")).to_be_visible()
    assert Sender.across_businesses.get().paused_at is None


def test_the_dashboard_keeps_itself_fresh(page: Page, live_server: LiveServer, shop: Cast) -> None:
    sign_in(page, live_server, shop.alice)
    expect(page.locator(".sb-sender").first).to_contain_text("Sending")
    Sender.across_businesses.update(meta_status="BANNED")

    expect(page.locator(".sb-sender").first).to_contain_text("Not connected", timeout=15_000)


def test_the_business_is_switched_with_the_keyboard(
    page: Page, live_server: LiveServer, shop: Cast
) -> None:
    sign_in(page, live_server, shop.alice)
    menu = page.get_by_label("Switch business")

    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Charlie's Cheese")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Charlie's Cheese")).to_be_hidden()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Charlie's Cheese").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("You are in Charlie's Cheese now.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_navigation_fits_a_phone(
    browser: Browser, complaints: Complaints, live_server: LiveServer, shop: Cast, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    context.on("page", complaints.watch)
    left: list[str] = []
    context.on("request", lambda one: None if is_local(one.url) else left.append(one.url))
    page = context.new_page()
    sign_in(page, live_server, shop.alice)
    html = page.content()
    links = sorted(set(re.findall(r'href="(/admin/[a-z_]+/[a-z]+/)"', html)))

    too_wide = []
    for link in ["/admin/", *links]:
        page.goto(live_server.url + link)
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            too_wide.append(link)
    is_dark = page.evaluate("document.documentElement.classList.contains('dark')")
    context.close()

    assert len(links) > 10
    assert too_wide == []
    assert left == []
    assert is_dark == (scheme == "dark")
    assert complaints.unexpected() == []
