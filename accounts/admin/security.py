"""What the business demands: a second factor, a second person."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import access, approvals, holdings, security
from accounts.models import SecurityPolicy
from accounts.models_security import ApprovalKind
from config.lib.admin import OperatorForm, ReadOnlyAdmin, asking
from config.lib.errors import ProjectError

_MANAGE: Final = "businesses.manage"
_OFFERED: Final = [
    (ApprovalKind.CAMPAIGN, "Campaigns (limits below)"),
    (ApprovalKind.TEMPLATE, "Approving a template before it goes to Meta"),
    (ApprovalKind.OWNER_GRANT, "Making somebody an owner"),
    (ApprovalKind.MASS_ERASURE, "Erasing the data of many people at once"),
    (ApprovalKind.RESTORE, "Restoring a backup"),
]


class SecurityForm(OperatorForm):
    """The settings."""

    needs_second_factor = forms.BooleanField(
        label="Everybody needs a second factor",
        required=False,
        help_text="Members without one are led to set it up and can do nothing else here.",
    )
    two_person = forms.MultipleChoiceField(
        label="Needs a second person",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=_OFFERED,
        help_text="Somebody else with the same right approves it first, for exactly what it is.",
    )
    campaign_people = forms.IntegerField(
        label="Campaigns to more people than",
        required=False,
        min_value=0,
        max_value=100_000_000,
        help_text="With neither this nor a cost every campaign needs a second person.",
    )
    campaign_cost = forms.DecimalField(
        label="Campaigns that may cost more than",
        required=False,
        min_value=0,
        max_digits=12,
        decimal_places=2,
        help_text="In your currency. Needs the price of a message.",
    )
    message_price = forms.DecimalField(
        label="The most one message costs",
        required=False,
        min_value=0,
        max_digits=8,
        decimal_places=4,
        help_text="From Meta's price list, for the dearest country you write to. While it is "
        "empty, any campaign may cost too much.",
    )

    def prepare(self) -> None:
        """Start from the settings of today."""
        for name in security.FIELDS:
            self.fields[name].initial = getattr(self.obj, name)


@admin.register(SecurityPolicy)
class SecurityPolicyAdmin(ReadOnlyAdmin[SecurityPolicy]):
    """One page: the settings of the business."""

    permissions: ClassVar[dict[str, str]] = {"view": "businesses.view"}
    is_small = True

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show or take the settings."""
        caller = access.of(request)
        if not self.has_view_permission(request) or caller is None:
            raise PermissionDenied("This needs the permission businesses.view.")
        may_change = caller.allows(_MANAGE)
        if request.method == "POST" and not may_change:
            raise PermissionDenied(f"This needs the permission {_MANAGE}.")
        policy = security.current()
        form = SecurityForm(request.POST or None, request=request, obj=policy)
        if request.method == "POST" and form.is_valid() and _saved(form, request):
            return HttpResponseRedirect(request.path)
        return self._show(request, form, may_change=may_change)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the settings: they are one page."""
        found = self.get_object(request, object_id)
        if found is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        shown: HttpResponse = self.changelist_view(request)
        return shown

    def _show(
        self, request: HttpRequest, form: SecurityForm, *, may_change: bool
    ) -> TemplateResponse:
        if not may_change:
            for field in form.fields.values():
                field.disabled = True
        request.current_app = self.admin_site.name
        policy = security.current()
        waiting = approvals.find_live(
            kind=ApprovalKind.SECURITY_POLICY,
            subject_type="security_policy",
            subject_id=str(policy.business_id),
        )
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Security settings",
            "form": form,
            "media": form.media,
            "may_change": may_change,
            "few": _few(policy),
            "waiting": waiting,
            "waiting_url": asking.url_of(request, "accounts.approval", str(waiting.pk))
            if waiting
            else "",
        }
        return TemplateResponse(request, "admin/security.html", context)


def _saved(form: SecurityForm, request: HttpRequest) -> bool:
    caller = access.of(request)
    assert caller is not None  # noqa: S101  # asked by the view
    try:
        security.update(changes=form.cleaned_data, by=caller, now=timezone.now())
    except ProjectError as error:
        form.add_error(error.attr if error.attr in form.fields else None, error.detail)
        return False
    flash.success(request, "The settings are saved.")
    return True


def _few(policy: SecurityPolicy) -> list[str]:
    """Name what is demanded of two people where fewer than two could do it."""
    held = holdings.of_everybody(policy.business_id) if policy.two_person else []
    return [
        ApprovalKind(kind).label
        for kind in policy.two_person
        if sum(approvals.NEEDED[kind] <= one for one in held) < 2
    ]
