"""A stranger's first quarter of an hour, in a real browser: people in, a campaign out, and why
one message failed. Nothing in the console, nothing asked for elsewhere (see `tests.browser`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from config.dev import demo_business
from config.dev.embedded.host import choose_port
from config.dev.processes import Stack
from tests.browser import browser, complaints, context, page  # noqa: F401  # fixtures
from tests.database import ROOT

CONTACTS = ROOT / "examples" / "contacts.csv"
SLOW_MS = 90_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return everything running on servers of its own, with the demo business."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"):
            patch.delenv(name, raising=False)
        home = tmp_path_factory.mktemp("browser")
        made = Stack(
            home, port=choose_port(None), sandbox_port=choose_port(None), log_dir=home / "logs"
        )
    try:
        made.start()
        made.manage("demo_business")
        yield made
    finally:
        made.stop()
        made.servers.destroy()


def test_a_campaign_from_a_file_of_contacts_to_the_reason_of_a_failure(
    stack: Stack,
    page: Page,  # noqa: F811  # the fixture
) -> None:
    sign_in(page, stack)

    import_people(page, CONTACTS)
    people = plan_campaign(page)
    launch(page)

    see_it_finish(page)
    assert people > 800
    open_a_failure(page)


def test_an_answer_is_sent_once_however_often_it_is_clicked(
    stack: Stack,
    page: Page,  # noqa: F811  # the fixture
) -> None:
    sign_in(page, stack)
    page.goto("/admin/messaging/conversation/")
    page.locator(".sw-thread", has_text="Can you tell me more").first.click()

    page.locator("textarea[name=body]").fill("Of course, until Sunday.")
    page.get_by_role("button", name="Send").dblclick()

    answers = page.locator("#chat .wa-bubble.is-ours", has_text="Of course, until Sunday.")
    expect(answers).to_have_count(1)
    page.reload()
    expect(answers).to_have_count(1)


def sign_in(page: Page, stack: Stack) -> None:  # noqa: F811  # the fixture
    """Sign in as the owner, and make paths relative to the site from here on."""
    base = f"http://localhost:{stack.port}"
    go = page.goto

    def goto(path: str) -> None:
        go(path if path.startswith("http") else base + path)

    page.goto = goto  # type: ignore[method-assign,assignment]  # paths are shorter to read
    page.goto("/admin/")
    page.locator("input[name=username]").fill("owner@example.com")
    page.locator("input[name=password]").fill(demo_business.PASSWORD)
    page.locator("form button[type=submit]").click()
    expect(page).to_have_url(f"{base}/admin/")


def import_people(page: Page, file: Path) -> None:  # noqa: F811  # the fixture
    """Bring the file in, by way of its preview."""
    page.goto("/admin/messaging/contactimport/add/")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload and look").click()
    expect(page.get_by_role("heading", name="This would happen")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("Refused: not a phone number")).to_be_visible()
    page.get_by_role("button", name=re.compile(r"Import \d+ people")).click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("link", name="Write to them").click()


def plan_campaign(page: Page) -> int:  # noqa: F811  # the fixture
    """Go through the steps up to the dry run; return how many would get the message."""
    page.locator("input[name=name]").fill("Spring sale")
    choice = page.locator("select[name=template] option", has_text="spring_offer · en_US")
    page.locator("select[name=template]").select_option(choice.get_attribute("value"))
    expect(page.locator("#preview")).to_contain_text("Spring is here")
    page.get_by_role("button", name="Next: audience").click()
    expect(page.locator("#count")).to_contain_text("people in this audience")
    page.get_by_role("button", name="Next: variables").click()
    expect(page.get_by_role("heading", name="Where the values come from")).to_be_visible()
    for box in page.locator("input[name^=text-]").all():
        box.fill(box.get_attribute("placeholder") or "you")
    name = page.locator("#person strong[dir]")
    first = name.inner_text()
    page.get_by_role("button", name="Next person").click()
    expect(name).not_to_have_text(first)
    page.get_by_role("button", name="Next: dry run").click()
    accepted = page.locator("#dry-accepted")
    expect(accepted).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("This person has opted out").first).to_be_visible()
    return int(accepted.inner_text())


def launch(page: Page) -> None:  # noqa: F811  # the fixture
    """Start it now."""
    page.get_by_role("link", name="Next: launch").click()
    page.get_by_role("button", name="Launch now").click()


def see_it_finish(page: Page) -> None:  # noqa: F811  # the fixture
    """Follow the bar to its end without touching the page."""
    expect(page.locator("#campaign-percent")).to_have_text("100 %", timeout=SLOW_MS)
    expect(page.locator("#campaign-status")).to_have_text("Completed", timeout=SLOW_MS)


def open_a_failure(page: Page) -> None:  # noqa: F811  # the fixture
    """Go from the campaign to one message that failed, and read why."""
    page.get_by_role("link", name="Show the messages").click()
    page.locator("table tbody tr a").first.click()
    expect(page.locator("#message-status")).to_have_text("Failed")
    reason = page.locator("#message-reason")
    expect(reason).to_be_visible()
    expect(reason).to_contain_text(re.compile(r"\((131\d{3}|130472)\)"))
