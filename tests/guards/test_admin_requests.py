"""What a page is sent may name a row too: in a form, a query, a search or the action menu.

Every page of ours is asked with every name under which another business's rows could be named;
nothing of theirs is shown, and nothing of theirs changes. Further down the guards themselves are
tried: a page, a button and a fragment that leak are each noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.test import Client

from accounts import tenancy
from accounts.models import Role
from config.lib.admin.forms import OperatorForm
from messaging.admin import pages
from messaging.contacts.models import Tag
from messaging.conversations.models import Conversation
from messaging.senders.models import Sender
from messaging.webhooks.models import DeadLetter
from tests.guards.pages import Page
from tests.guards.tenants import Tenant, make_tenant
from tests.guards.test_admin_pages import addresses, found_by_address, session_of, shown_on_pages
from tests.undone import undone

pytestmark = pytest.mark.django_db

# Names under which a form or a query takes a row, and whose row it is.
NAMED: dict[str, Callable[[Tenant], Any]] = {
    "template": lambda one: one.template.pk,
    "sender": lambda one: one.sender.pk,
    "list": lambda one: one.contact_list.pk,
    "tag": lambda one: one.tag.pk,
    "contact_import": lambda one: one.contact_import.pk,
    "to": lambda one: one.users[Role.AGENT].pk,
    "business": lambda one: one.business.pk,
    "chosen": lambda one: Conversation.across_businesses.get(business=one.business).pk,
}
# Words that make a page look at one of the names above.
KINDS = ("list", "tag", "import", "all")
# They ask Meta, and name no row but the one of their address.
CALLS_META = {"accounts_whatsappaccount_test", "messaging_sender_sync"}


@pytest.fixture
def ours() -> Tenant:
    return make_tenant("Lilium", 7_771_301, "+34611000001")


@pytest.fixture
def theirs() -> Tenant:
    return make_tenant("Zwetschge", 7_772_402, "+34611000002")


@pytest.fixture
def client(ours: Tenant) -> Client:
    """Return a session of the owner, who may do the most inside a business."""
    return session_of(ours.users[Role.OWNER], ours)


def test_every_field_that_takes_a_row_is_asked_for_a_foreign_one() -> None:
    fields = {
        name
        for form in _forms(OperatorForm)
        for name, field in form.base_fields.items()
        if isinstance(field, forms.ModelChoiceField)
    }

    assert fields
    assert fields - set(NAMED) == set()


def test_no_page_shows_or_changes_a_foreign_row_it_is_sent(
    client: Client, ours: Tenant, theirs: Tenant
) -> None:
    before = theirs.snapshot()

    assert answers_with(client, ours, theirs) == []
    assert theirs.snapshot() == before


def test_no_search_finds_a_row_of_another_business(
    client: Client, ours: Tenant, theirs: Tenant
) -> None:
    marks = theirs.marks
    found = [
        f"{page} finds {mark}"
        for page, url in addresses(ours)
        if not page.parameters
        for term in (theirs.word, theirs.contact.phone, theirs.sender.phone_number_id)
        for text in [_undone(client, "get", url, {"q": term})]
        for mark in marks
        if mark in text and mark not in term and term not in mark
    ]

    assert found == []


def test_the_action_menu_leaves_foreign_rows_alone(client: Client, theirs: Tenant) -> None:
    before = theirs.snapshot()
    tried = 0

    for model, page in admin.site._registry.items():
        rows = model._base_manager.all()
        keys = [str(pk) for pk in rows.values_list("pk", flat=True)]
        for action in (*(page.actions or ()), "delete_selected"):
            name = action if isinstance(action, str) else action.__name__
            data = {"action": name, "_selected_action": keys, "post": "yes"}
            path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
            with tenancy.no_scope():
                tried += client.post(path, data).status_code in {200, 302}

    assert tried
    assert theirs.snapshot() == before


def answers_with(client: Client, ours: Tenant, theirs: Tenant, *, of_pages: str = "") -> list[str]:
    """Return what our pages show of theirs when they are sent the ids of foreign rows."""
    named = {name: str(of(theirs)) for name, of in NAMED.items()}
    marks = {theirs.word, str(theirs.number), theirs.contact.phone, theirs.sender.phone_number_id}
    return [
        f"{method.upper()} {page} shows {mark}"
        for page, url in addresses(ours)
        if page.name not in CALLS_META and page.name.startswith(of_pages)
        for method, data in _sendings(page, named)
        for text in [_undone(client, method, url, data)]
        for mark in marks
        if mark in text
    ]


def _sendings(page: Page, named: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    if not page.name.endswith("_changelist"):  # a list takes filters of its own, and a search
        yield "get", named
    for kind in KINDS if page.name.startswith("messaging_campaign") else KINDS[:1]:
        yield "post", named | {"source": kind}


def _undone(client: Client, method: str, url: str, data: dict[str, str]) -> str:
    """Return the text of an answer, and leave our own business as it was."""
    with undone(), tenancy.no_scope():
        return _text(getattr(client, method)(url, data))


def _text(answer: Any) -> str:
    streamed = getattr(answer, "streaming_content", None)
    body: bytes = b"".join(streamed) if streamed is not None else answer.content
    return body.decode(errors="replace")


def _forms(base: type[Any]) -> Iterator[type[Any]]:
    for form in base.__subclasses__():
        yield form
        yield from _forms(form)


# A guard that notices nothing is worse than none: each kind of leak is planted once.


@pytest.fixture
def leaky(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str, Any], None]:
    """Return a function that makes a page ask for rows of every business."""

    def plant(target: Any, name: str, leaking: Callable[..., Any]) -> None:
        def crossing(*given: Any, **named: Any) -> Any:
            with tenancy.across(tenancy.Door.COMMAND):
                return leaking(*given, **named)

        monkeypatch.setattr(target, name, crossing)

    return plant


def _row_of_anybody(model: Any) -> Callable[..., Any]:
    def find(request: HttpRequest, key: Any, *_: Any, **__: Any) -> Any:
        return model.across_businesses.filter(pk=key).first()

    return find


def test_a_page_that_leaks_is_noticed(
    client: Client, ours: Tenant, theirs: Tenant, leaky: Callable[..., None]
) -> None:
    page = admin.site._registry[Tag]
    leaky(page, "get_object", _row_of_anybody(Tag))

    owner = ours.users[Role.OWNER]
    problems = found_by_address(client, owner, ours, theirs, of_pages="messaging_tag")

    assert any("messaging_tag_change" in one for one in problems)


def test_a_list_that_leaks_is_noticed(
    client: Client, ours: Tenant, theirs: Tenant, leaky: Callable[..., None]
) -> None:
    page = admin.site._registry[Tag]
    leaky(page, "people", lambda _: list(Tag.across_businesses.values_list("name", flat=True)))

    owner = ours.users[Role.OWNER]
    problems = shown_on_pages(client, owner, ours, theirs, of_pages="messaging_tag")

    assert any("messaging_tag_changelist" in one for one in problems)


def test_a_button_that_leaks_is_noticed(
    client: Client, ours: Tenant, theirs: Tenant, leaky: Callable[..., None]
) -> None:
    before = theirs.snapshot()
    page = admin.site._registry[Sender]
    leaky(page, "get_object", _row_of_anybody(Sender))

    owner = ours.users[Role.OWNER]
    problems = found_by_address(client, owner, ours, theirs, of_pages="messaging_sender")

    assert any("messaging_sender_pause" in one for one in problems)
    assert theirs.snapshot() == before  # the button asks for a reason first


def test_a_fragment_that_leaks_is_noticed(
    client: Client, ours: Tenant, theirs: Tenant, leaky: Callable[..., None]
) -> None:
    def find(rows: Any, key: Any) -> Any:
        return rows.model.across_businesses.filter(pk=key).first()

    leaky(pages, "find", find)

    problems = answers_with(client, ours, theirs, of_pages="messaging_campaign_look")

    assert any("messaging_campaign_look" in one for one in problems)


def test_an_action_menu_that_leaks_is_noticed(
    client: Client, theirs: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(_: Any, request: HttpRequest, __: Any) -> None:
        with tenancy.across(tenancy.Door.COMMAND):
            chosen = DeadLetter.objects.filter(pk__in=request.POST.getlist("_selected_action"))
            chosen.update(detail="nobody looked whose they are")

    resolve.permission = "dead_letters.replay"  # type: ignore[attr-defined]  # read by the bases
    monkeypatch.setattr(admin.site._registry[DeadLetter], "actions", (resolve,))

    with pytest.raises(AssertionError):
        test_the_action_menu_leaves_foreign_rows_alone(client, theirs)
