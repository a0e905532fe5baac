"""The side bar: every page, in the order of an operator's day, to those who may open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts import access, approvals
from config.lib.admin import asking

APPROVALS: Final = "accounts.approval"


@dataclass(frozen=True, slots=True)
class Page:
    """One entry: a model's list, by `app.model`, or another view of its page."""

    title: str
    model: str
    icon: str
    view: str = "changelist"
    permission: str = ""


GROUPS: Final[tuple[tuple[str, tuple[Page, ...]], ...]] = (
    (
        "Messaging",
        (
            Page("Conversations", "messaging.conversation", "forum"),
            Page("Campaigns", "messaging.campaign", "campaign"),
            Page("Messages", "messaging.message", "mail"),
            Page("Templates", "templates_mgmt.template", "description"),
        ),
    ),
    (
        "People",
        (
            Page("Contacts", "messaging.contact", "group"),
            Page("Lists", "messaging.contactlist", "list_alt"),
            Page("Tags", "messaging.tag", "sell"),
            Page("Imports", "messaging.contactimport", "upload_file"),
            Page("Consent", "compliance.consent", "verified_user"),
            Page("Consent ledger", "compliance.consentevent", "history"),
            Page("Opt-out words", "compliance.optoutword", "front_hand"),
            Page("Contact policy", "compliance.contactpolicy", "bedtime"),
            Page("Privacy requests", "compliance.privacyrequest", "shield_person"),
            Page("Several erasures", "compliance.privacybatch", "group_remove"),
            Page("Retention", "compliance.retentionrule", "auto_delete"),
        ),
    ),
    (
        "Channel",
        (
            Page("Senders", "messaging.sender", "call"),
            Page("Sender events", "messaging.senderevent", "monitor_heart"),
            Page("WhatsApp accounts", "accounts.whatsappaccount", "hub"),
            Page("Dead letters", "messaging.deadletter", "report"),
        ),
    ),
    (
        "Business",
        (
            Page("Members", "accounts.membership", "badge"),
            Page(
                "Roles",
                "accounts.membership",
                "table",
                view="roles",
                permission="permissions.view",
            ),
            Page("Invitations", "accounts.invitation", "outgoing_mail"),
            Page("API keys", "accounts.apikey", "key"),
            Page("Approvals", APPROVALS, "how_to_reg"),
            Page("Security", "accounts.securitypolicy", "lock_person"),
            Page("Audit trail", "compliance.auditentry", "policy"),
            Page("Businesses", "accounts.business", "storefront"),
        ),
    ),
    (
        "Platform",
        (
            Page("Backups", "backups.backup", "backup"),
            Page("Platform trail", "compliance.platformentry", "policy"),
            Page("Users", "accounts.user", "person"),
            Page("Sign-in attempts", "axes.accessattempt", "lock"),
            Page("Periodic jobs", "django_celery_beat.periodictask", "schedule"),
        ),
    ),
)


def build(request: HttpRequest) -> list[dict[str, Any]]:
    """Return unfold's navigation for this reader."""
    first = {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [first]}]
    for title, pages in GROUPS:
        items = [_item(page, request) for page in pages if _is_open(request, page)]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def can_open(request: HttpRequest, model: str) -> bool:
    """Tell whether there is such a page and the reader may open it."""
    found = admin.site._registry.get(apps.get_model(model))
    return found is not None and found.has_view_permission(request)


def _is_open(request: HttpRequest, page: Page) -> bool:
    if page.permission and not asking.allows(request, page.permission):
        return False
    return can_open(request, page.model)


# Models with entries beside their list: of these the list is shown as open only on its own pages.
_SHARED: Final = frozenset(page.model for _, pages in GROUPS for page in pages if page.permission)


def _is_here(name: str, view: str) -> Callable[[HttpRequest], bool]:
    """Return what tells whether the reader is on this entry's pages."""
    others = {page.view for _, pages in GROUPS for page in pages} - {"changelist"}

    def is_here(request: HttpRequest) -> bool:
        match = request.resolver_match
        here = (match.url_name if match else "") or ""
        if not here.startswith(f"{name}_"):
            return False
        rest = here.removeprefix(f"{name}_")
        return rest == view if view in others else rest not in others

    return is_here


def _item(page: Page, request: HttpRequest) -> dict[str, Any]:
    name = page.model.replace(".", "_", 1)
    item: dict[str, Any] = {
        "title": page.title,
        "icon": page.icon,
        "link": reverse(f"admin:{name}_{page.view}"),
        **({"active": _is_here(name, page.view)} if page.model in _SHARED else {}),
    }
    caller = access.of(request)
    if page.model == APPROVALS and caller is not None:
        item["badge"] = approvals.count_waiting(caller, timezone.now()) or None
    return item


def shows_history(request: HttpRequest) -> bool:
    """Tell whether pages of rows link to the audit trail."""
    return can_open(request, "compliance.auditentry")
