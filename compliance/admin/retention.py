"""How long each kind of data is kept: plain words, a preview, what the runs removed."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from compliance.privacy import retention
from compliance.privacy.models import RetentionRule, RetentionRun
from config.lib.admin import ReadOnlyAdmin
from config.lib.admin.asking import access_of, require
from config.lib.admin.forms import dress
from config.lib.errors import InvalidInput

_MANAGE = "privacy.manage"
_RUNS_SHOWN = 10


class RulesForm(forms.Form):
    """Days for each kind; empty keeps it for ever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for rule in retention.rules():
            self.fields[rule.kind.name] = forms.IntegerField(
                label=rule.kind.title,
                required=False,
                min_value=rule.kind.least_days,
                max_value=retention.LONGEST_DAYS,
                initial=rule.days,
                help_text=f"{rule.kind.explanation} At least {rule.kind.least_days} days.",
                widget=forms.NumberInput(attrs={"placeholder": "for ever"}),
            )
        dress(self)


@admin.register(RetentionRule)
class RetentionRuleAdmin(ReadOnlyAdmin[RetentionRule]):
    """The rules of the business."""

    permissions: ClassVar[dict[str, str]] = {"view": _MANAGE}
    list_display = ("kind", "days")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the rules, count what they would remove, or save them."""
        require(request, _MANAGE)
        request.current_app = self.admin_site.name
        form = RulesForm(request.POST or None)
        counts: dict[str, int] | None = None
        if request.method == "POST" and form.is_valid():
            if "preview" not in request.POST:
                return self._save(request, form)
            counts = retention.preview(now=timezone.now(), days=form.cleaned_data)
        rows = [
            {"field": form[name], "count": None if counts is None else counts[name]}
            for name in retention.kinds()
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "How long data is kept",
            "form": form,
            "rows": rows,
            "has_preview": counts is not None,
            "most": retention.MOST_COUNTED,
            "fixed": retention.FIXED,
            "runs": _runs(),
            "now": timezone.now(),
        }
        return TemplateResponse(request, "admin/privacy/retention.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the one page all rules are on."""
        super().change_view(request, object_id, form_url, extra_context)
        return HttpResponseRedirect(reverse("admin:compliance_retentionrule_changelist"))

    def _save(self, request: HttpRequest, form: RulesForm) -> HttpResponse:
        by, now, changed = access_of(request), timezone.now(), 0
        held = {rule.kind.name: rule.days for rule in retention.rules()}
        for name, days in form.cleaned_data.items():
            if days == held[name]:
                continue
            try:
                retention.set_days(kind=name, days=days, by=by, now=now)
            except InvalidInput as error:
                flash.error(request, error.detail)
                continue
            changed += 1
        flash.success(request, "Saved. The rules are applied every night.")
        return HttpResponseRedirect(reverse("admin:compliance_retentionrule_changelist"))


def _runs() -> list[dict[str, Any]]:
    titles = {name: kind.title for name, kind in retention.kinds().items()}
    return [
        {
            "at": run.started_at,
            "finished_at": run.finished_at,
            "removed": [
                (titles.get(name, name), count) for name, count in sorted(run.removed.items())
            ],
        }
        for run in RetentionRun.objects.order_by("-id")[:_RUNS_SHOWN]
    ]
