"""Import a file of consents: choose it, look at what it says, write it."""

from __future__ import annotations

import io
from functools import partial
from typing import Any, Final

from django import forms
from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts import access, renewal
from accounts.access import Access
from compliance import imports, pending_files
from compliance.models import ConsentStatus, Scope
from compliance.pending_files import PendingFile
from config.lib.admin import OperatorForm, asking
from config.lib.errors import ProjectError

_MANAGE: Final = "consent.manage"
_TONES: Final = {
    "opted_in": ("Agreed", "success"),
    "opted_out": ("Opted out", "warning"),
    imports.STAYS_OUT: ("Stays opted out", "warning"),
}


_COLUMNS: Final = {
    "phone": "Phone number",
    "bsuid": "Meta user id",
    "consent": "Whether they agreed",
    "consent_at": "When",
    "consent_scope": "For what",
    "consent_wording": "The words",
    "language": "Language of the words",
    "evidence": "Kept as evidence",
}


class FileForm(OperatorForm):
    """The file, and what is declared about rows that do not say it themselves."""

    file = forms.FileField(
        label="CSV or Excel file",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
        help_text="Up to 9 MB and 20,000 rows, with a header such as phone_number, status, scope, "
        "occurred_at, wording. Other columns are kept as evidence.",
    )
    source = forms.CharField(
        max_length=200, help_text="Where these people said so: it stands with every consent."
    )
    status = forms.ChoiceField(
        label="Rows without a status say",
        choices=[
            ("", "nothing: leave them out"),
            (ConsentStatus.OPTED_IN.value, "they agreed"),
            (ConsentStatus.OPTED_OUT.value, "they opted out"),
        ],
        required=False,
    )
    scope = forms.ChoiceField(
        label="Rows without a scope are about",
        choices=[("all", "Everything"), *Scope.choices],
        initial=Scope.MARKETING,
    )
    wording = forms.CharField(
        label="Words they agreed to",
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=4000,
        help_text="For rows that do not bring their own.",
    )


def view(admin: Any, request: HttpRequest) -> HttpResponseBase:
    """Ask for a file, show what it says, and write it once the reader agreed."""
    asking.require(request, _MANAGE)
    caller = access.of(request)
    if caller is None or caller.business is None:
        return HttpResponseRedirect(reverse("admin:index"))
    if request.method == "POST" and (token := request.POST.get("token")):
        return _commit(admin, request, caller, token)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = FileForm(*posted, request=request)
    if request.method == "POST" and form.is_valid():
        return _preview(admin, request, caller, form)
    return _page(admin, request, form=form)


def _preview(admin: Any, request: HttpRequest, caller: Access, form: FileForm) -> HttpResponseBase:
    given = dict(form.cleaned_data)
    file = given.pop("file")
    held = PendingFile(file.read(), file.name, given)
    try:
        report = imports.preview(**_asked(held, caller))
        token = pending_files.keep(held, user_id=caller.actor_id)
    except ProjectError as error:
        form.add_error(error.attr if error.attr in form.fields else "file", error.detail)
        return _page(admin, request, form=form)
    return _page(admin, request, report=report, token=token)


def _commit(admin: Any, request: HttpRequest, caller: Access, token: str) -> HttpResponseBase:
    try:
        held = pending_files.take(token, user_id=caller.actor_id)
        if held is None:
            flash.warning(request, "It was imported already, or waited too long: choose it again.")
            return HttpResponseRedirect(request.path)
        report = imports.commit(
            **_asked(held, caller), by=caller.user, keep_rights=partial(_keep_rights, request)
        )
    except ProjectError as error:
        flash.error(request, error.detail)
        return HttpResponseRedirect(request.path)
    return _page(admin, request, report=report)


def _keep_rights(request: HttpRequest) -> None:
    renewal.hold(request)
    asking.require(request, _MANAGE)


def _asked(held: PendingFile, caller: Access) -> dict[str, Any]:
    return {
        "file": io.BytesIO(held.content),
        "filename": held.filename,
        "choices": imports.choices_of(held.given, business=caller.business),
        "now": timezone.now(),
    }


def _page(admin: Any, request: HttpRequest, **context: Any) -> TemplateResponse:
    request.current_app = admin.admin_site.name
    report: imports.Report | None = context.get("report")
    shown = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": "Import consents",
        "media": context["form"].media if "form" in context else "",
        "totals": [_total(code, count) for code, count in report.verdicts.most_common()]
        if report
        else [],
        "columns": [(name, _COLUMNS.get(target, target)) for name, target in report.columns.items()]
        if report
        else [],
        **context,
    }
    return TemplateResponse(request, "admin/consent_import.html", shown)


def _total(code: str, count: int) -> tuple[str, str, int]:
    label, tone = _TONES.get(code, (code.replace("_", " ").capitalize(), "danger"))
    return label, tone, count
