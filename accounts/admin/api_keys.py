"""API keys: issued here and shown once."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.enums import ActionVariant

from accounts import api_keys, networks, roles
from accounts.models import ApiKey
from config.lib.admin import Call, EmptyState, OperatorForm, Step, TenantAdmin, verb
from config.lib.admin.rendering import ago, badge


class NewKeyForm(OperatorForm):
    """What a new key is for and may do."""

    name = forms.CharField(max_length=80, help_text="The program that will use it.")
    permissions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        help_text="As few as the program needs. You cannot give what you do not hold.",
    )
    expires_at = forms.DateTimeField(
        label="Expires at",
        required=False,
        widget=forms.DateTimeInput,
        help_text="In your business's time zone. Empty: it lives until it is revoked.",
    )

    networks = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Addresses or networks it may be used from, one on each line, such as "
        "203.0.113.7 or 203.0.113.0/24. Empty: from anywhere.",
    )

    def clean_networks(self) -> list[str]:
        """Read a list."""
        return networks.read(self.cleaned_data["networks"].replace(",", "\n").splitlines())

    def prepare(self) -> None:
        """Offer what the reader holds."""
        access = getattr(self.request, "access", None)
        held = access.permissions if access else frozenset()
        field = self.fields["permissions"]
        if isinstance(field, forms.MultipleChoiceField):
            offered = held & roles.GRANTABLE
            field.choices = [(n, f"{n}: {t}") for n, t in roles.PERMISSIONS.items() if n in offered]


def _is_live(key: ApiKey) -> bool:
    return key.revoked_at is None and not (key.expires_at and key.expires_at <= timezone.now())


@admin.register(ApiKey)
class ApiKeyAdmin(TenantAdmin[ApiKey]):
    """The machines that may call the API."""

    permissions: ClassVar[dict[str, str]] = {"view": "api_keys.view"}
    is_small = True
    list_display = ("name", "prefix", "state", "used", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name", "prefix")
    fields = (
        "name",
        "prefix",
        "state",
        "may",
        "bound",
        "created_by",
        "created_at",
        "expires_at",
        "used",
    )
    readonly_fields = fields
    actions_list = ("issue",)
    actions_detail = ("rotate", "revoke")
    empty_state = EmptyState(
        "No API keys yet",
        "A program signs in with a key of its own, limited to what it needs.",
        icon="key",
        steps=(Step("Issue a key", "admin:accounts_apikey_issue", "api_keys.manage"),),
    )

    @admin.display(description="state")
    def state(self, row: ApiKey) -> SafeString:
        """Show whether it still opens anything."""
        if row.revoked_at:
            return badge("Revoked", "danger")
        return badge("Live", "success") if _is_live(row) else badge("Expired", "warning")

    @admin.display(description="last used")
    def used(self, row: ApiKey) -> str:
        """Show when it was last used."""
        return ago(row.last_used_at, timezone.now())

    @admin.display(description="only from")
    def bound(self, row: ApiKey) -> str:
        """List the networks it is bound to."""
        return ", ".join(row.networks) or "Anywhere"

    @admin.display(description="may")
    def may(self, row: ApiKey) -> SafeString:
        """List what it may do."""
        known = ((name, roles.PERMISSIONS.get(name, "")) for name in row.permissions)
        return format_html_join("", '<div><code class="sb-code">{}</code> {}</div>', known)

    @verb(
        "Issue a key",
        permission="api_keys.manage",
        icon="add",
        form=NewKeyForm,
        variant=ActionVariant.PRIMARY,
    )
    def issue(self, call: Call) -> TemplateResponse:
        """Make a key and show it, this once."""
        return self._show(call, api_keys.issue(by=call.by, now=call.now, **call.data))

    @verb(
        "Rotate",
        permission="api_keys.manage",
        icon="autorenew",
        confirm="A new key with the same rights is made and shown once. The old one ends now.",
        when=_is_live,
    )
    def rotate(self, call: Call) -> TemplateResponse:
        """Replace the key."""
        return self._show(call, api_keys.rotate(api_key=call.obj, by=call.by, now=call.now))

    @verb(
        "Revoke",
        permission="api_keys.manage",
        icon="key_off",
        variant=ActionVariant.DANGER,
        confirm="Whatever uses it is refused from now on. This cannot be taken back.",
        when=lambda row: row.revoked_at is None,
    )
    def revoke(self, call: Call) -> str:
        """End the key."""
        api_keys.revoke(api_key=call.obj, by=call.by, now=call.now)
        return f"{call.obj} is revoked."

    def _show(self, call: Call, issued: Any) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(call.request),
            "opts": self.opts,
            "title": "Copy the key now",
            "issued": issued,
        }
        response = TemplateResponse(call.request, "admin/api_key_issued.html", context)
        response["Cache-Control"] = "no-store"
        return response
