"""The audit trail: who did what to which object."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts import tenancy
from compliance.models import AuditEntry
from config.lib.admin import EmptyState, PeriodFilter, ReadOnlyAdmin
from config.lib.admin.rendering import code, json_block


class AuditPeriod(PeriodFilter):
    """The last month unless more is asked for."""

    default_days = 30


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    """Entries of the business in scope, newest first; nobody writes them here."""

    permissions: ClassVar[dict[str, str]] = {"view": "audit.view"}
    list_display = ("created_at", "who", "action", "resource", "resource_id", "ip_address")
    list_select_related = ("actor",)
    list_filter = (AuditPeriod,)
    search_fields = ("action__exact", "resource__exact", "resource_id__exact", "request_id__exact")
    search_help_text = "An action, a kind of object, its id or a request id, written in full."
    fields = (
        "created_at",
        "who",
        "action",
        "resource",
        "resource_id",
        "shown_details",
        "ip_address",
        "request_id",
    )
    readonly_fields = fields
    empty_state = EmptyState(
        "Nothing was recorded in this time",
        "What people and programs do here appears by itself, with who did it and from where.",
        icon="policy",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Return the entries of the business in scope."""
        return super().get_queryset(request).filter(business_id=tenancy.current_id())

    @admin.display(description="who")
    def who(self, row: AuditEntry) -> str:
        """Show the person or program, as they were called then."""
        return row.actor_name or (str(row.actor) if row.actor else "The system")

    @admin.display(description="details")
    def shown_details(self, row: AuditEntry) -> SafeString:
        """Show what more is known."""
        return json_block(row.details) if row.details else code("—")
