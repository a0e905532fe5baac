"""Every page of the admin opens for each role, and hides the rows of another business.

Pages are enumerated, so a new one is covered the day it is added, or fails here until it says
what its parameters mean: in `PARAMETERS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from accounts import roles, tenancy
from accounts.models import Role, User
from backups.models import Backup
from config.lib.admin.bases import PlatformAdmin, TenantAdmin
from tests.factories.accounts import PlatformAdminFactory
from tests.guards.pages import Page, all_pages, row_of
from tests.guards.tenants import Tenant, make_tenant, missing_models

pytestmark = pytest.mark.django_db

# Parameters that name the row of the page's own model, and what others may say.
KEYS = ("object_id", "key")
WORDS = {"step": "people", "kind": "csv", "what": "tag"}
# Pages about the installation, for platform admins: they show every business on purpose.
OF_ALL = frozenset({"accounts.business", "accounts.user"})
FINE = frozenset({200, 204, 302, 403, 404, 405})
SIGNED_IN_AS = [*Role, None]
# An address of ours that a click asks for; what a form sends is another matter.
LINK = re.compile(r'<a\b[^>]*?\bhref="(/admin/[^"?#]*)')


@pytest.fixture
def ours() -> Tenant:
    """Return the business somebody is signed in to."""
    return make_tenant("Lilium", 7_771_301, "+34611000001")


@pytest.fixture
def theirs() -> Tenant:
    """Return Charlie's business, of which nothing may be seen."""
    return make_tenant("Zwetschge", 7_772_402, "+34611000002")


@pytest.fixture(params=SIGNED_IN_AS, ids=lambda role: str(role or "platform_admin"))
def reader(request: pytest.FixtureRequest, ours: Tenant, theirs: Tenant) -> tuple[Client, User]:
    """Return a browser session of one role in our business."""
    user = ours.users[request.param] if request.param else PlatformAdminFactory.create()
    return session_of(user, ours), user


def session_of(user: User, tenant: Tenant) -> Client:
    """Sign in and choose the business."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["business_id"] = str(tenant.business.pk)
    session.save()
    return client


def test_both_businesses_have_a_row_of_everything(ours: Tenant, theirs: Tenant) -> None:
    assert missing_models(ours) == missing_models(theirs) == []


def test_every_page_opens_and_hides_the_rows_of_another_business(
    reader: tuple[Client, User], ours: Tenant, theirs: Tenant
) -> None:
    Backup.objects.create(trigger="manual", started_at=timezone.now())

    assert shown_on_pages(*reader, ours, theirs) == []


def test_a_row_of_another_business_is_not_found_on_any_page(
    reader: tuple[Client, User], ours: Tenant, theirs: Tenant
) -> None:
    before = theirs.snapshot()

    assert found_by_address(*reader, ours, theirs) == []
    assert theirs.snapshot() == before


def test_backups_belong_to_no_business_and_open_for_platform_admins_only(
    reader: tuple[Client, User], ours: Tenant
) -> None:
    client, user = reader
    backup = Backup.objects.create(trigger="manual", started_at=timezone.now(), status="done")
    pages = [page for page in all_pages() if page.model is Backup]
    # Nobody writes a backup's row, and there is no trail of one business for it.
    closed = {"backups_backup_add", "backups_backup_delete"}

    told = {
        page.name: client.get(page.url(**dict.fromkeys(page.parameters, backup.pk))).status_code
        for page in pages
    }
    asked = {
        page.name: client.post(page.url(**dict.fromkeys(page.parameters, backup.pk))).status_code
        for page in pages
        if page.name in {"backups_backup_run_now", "backups_backup_prove"}
    }

    assert len(told) >= 7
    for name, status in told.items():
        may = user.is_platform_admin and name not in closed
        assert (status in {200, 302}) is may, f"{name}: {status}"
    assert set(asked.values()) == ({302} if user.is_platform_admin else {403})


def test_lists_open_for_who_may_view_them(reader: tuple[Client, User]) -> None:
    client, user = reader
    held = client.get("/admin/").wsgi_request.access.permissions  # type: ignore[attr-defined]

    problems = []
    for model, page in admin.site._registry.items():
        name = f"{model._meta.app_label}/{model._meta.model_name}"
        wanted = page.permissions.get("view", "")  # type: ignore[attr-defined]
        for_platform = isinstance(page, PlatformAdmin)
        may = user.is_platform_admin if for_platform else wanted in held
        status = client.get(f"/admin/{name}/").status_code
        if status != (200 if may else 403):
            problems.append(f"{name}: {status} for {wanted}")

    assert problems == []


def test_no_page_links_to_one_its_reader_may_not_open(
    reader: tuple[Client, User], ours: Tenant
) -> None:
    client, _ = reader
    status: dict[str, int] = {}
    links: list[tuple[Page, str]] = []
    for page, url in addresses(ours):
        answer = client.get(url)
        status[url] = answer.status_code
        if answer.status_code == 200 and not getattr(answer, "streaming", False):
            found = sorted(set(LINK.findall(answer.content.decode(errors="replace"))))
            links += [(page, link) for link in found]

    problems = []
    for page, link in links:
        if link not in status:
            status[link] = client.get(link).status_code
        if status[link] not in {200, 302}:
            problems.append(f"{page} links to {link}: {status[link]}")

    assert len(status) > 5
    assert problems == []


def test_nobody_sees_a_page_without_signing_in(ours: Tenant) -> None:
    client = Client()

    problems = [
        f"{page}: {answer.status_code}"
        for page, url in addresses(ours)
        if (answer := client.get(url)).status_code != 302
        or not answer.headers["Location"].startswith("/admin/login/")
    ]

    assert problems == []


def test_every_page_builds_on_our_bases_and_names_known_permissions() -> None:
    problems = []
    for model, page in admin.site._registry.items():
        name = model._meta.label
        if not isinstance(page, TenantAdmin):
            problems.append(f"{name} ignores businesses and permissions")
            continue
        if not isinstance(page, PlatformAdmin):
            problems += [
                f"{name} asks for {wanted}"
                for wanted in page.permissions.values()
                if wanted not in roles.ALL_PERMISSIONS
            ]
            problems += [f"{name} may not be viewed by anybody"] * ("view" not in page.permissions)
        problems += [
            f"{name}.{verb.title} asks for {verb.permission!r}"
            for verb in verbs_of(page)
            if verb.permission not in roles.ALL_PERMISSIONS and not verb.is_for_platform
        ]

    assert problems == []


def test_every_parameter_of_a_page_is_known() -> None:
    unknown = {
        (str(page), name)
        for page in all_pages()
        for name in page.parameters
        if name not in KEYS and name not in WORDS
    }

    assert unknown == set()


def shown_on_pages(
    client: Client, user: User, ours: Tenant, theirs: Tenant, *, of_pages: str = ""
) -> list[str]:
    """Return what any page shows of another business, or how it fails to open."""
    look = Look(client, theirs, frozenset(theirs.marks), names_businesses=user.is_platform_admin)
    return [
        problem
        for page, url in addresses(ours)
        if page.name.startswith(of_pages) and not is_of_all(page, user)
        for problem in look.at(page, url)
    ]


def found_by_address(
    client: Client, user: User, ours: Tenant, theirs: Tenant, *, of_pages: str = ""
) -> list[str]:
    """Return the pages that answer for a row of another business, asked or pressed."""
    known = {page: url for page, url in addresses(ours) if has_key(page)}
    problems = []
    for page, url in addresses(theirs):
        if not has_key(page) or is_of_all(page, user) or is_of_nobody(page, theirs):
            continue
        if not page.name.startswith(of_pages):
            continue
        own = _status(client, "get", known[page])
        for method in ("get", "post"):
            status = _status(client, method, url)
            # A right that is missing is told before any row is looked for.
            told = {403, 404, 405} if own in {403, 405} or method == "post" else {404, 405}
            if status not in told:
                problems.append(f"{method.upper()} {page}: {status}, our own {own}")
    return problems


def _status(client: Client, method: str, url: str) -> int:
    with tenancy.no_scope():
        status: int = getattr(client, method)(url).status_code
    return status


def addresses(tenant: Tenant) -> Iterator[tuple[Page, str]]:
    """Yield every page with an address of this tenant's."""
    for page in all_pages():
        row = row_of(page.model, tenant) if page.model else None
        values = {name: row.pk if row else "1" for name in page.parameters if name in KEYS}
        yield page, page.url(**values, **WORDS)


@dataclass(frozen=True)
class Look:
    """One reader looking for what is theirs, with no door open but those of the pages."""

    client: Client
    theirs: Tenant
    marks: frozenset[str]
    names_businesses: bool

    def at(self, page: Page, url: str) -> Iterator[str]:
        """Yield what is wrong with the answer of a page."""
        with tenancy.no_scope():
            answer = self.client.get(url)
            text = self._text(answer)
        if answer.status_code not in FINE:
            yield f"{page}: {answer.status_code}"
        for mark in self.marks:
            if mark in text:
                yield f"{page} shows {mark}"

    def _text(self, answer: Any) -> str:
        streamed = getattr(answer, "streaming_content", None)
        body = b"".join(streamed) if streamed is not None else answer.content
        text: str = body.decode(errors="replace")
        # The header offers a platform admin every business to switch to.
        return text.replace(self.theirs.business.name, "") if self.names_businesses else text


def is_of_all(page: Page, user: User) -> bool:
    """Tell whether the page shows every business to this reader on purpose."""
    if not user.is_platform_admin or page.model is None:
        return False
    return page.model._meta.label_lower in OF_ALL


def has_key(page: Page) -> bool:
    """Tell whether the address names a row."""
    return any(name in KEYS for name in page.parameters)


def is_of_nobody(page: Page, tenant: Tenant) -> bool:
    """Tell whether the page's rows belong to no business."""
    return page.model is not None and row_of(page.model, tenant) is None


def verbs_of(page: Any) -> list[Any]:
    """Return the buttons of a page."""
    names = [*page.actions_list, *page.actions_row, *page.actions_detail]
    return [getattr(page, name).verb for name in names if isinstance(name, str)]
