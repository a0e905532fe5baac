"""Buttons of the admin: each makes one domain call and says what it did.

`verb` is a button above a list or a row, `bulk` an entry of the list's action menu. A button is
always a POST: opening its address shows what it will do and asks. A refusal of the domain comes
back as a sentence, never as an error page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages as flash
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from unfold.enums import ActionVariant

from config.lib import outward
from config.lib.admin.asking import access_of, allows, allows_some, require
from config.lib.admin.forms import OperatorForm
from config.lib.errors import ProjectError

Outcome = str | HttpResponseBase | None


@dataclass(frozen=True, slots=True)
class Call:
    """What a button was pressed with. `obj` is None above a list; `by` is the reader's access.

    A button with `in_steps` calls `keep_rights` first in each transaction of its own.
    """

    request: HttpRequest
    obj: Any
    data: dict[str, Any]
    by: Any
    now: datetime
    keep_rights: outward.KeepRights = outward.nobodys_rights


@dataclass(frozen=True, slots=True)
class Verb:
    """How a button looks and who may press it.

    `form` is asked first; `confirm` is a sentence to agree to; with neither, one click does it.
    `when` hides the button on rows it does not fit. One that calls over the network says
    `in_steps`: no transaction is open around it.
    """

    title: str
    permission: str
    icon: str = ""
    form: type[OperatorForm] | None = None
    confirm: str = ""
    submit: str = ""
    variant: ActionVariant = ActionVariant.DEFAULT
    when: Callable[[Any], bool] | None = None
    is_for_platform: bool = False
    in_steps: bool = False

    def is_open_to(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the reader may press it, on this row when one is given."""
        if not self.allows(request, obj):
            return False
        return obj is None or self.when is None or self.when(obj)

    def allows(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the reader holds the permission, for this row when one is given."""
        if self.is_for_platform and getattr(request.user, "is_platform_admin", False):
            return True
        return bool(self.permission) and allows(request, self.permission, obj)

    def allows_some(self, request: HttpRequest) -> bool:
        """Tell whether the reader holds the permission for any row at least."""
        return self.allows(request) or allows_some(request, self.permission)


def verb(title: str, *, permission: str, **options: Any) -> Callable[[Any], Any]:
    """Make a method `(self, call: Call) -> sentence or response` a button of the page.

    Name the method in `actions_detail`, `actions_row` or `actions_list`. Options are those of
    `Verb`.
    """
    spec = Verb(title, permission, **options)

    def decorate(method: Callable[[Any, Call], Outcome]) -> Callable[..., HttpResponseBase]:
        @wraps(method)
        def view(
            admin: Any, request: HttpRequest, object_id: str | None = None
        ) -> HttpResponseBase:
            return _Press(admin, request, spec, method, object_id).respond()

        marks = {
            "verb": spec,
            "in_steps": spec.in_steps,
            "short_description": title,
            "icon": spec.icon or None,
            "variant": spec.variant,
            "original_function_name": method.__name__,
            "attrs": {} if spec.form or spec.confirm else {"data-post": True},
        }
        for name, value in marks.items():
            setattr(view, name, value)
        return view

    return decorate


def bulk(title: str, *, permission: str) -> Callable[[Any], Any]:
    """Make a method `(self, call, rows) -> sentence` an entry of the list's action menu."""

    def decorate(method: Callable[[Any, Call, QuerySet[Any]], str]) -> Callable[..., None]:
        @wraps(method)
        def action(admin: Any, request: HttpRequest, rows: QuerySet[Any]) -> None:
            require(request, permission)
            call = Call(request, None, {}, access_of(request), timezone.now())
            try:
                flash.success(request, method(admin, call, rows))
            except ProjectError as error:
                flash.error(request, error.detail)

        action.short_description = title  # type: ignore[attr-defined]  # Django's way
        action.permission = permission  # type: ignore[attr-defined]  # ours, read by the bases
        return action

    return decorate


@dataclass
class _Press:
    """One press of a button."""

    admin: Any
    request: HttpRequest
    spec: Verb
    method: Callable[[Any, Call], Outcome]
    object_id: str | None
    obj: Any = field(default=None, init=False)

    def respond(self) -> HttpResponseBase:
        is_about_row = self.object_id is not None
        if not (self.spec.allows_some if is_about_row else self.spec.allows)(self.request):
            raise self._denied()
        if self.object_id is not None:
            self.obj = self._find(self.object_id)
            self._require()
        if not self.spec.is_open_to(self.request, self.obj):
            flash.warning(self.request, f"“{self.spec.title}” does not fit the state it is in now.")
            return self._back()
        form = self._form()
        if self.request.method == "POST" and (form is None or form.is_valid()):
            return self._do(form)
        return self._ask(form)

    def _require(self) -> None:
        if not self.spec.allows(self.request, self.obj):
            raise self._denied()

    def _denied(self) -> PermissionDenied:
        return PermissionDenied(f"This needs the permission {self.spec.permission}.")

    def _keep_rights(self) -> None:
        """Ask the reader's rights again, and keep them until the transaction ends."""
        import_string(settings.HOLD_RIGHTS)(self.request)
        self._require()

    def _find(self, object_id: str) -> Any:
        found = self.admin.get_object(self.request, unquote(object_id))
        if found is None:
            raise Http404
        return found

    def _form(self) -> OperatorForm | None:
        if self.spec.form is None:
            return None
        given = (self.request.POST, self.request.FILES) if self.request.method == "POST" else ()
        return self.spec.form(*given, request=self.request, obj=self.obj)

    def _do(self, form: OperatorForm | None) -> HttpResponseBase:
        data = form.cleaned_data if form else {}
        by, now = access_of(self.request), timezone.now()
        keep = self._keep_rights if self.spec.in_steps else outward.nobodys_rights
        try:
            outcome = self.method(
                self.admin, Call(self.request, self.obj, data, by, now, keep_rights=keep)
            )
        except ProjectError as error:
            return self._refused(form, error)
        if isinstance(outcome, HttpResponseBase):
            return outcome
        if outcome:
            flash.success(self.request, outcome)
        return self._back()

    def _refused(self, form: OperatorForm | None, error: ProjectError) -> HttpResponseBase:
        if form is None:
            flash.error(self.request, error.detail)
            return self._back()
        form.add_error(error.attr if error.attr in form.fields else None, error.detail)
        return self._ask(form)

    def _ask(self, form: OperatorForm | None) -> HttpResponse:
        self.request.current_app = self.admin.admin_site.name
        context = {
            **self.admin.admin_site.each_context(self.request),
            "opts": self.admin.opts,
            "title": self.spec.title,
            "subtitle": str(self.obj) if self.obj is not None else None,
            "original": self.obj,
            "form": form,
            "confirm": self.spec.confirm,
            "submit": self.spec.submit or self.spec.title,
            "is_danger": self.spec.variant is ActionVariant.DANGER,
            "has_files": bool(form and form.is_multipart()),
            "back_url": self._back_url(),
            "media": form.media if form else "",
        }
        return TemplateResponse(self.request, "admin/verb.html", context)

    def _back(self) -> HttpResponse:
        return HttpResponseRedirect(self._back_url())

    def _back_url(self) -> str:
        opts, site = self.admin.opts, self.admin.admin_site.name
        base = f"{site}:{opts.app_label}_{opts.model_name}"
        if self.obj is not None and self.admin.has_view_or_change_permission(self.request):
            return reverse(f"{base}_change", args=[self.obj.pk])
        return reverse(f"{base}_changelist")
