"""A real headless browser over pages of ours: a console error or a request elsewhere fails.

A test package takes the fixtures by `from tests.browser import browser, page  # noqa: F401`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run")
LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]", ""})


@dataclass
class Complaints:
    """What went wrong in a browser while a test ran."""

    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(f"error in {page.url}: {error}"))
        page.on("requestfailed", lambda one: self._failed(one.url, str(one.failure)))

    def expect(self, text: str) -> None:
        """Take complaints with this text as part of the test."""
        self.expected.append(text)

    def unexpected(self) -> list[str]:
        """Return what the test did not foresee."""
        return [one for one in self.errors if not any(text in one for text in self.expected)]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location.get("url", "")
            self.errors.append(f"console: {message.text} ({place})")

    def _failed(self, url: str, reason: str) -> None:
        # Leaving a page ends what it was still asking for.
        if "ERR_ABORTED" not in reason:
            self.errors.append(f"request failed: {url} {reason}")


def find_chromium() -> str | None:
    """Return a Chromium of this machine: `CHROMIUM`, one on PATH, or playwright's own."""
    chosen = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if chosen:
        return chosen
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium; skip where the machine has none.

    Of one module: playwright's event loop runs in this thread as long as it lives, and tests with
    a loop of their own fail beside it.
    """
    path = find_chromium()
    if path is None:
        pytest.skip("No Chromium on this machine: install one, or name it in CHROMIUM.")
    # Django takes every query beside a running loop for a mistake.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield launched
        launched.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    else:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def complaints() -> Complaints:
    """Return what the browser complained about."""
    return Complaints()


@pytest.fixture
def context(browser: Browser, complaints: Complaints) -> Iterator[BrowserContext]:
    """Return a browser context that reaches this machine only; it fails the test on complaints."""
    made = browser.new_context(viewport={"width": 1360, "height": 900})
    made.set_default_timeout(10_000)
    made.route(lambda url: not is_local(url), _refuse(complaints))
    made.on("page", complaints.watch)
    yield made
    made.close()
    assert not complaints.unexpected()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Return a page of desktop size."""
    return context.new_page()


def is_local(url: str) -> bool:
    """Tell whether an address stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in {"data", "blob", "about"} or (parts.hostname or "") in LOCAL


def _refuse(complaints: Complaints) -> Callable[..., None]:
    def refuse(route: object) -> None:
        complaints.errors.append(f"left the machine: {route.request.url}")  # type: ignore[attr-defined]  # playwright's Route
        route.abort()  # type: ignore[attr-defined]  # same

    return refuse
