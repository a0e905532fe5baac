"""Templates as Meta knows them: states, ratings, a preview, the sync."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from config.lib.admin import Call, EmptyState, ReadOnlyAdmin, Step, verb
from config.lib.admin.rendering import ago, badge, json_block
from config.lib.errors import ProjectError
from templates_mgmt import compiled, components, sync
from templates_mgmt.models import Template

_STATUS = {
    "approved": "success",
    "pending": "info",
    "in_appeal": "info",
    "draft": "muted",
    "archived": "muted",
    "deleted": "muted",
    "paused": "warning",
    "limit_exceeded": "warning",
    "rejected": "danger",
    "disabled": "danger",
    "locked": "danger",
}
_QUALITY = {"green": "success", "yellow": "warning", "red": "danger"}
_CATEGORY = {"marketing": "primary", "utility": "info"}


@admin.register(Template)
class TemplateAdmin(ReadOnlyAdmin[Template]):
    """What may be sent outside a service window."""

    permissions: ClassVar[dict[str, str]] = {"view": "templates.view"}
    list_display = ("name", "language", "state", "kind", "rating", "account", "synced")
    list_select_related = ("account",)
    list_filter = (
        "status",
        "category",
        "quality",
        "language",
        ("account", admin.RelatedOnlyFieldListFilter),
    )
    search_fields = ("name__startswith",)
    search_help_text = "The first letters of a name."
    readonly_fields = (
        "name",
        "language",
        "account",
        "state",
        "kind",
        "rating",
        "meta_status",
        "rejection_reason",
        "pending_category",
        "variables",
        "meta_id",
        "synced",
        "definition",
    )
    fieldsets = (
        (None, {"fields": ("name", "language", "account", "state", "kind", "rating")}),
        (
            "At Meta",
            {
                "fields": (
                    "meta_status",
                    "rejection_reason",
                    "pending_category",
                    "meta_id",
                    "synced",
                )
            },
        ),
        ("Variables", {"fields": ("variables",)}),
        ("As Meta stores it", {"fields": ("definition",), "classes": ("collapse",)}),
    )
    actions_list = ("sync",)
    change_form_outer_before_template = "admin/template_preview.html"
    empty_state = EmptyState(
        "No templates yet",
        "Templates are written in WhatsApp Manager and approved by Meta. Connect an account, then "
        "sync: they appear here with their state, and stay up to date by webhook.",
        icon="description",
        steps=(
            Step("Sync from Meta", "admin:templates_mgmt_template_sync", "templates.edit"),
            Step("Connect an account", "admin:accounts_whatsappaccount_connect", "senders.manage"),
        ),
    )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the template with its preview."""
        found = self.get_object(request, object_id)
        preview = _preview(found) if found is not None else None
        extra = {"preview": preview, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra)

    @admin.display(description="status")
    def state(self, row: Template) -> SafeString:
        """Show Meta's verdict."""
        return badge(row.get_status_display(), _STATUS.get(row.status, "muted"))

    @admin.display(description="category")
    def kind(self, row: Template) -> SafeString:
        """Show the category, which decides whose consent is needed."""
        return badge(row.get_category_display(), _CATEGORY.get(row.category, "muted"))

    @admin.display(description="quality")
    def rating(self, row: Template) -> SafeString:
        """Show what people made of it."""
        return badge(row.get_quality_display(), _QUALITY.get(row.quality, "muted"))

    @admin.display(description="synced")
    def synced(self, row: Template) -> str:
        """Show when Meta was last asked."""
        return ago(row.synced_at, timezone.now())

    @admin.display(description="variables")
    def variables(self, row: Template) -> str:
        """Name what a send must fill in."""
        found = compiled.of(row).definition
        names = [variable.key for variable in found.variables]
        return ", ".join(names) or "none"

    @admin.display(description="components")
    def definition(self, row: Template) -> SafeString:
        """Show Meta's JSON."""
        return json_block(row.components)

    @verb(
        "Sync from Meta",
        permission="templates.edit",
        icon="sync",
        variant=ActionVariant.PRIMARY,
        in_steps=True,
    )
    def sync(self, call: Call) -> str:
        """Pull the templates of every account."""
        told = sync.pull_all(now=call.now, keep_rights=call.keep_rights)
        return (
            f"{told.new} new, {told.changed} changed, {told.gone} gone at Meta, "
            f"{told.unchanged} as before."
        )


def _preview(template: Template) -> components.Preview | None:
    """Return the message with Meta's own examples in its variables."""
    try:
        definition = compiled.of(template).definition
        examples = {one.key: one.example for one in definition.variables if one.example}
        return components.render(definition, examples)
    except (ProjectError, KeyError, TypeError, ValueError):
        return None
