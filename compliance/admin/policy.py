"""When and how often we write: quiet hours, the cap, blocks, confirmations."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold import widgets

from accounts import access, tenancy
from compliance import policy
from compliance.models import ContactPolicy
from config.lib.admin import TenantAdmin
from config.lib.admin.forms import dress
from config.lib.errors import InvalidInput

_MANAGE = "businesses.manage"
_FIELDS = ("quiet_from", "quiet_until", "cap_messages", "cap_days", "block_days", "confirms")


class PolicyForm(forms.ModelForm[ContactPolicy]):
    """The settings; half a night is refused beside its field."""

    class Meta:
        model = ContactPolicy
        fields = _FIELDS
        help_texts: ClassVar[dict[str, str]] = {
            "cap_messages": "The most one person gets. Empty: no limit.",
            "cap_days": "Counted back from each message.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)
        look = {"class": " ".join(widgets.INPUT_CLASSES), "type": "time"}
        for name in {"quiet_from", "quiet_until"} & set(self.fields):
            self.fields[name].widget = forms.TimeInput(attrs=look, format="%H:%M")

    def clean(self) -> dict[str, Any]:
        """Check the night as a whole."""
        data = super().clean() or {}
        if "quiet_from" in data and "quiet_until" in data:
            try:
                policy.check(quiet_from=data["quiet_from"], quiet_until=data["quiet_until"])
            except InvalidInput as error:
                self.add_error(error.attr, error.detail)
        return data


@admin.register(ContactPolicy)
class ContactPolicyAdmin(TenantAdmin[ContactPolicy]):
    """One page: the policy of the business, with the defaults until it is saved."""

    permissions: ClassVar[dict[str, str]] = {
        "view": "consent.view",
        "add": _MANAGE,
        "change": _MANAGE,
    }
    is_small = True
    form = PolicyForm
    list_display = _FIELDS
    fieldsets = (
        (
            "Quiet hours",
            {
                "fields": (("quiet_from", "quiet_until"),),
                "description": "No marketing reaches people at night, by the clock where they are: "
                "the time zone kept with the contact, else that of their number. Where that may "
                "be in several zones it has to be day in all of them. Campaigns wait for "
                "the morning, or skip people when their last time to send comes first; a single "
                "marketing message is refused. Leave both empty to send at any time.",
            },
        ),
        (
            "How often",
            {
                "fields": (("cap_messages", "cap_days"),),
                "description": "Counted over all campaigns, single messages and numbers of this "
                "business. Who has had enough is skipped.",
            },
        ),
        ("Blocks and answers", {"fields": ("block_days", "confirms")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let there be one."""
        is_open = super().has_add_permission(request) and tenancy.find_current_id() is not None
        return is_open and not ContactPolicy.objects.exists()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the one row in place of a list, or the page that makes it."""
        row = ContactPolicy.objects.first()
        if row is not None and self.has_view_permission(request):
            return self.changeform_view(request, str(row.pk))
        if self.has_add_permission(request):
            return self.changeform_view(request)
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the one row; there is never a second."""
        if object_id is None and (row := ContactPolicy.objects.first()) is not None:
            return HttpResponseRedirect(_page_of(row))
        title = {"title": "Contact policy", "show_save_and_add_another": False}
        return super().changeform_view(request, object_id, form_url, title | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: ContactPolicy, form: Any, change: bool) -> None:
        """Keep the policy."""
        given = {name: form.cleaned_data[name] for name in _FIELDS}
        saved = policy.change(by=access.of(request), **given)
        obj.pk, obj.business_id = saved.pk, saved.business_id

    def response_add(
        self, request: HttpRequest, obj: ContactPolicy, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Stay on the page."""
        return self.response_change(request, obj)

    def response_change(self, request: HttpRequest, obj: ContactPolicy) -> HttpResponse:
        """Stay on the page and say so."""
        self.message_user(request, "The contact policy is saved and works from now on.")
        return HttpResponseRedirect(_page_of(obj))


def _page_of(row: ContactPolicy) -> str:
    return reverse("admin:compliance_contactpolicy_change", args=[row.pk])
