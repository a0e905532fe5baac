"""Lists of any size: pages by key, no counts, searches an index serves, empty states."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.lib.admin import TenantAdmin
from messaging.contacts.models import Contact
from messaging.senders.models import SenderEvent
from tests.factories.cast import Cast
from tests.factories.compliance import opt_in
from tests.factories.messaging import SenderFactory

SignIn = Callable[..., Client]
EVENTS = "/admin/messaging/senderevent/"
CONSENTS = "/admin/compliance/consent/"


def link(text: str, rel: str) -> str:
    """Return the address behind the older or newer page."""
    found = re.search(rf'rel="{rel}" href="([^"]+)"', text)
    assert found, f"no link {rel}"
    return unescape(found.group(1))


def has_link(text: str, rel: str) -> bool:
    """Tell whether there is such a page."""
    return f'rel="{rel}" href' in text


def test_pages_lead_through_all_rows_and_back(cast: Cast, sign_in: SignIn) -> None:
    sender = SenderFactory.create(business=cast.business)
    for number in range(120):
        SenderEvent.across_businesses.create(
            business=cast.business, sender=sender, kind="warning", detail=f"event-{number:03}"
        )
    client = sign_in(cast.alice)
    seen, text = [], client.get(EVENTS).content.decode()
    assert not has_link(text, "prev")

    while True:
        seen += re.findall(r"event-\d{3}", text)
        if not has_link(text, "next"):
            break
        text = client.get(EVENTS + link(text, "next")).content.decode()
    middle = client.get(EVENTS + link(text, "prev")).content.decode()

    assert seen == [f"event-{number:03}" for number in reversed(range(120))]
    assert re.findall(r"event-\d{3}", middle) == seen[50:100]


def test_a_list_ordered_by_another_field_pages_as_well(cast: Cast, sign_in: SignIn) -> None:
    for number in range(20):
        opt_in(cast.business, f"+346000000{number:02}")
    client = sign_in(cast.alice)

    first = client.get(CONSENTS).content.decode()
    second = client.get(CONSENTS + link(first, "next")).content.decode()
    rows = [len(re.findall('class="data-row', text)) for text in (first, second)]

    assert rows == [50, 30]
    assert not has_link(second, "next")


@pytest.mark.parametrize("page", [EVENTS, CONSENTS, "/admin/messaging/message/"])
def test_no_list_counts(cast: Cast, sign_in: SignIn, page: str) -> None:
    client = sign_in(cast.alice)

    with CaptureQueriesContext(
        connection,
    ) as told:
        answer = client.get(page)

    assert answer.status_code == 200
    assert not [one for one in told.captured_queries if "COUNT(" in one["sql"]]


@pytest.mark.parametrize("key", ["nonsense", "~", "1~2~3", "00000000-0000-0000-0000-000000000000"])
def test_a_made_up_place_in_a_list_is_no_error(cast: Cast, sign_in: SignIn, key: str) -> None:
    client = sign_in(cast.alice)

    assert client.get(EVENTS, {"before": key}).status_code == 200
    assert client.get(CONSENTS, {"after": key}).status_code == 200


def test_an_empty_list_says_what_to_do_to_those_who_may_do_it(cast: Cast, sign_in: SignIn) -> None:
    owners = sign_in(cast.alice).get("/admin/messaging/sender/").content.decode()
    agents = sign_in(cast.bob).get("/admin/messaging/sender/").content.decode()

    assert "No senders yet" in owners
    assert "/admin/accounts/whatsappaccount/connect/" in owners
    assert "No senders yet" in agents
    assert "/admin/accounts/whatsappaccount/connect/" not in agents


def test_a_search_that_finds_nothing_is_no_empty_list(cast: Cast, sign_in: SignIn) -> None:
    SenderFactory.create(business=cast.business)

    text = sign_in(cast.alice).get("/admin/messaging/sender/", {"q": "zzz"}).content.decode()

    assert "Nothing matches" in text


def test_a_page_of_a_big_table_may_not_search_anywhere_in_a_text() -> None:
    class Careless(TenantAdmin[Contact]):
        search_fields = ("name",)

    with pytest.raises(ImproperlyConfigured, match="exactly or by prefix"):
        Careless(Contact, admin.site)


def test_ticking_every_row_acts_on_the_page_only(cast: Cast, sign_in: SignIn) -> None:
    page = admin.site._registry[SenderEvent]

    assert page.list_disable_select_all  # type: ignore[attr-defined]  # unfold's
