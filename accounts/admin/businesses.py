"""Businesses: one's own settings; for platform admins every business."""

from __future__ import annotations

from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import access, business_choice, businesses
from accounts.models import Business
from config.lib.admin import Call, TenantAdmin, verb
from config.lib.admin.asking import is_platform_admin
from config.lib.admin.forms import dress
from config.lib.admin.rendering import badge

_TONES = {"active": "success", "suspended": "warning", "closed": "danger"}


class BusinessForm(forms.ModelForm[Business]):
    """The settings a person may change."""

    time_zone = forms.ChoiceField(
        help_text="Days of reports and quiet hours are counted in this zone."
    )

    class Meta:
        model = Business
        fields = (
            "name",
            "region",
            "time_zone",
            "resend_unknown_utility",
            "resend_unknown_marketing",
            "reconcile_after_seconds",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = self.fields.get("time_zone")
        if isinstance(zone, forms.ChoiceField):
            zone.choices = [(name, name) for name in sorted(available_timezones())]
        dress(self)


@admin.register(Business)
class BusinessAdmin(TenantAdmin[Business]):
    """A member sees their own business; a platform admin all of them."""

    permissions: ClassVar[dict[str, str]] = {
        "view": "businesses.view",
        "add": "businesses.create",
        "change": "businesses.manage",
    }
    is_small = True
    crosses_businesses = True
    form = BusinessForm
    list_display = ("name", "state", "region", "time_zone", "created_at")
    list_filter = ("status",)
    search_fields = ("name", "slug")
    actions_row = ("switch",)
    actions_detail = ("switch", "suspend", "resume", "close")
    fieldsets = (
        (None, {"fields": ("name", "region", "time_zone")}),
        (
            "When Meta never answered",
            {
                "fields": (
                    "resend_unknown_utility",
                    "resend_unknown_marketing",
                    "reconcile_after_seconds",
                ),
                "description": "Meta has no way to ask whether a message was accepted. These "
                "settings say what happens when a request left and no answer came.",
            },
        ),
    )

    def holds(self, request: HttpRequest, what: str, obj: Any = None) -> bool:
        """Let a platform admin in even without a business: the first one is opened here."""
        is_open = what in self.permissions and is_platform_admin(request)
        return is_open or super().holds(request, what, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Business]:
        """Return all to a platform admin, else the business of the session."""
        rows = super().get_queryset(request)
        if is_platform_admin(request):
            return rows
        caller = access.of(request)
        return rows.filter(pk=caller.business.pk) if caller and caller.business else rows.none()

    @admin.display(description="status")
    def state(self, row: Business) -> SafeString:
        """Show the status as a badge."""
        return badge(row.get_status_display(), _TONES[row.status])

    def save_model(self, request: HttpRequest, obj: Business, form: Any, change: bool) -> None:
        """Open a business, or change its settings."""
        caller = access.of(request)
        given = {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            businesses.update(business=obj, changes=given, by=caller)
            return
        kept = ("name", "region", "time_zone")
        opened = businesses.open_(by=caller, **{name: form.cleaned_data[name] for name in kept})
        rest = {name: value for name, value in given.items() if name not in kept}
        if rest:
            businesses.update(business=opened, changes=rest, by=caller)
        obj.pk = opened.pk
        obj.refresh_from_db()

    @verb(
        "Work in this business",
        permission="businesses.view",
        icon="login",
        when=lambda row: row.status != Business.Status.CLOSED,
        is_for_platform=True,
    )
    def switch(self, call: Call) -> str:
        """Make it the business of the session."""
        business_choice.switch(call.request, business_id=str(call.obj.pk))
        return f"You are in {call.obj.name} now."

    @verb(
        "Suspend",
        permission="businesses.create",
        icon="pause_circle",
        variant=ActionVariant.WARNING,
        confirm="Members and API keys of this business are refused until it is resumed. "
        "Messages already queued still go out.",
        when=lambda row: row.status == Business.Status.ACTIVE,
        is_for_platform=True,
    )
    def suspend(self, call: Call) -> str:
        """Refuse its members and keys for now."""
        businesses.suspend(business=call.obj, by=call.by)
        return f"{call.obj.name} is suspended."

    @verb(
        "Resume",
        permission="businesses.create",
        icon="play_circle",
        when=lambda row: row.status == Business.Status.SUSPENDED,
        is_for_platform=True,
    )
    def resume(self, call: Call) -> str:
        """Let it act again."""
        businesses.resume(business=call.obj, by=call.by)
        return f"{call.obj.name} is active again."

    @verb(
        "Close for good",
        permission="businesses.create",
        icon="cancel",
        variant=ActionVariant.DANGER,
        confirm="This cannot be taken back: its API keys are revoked and nobody works in it any "
        "more. Its data stays.",
        when=lambda row: row.status != Business.Status.CLOSED,
        is_for_platform=True,
    )
    def close(self, call: Call) -> str:
        """End it."""
        businesses.close(business=call.obj, by=call.by, now=timezone.now())
        return f"{call.obj.name} is closed."
