"""The audit trail: who did what to which object, and whether it is as it was written."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import access, tenancy
from accounts.models import User
from compliance import jobs
from compliance.audit import canonical, chain, checking, rows, showing, trail
from compliance.models import AuditEntry, PlatformEntry
from config.lib import moments
from config.lib.admin import (
    Call,
    EmptyState,
    PeriodFilter,
    PlatformAdmin,
    ReadOnlyAdmin,
    TenantAdmin,
    verb,
)
from config.lib.admin.rendering import badge, code, link

_OFFERED = 100
_LONGEST_ID = 19


class AuditPeriod(PeriodFilter):
    """The last month unless more is asked for."""

    default_days = 30


class Who(admin.SimpleListFilter):
    """What one person of the business did."""

    title = "person"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the members by name."""
        people = self.people().order_by("name", "pk")[:_OFFERED]
        return [(str(one.pk), str(one)) for one in people]

    def people(self) -> QuerySet[User]:
        """Return the members."""
        return User.objects.filter(memberships__business_id=tenancy.current_id())

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> Any:
        """Narrow to the person."""
        chosen = self.value() or ""
        is_id = chosen.isdecimal() and len(chosen) < _LONGEST_ID
        return queryset.filter(actor_id=int(chosen)) if is_id else queryset


class WhoOfPlatform(Who):
    """What one platform admin did outside any business."""

    def people(self) -> QuerySet[User]:
        """Return the platform admins."""
        return User.objects.filter(is_superuser=True)


class Subject(admin.SimpleListFilter):
    """What happened to one kind of object."""

    title = "object"
    parameter_name = "object"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the kinds of records that are watched."""
        names = sorted(rows.resources())
        return [(name, name.replace("_", " ").capitalize()) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> Any:
        """Narrow to the kind."""
        return queryset.filter(resource=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    """Entries of the business in scope, newest first; nobody writes them here."""

    permissions: ClassVar[dict[str, str]] = {"view": "audit.view"}
    list_display = ("when", "who", "what", "on", "changed", "from_where")
    list_filter: ClassVar[Any] = (AuditPeriod, "origin", Who, Subject)
    list_select_related = ("link",)
    list_before_template = "admin/audit_state.html"
    search_fields = ("action__startswith",)
    search_help_text = (
        "The beginning of an action (campaign, user.signed), a person's name or e-mail, an id, "
        "a request id or a network address."
    )
    fields = (
        "when",
        "who",
        "what",
        "on",
        "shown_changes",
        "kind",
        "from_where",
        "request_id",
        "place",
    )
    readonly_fields = fields
    actions_list = ("check_now",)
    empty_state = EmptyState(
        "Nothing was recorded in this time",
        "What people and programs do here appears by itself, with who did it and from where.",
        icon="policy",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Return the entries of the trail."""
        return super().get_queryset(request).filter(chain.of(self.whose()))

    def whose(self) -> UUID | None:
        """Return the business whose trail this is: the one in scope."""
        return tenancy.current_id()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """Find by whatever of an entry somebody may have at hand."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if address := canonical.address(term):
            return queryset.filter(ip_address=address), False
        return queryset.filter(_matching(term)), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show above the list whether the trail is whole."""
        state: dict[str, Any] = {}
        if self.has_view_permission(request):
            business_id = self.whose()
            state = {
                "head": chain.head(business_id),
                "waiting": chain.count_waiting(business_id),
                "checked": checking.find_last(business_id),
                "can_be_taken_away": business_id is not None,
            }
        return super().changelist_view(request, state | (extra_context or {}))

    @verb("Check now", permission="audit.view", icon="fact_check")
    def check_now(self, call: Call) -> str:
        """Recompute the trail in the background."""
        return self.enqueue_check()

    def enqueue_check(self) -> str:
        """Have a worker recompute the trail; say so."""
        jobs.CHECK_AUDIT.enqueue(business_id=str(self.whose() or ""))
        return "The trail is being recomputed. What was found appears here in a moment."

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show an entry; what happened to it is nothing, ever."""
        context = {"show_history": False} | (extra_context or {})
        return super().changeform_view(request, object_id, form_url, context)

    @admin.display(description="when")
    def when(self, row: AuditEntry) -> SafeString:
        """Show the time to the second."""
        text = moments.short(row.created_at, with_seconds=True)
        return format_html('<span class="sb-nowrap">{}</span>', text)

    @admin.display(description="from")
    def from_where(self, row: AuditEntry) -> str:
        """Show the network address; what workers do has none."""
        return row.ip_address or "—"

    @admin.display(description="who")
    def who(self, row: AuditEntry) -> str:
        """Show the person or program, as they were called then."""
        return row.actor_name or "The system"

    @admin.display(description="what")
    def what(self, row: AuditEntry) -> SafeString | str:
        """Show what was done, and whether the entry is to be trusted."""
        said = showing.title(row)
        if showing.is_broken(row):
            return format_html("{} {}", badge("Not as it was written", "danger"), said)
        if row.origin == AuditEntry.Origin.EXTERNAL:
            return format_html("{} {}", said, badge("From outside", "info"))
        return said

    @admin.display(description="on")
    def on(self, row: AuditEntry) -> SafeString | str:
        """Show the object, as a link where there is a page of it."""
        name = row.resource.replace("_", " ").capitalize()
        if not row.resource_id:
            return name or "—"
        is_long = len(row.resource_id) > 16
        label = f"{name} …{row.resource_id[-6:]}" if is_long else f"{name} {row.resource_id}"
        url = _page_of(row)
        return link(url, label) if url else label

    @admin.display(description="changed")
    def changed(self, row: AuditEntry) -> str:
        """Show the first changes."""
        return showing.summary(row)

    @admin.display(description="changes")
    def shown_changes(self, row: AuditEntry) -> SafeString:
        """Show what changed, side by side."""
        shown = showing.show(row)
        context = {"changes": shown.changes, "facts": shown.facts}
        return render_to_string("admin/audit_changes.html", context)

    @admin.display(description="kind")
    def kind(self, row: AuditEntry) -> str:
        """Show where the entry comes from."""
        return f"{row.get_origin_display()} ({row.action})"

    @admin.display(description="place in the chain")
    def place(self, row: AuditEntry) -> SafeString | str:
        """Show where the chain holds it."""
        if showing.is_broken(row):
            return badge("This entry is not as Switchboard wrote it.", "danger")
        if not hasattr(row, "link"):
            return "It is sealed within a minute."
        return format_html("No. {}, {}", row.link.position, code(row.link.chain_hash))


@admin.register(PlatformEntry)
class PlatformEntryAdmin(PlatformAdmin[AuditEntry], AuditEntryAdmin):
    """Entries that belong to no business: what platform admins and the installation itself did."""

    permissions: ClassVar[dict[str, str]] = {"view": "platform"}
    crosses_businesses = True
    list_filter: ClassVar[Any] = (AuditPeriod, WhoOfPlatform, Subject)
    empty_state = EmptyState(
        "Nothing was recorded in this time",
        "What is done outside any business appears by itself: sign-ins of platform admins, "
        "backups, and how often work crossed businesses.",
        icon="policy",
    )

    def whose(self) -> UUID | None:
        """Return nobody: this trail is the installation's."""
        return None

    @verb("Check now", permission="", is_for_platform=True, icon="fact_check")
    def check_now(self, call: Call) -> str:
        """Recompute the trail in the background."""
        return self.enqueue_check()


def _matching(term: str) -> Q:
    people = User.objects.filter(Q(name__icontains=term) | Q(email__iexact=term))
    found = Q(resource_id=term) | Q(request_id=term) | Q(actor__in=people.values("pk"))
    found |= Q(action__startswith=term.lower().replace(" ", "."))
    found |= Q(action__startswith=trail.EXTERNAL + term.lower())
    try:
        return found | Q(api_key_id=UUID(term))
    except ValueError:
        return found


def _opens(model: type[Model]) -> bool:
    """Tell whether the reader may open pages of this model at all."""
    page, caller = admin.site._registry.get(model), access.current()
    if not isinstance(page, TenantAdmin) or caller is None:
        return False
    if isinstance(page, PlatformAdmin):
        return caller.is_platform_admin
    return caller.allows_some(page.permissions.get("view", ""))


def _page_of(row: AuditEntry) -> str:
    """Return the page of what an entry is about; empty where the reader may not open it."""
    model = rows.model_of(row.resource)
    if model is None:
        return ""
    if not _opens(model):
        return ""
    try:
        model._meta.pk.to_python(row.resource_id)
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        return reverse(name, args=[row.resource_id])
    except (NoReverseMatch, ValidationError):
        return ""
