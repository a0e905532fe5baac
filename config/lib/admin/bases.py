"""Bases of every page: rows of one business, rights of the reader, refusals as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.conf import settings
from django.contrib import admin
from django.contrib import messages as flash
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.text import capfirst

from config.lib.admin import lists, related
from config.lib.admin.asking import access_of, allows, allows_some, is_platform_admin
from config.lib.admin.empty import EmptyState
from config.lib.errors import ProjectError

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

M = TypeVar("M", bound=Model)

# What a search may do on a table of any size: both are served by an index.
INDEXED_LOOKUPS = ("__exact", "__startswith")
_REFUSAL = "_domain_refusal"


class TenantAdmin(ModelAdmin[M]):
    """Pages of rows that belong to the business of the session.

    `permissions` names what `view`, `add`, `change` and `delete` need; what is not named nobody
    may do. Rows come from the model's own manager, so a row of another business is not found:
    404, like one that does not exist. Lists are pages by key and count nothing; a search is exact
    or by prefix unless `is_small` says the table stays small; `list_key` names a field to page by
    instead of the primary key. A refusal of the domain in
    `save_model` comes back on the form. With `by_object` those who hold a permission for single
    rows see and use these. Where `crosses_businesses` is set, the database shows a platform admin
    rows of every business and of none: `get_queryset` says which of them.
    """

    permissions: ClassVar[Mapping[str, str]] = {}
    by_object: ClassVar[bool] = False
    empty_state: ClassVar[EmptyState | None] = None
    is_small: ClassVar[bool] = False
    crosses_businesses: ClassVar[bool] = False
    list_key: ClassVar[str] = ""

    actions: Any = ()
    list_per_page = 50
    show_full_result_count = False
    sortable_by: ClassVar[Any] = ()
    list_filter_submit = False
    list_disable_select_all = True
    warn_unsaved_form = True
    view_on_site = False
    save_on_top = False

    def __init__(self, model: type[M], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        slow = [name for name in self.search_fields if not name.endswith(INDEXED_LOOKUPS)]
        if slow and not self.is_small:
            raise ImproperlyConfigured(
                f"{type(self).__name__}: search {slow} exactly or by prefix, or say is_small."
            )

    # who may do what

    def holds(self, request: HttpRequest, what: str, obj: Any = None) -> bool:
        """Tell whether the reader may view, add, change or delete here, or do so to `obj`."""
        permission = self.permissions.get(what, "")
        if self.by_object and obj is None and what != "add":
            return allows_some(request, permission)
        return allows(request, permission, obj if self.by_object else None)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for the permission named for `view`, or the one to change."""
        return self.holds(request, "view", obj) or self.holds(request, "change", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Ask for the permission named for `add`."""
        return self.holds(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for the permission named for `change`."""
        return self.holds(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for the permission named for `delete`."""
        return self.holds(request, "delete", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the page in lists of pages to those who may view it."""
        return self.has_view_permission(request)

    # buttons

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out the entries of the action menu the reader may not use."""
        found: dict[str, Any] = super().get_actions(request)
        return {
            name: entry
            for name, entry in found.items()
            if allows(request, getattr(entry[0], "permission", ""))
        }

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        """Return the buttons above the list."""
        return self._open_verbs(request, super().get_actions_list(request))  # type: ignore[misc]  # unfold's

    def get_actions_row(self, request: HttpRequest) -> list[Any]:
        """Return the buttons of each row."""
        return self._open_verbs(request, super().get_actions_row(request))  # type: ignore[misc]  # unfold's

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the buttons of one row's page."""
        actions = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # unfold's
        obj = self.get_object(request, str(object_id)) if actions else None
        return self._open_verbs(request, actions, obj)

    def _open_verbs(self, request: HttpRequest, actions: list[Any], obj: Any = None) -> list[Any]:
        return [one for one in actions if one.method.verb.is_open_to(request, obj)]

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[M], *args: Any, **kwargs: Any
    ) -> Any:
        """Act on the rows ticked only: "all rows" of a big table is no safe thing to ask for."""
        post = request.POST.copy()
        post["select_across"] = "0"
        request.POST = post  # type: ignore[assignment]  # Django hands its own request on
        return super().response_action(request, queryset, *args, **kwargs)

    # lists

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        """Page by key."""
        return lists.KeyChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the list under the name of its rows."""
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, title | (extra_context or {}))

    # rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """Return the rows of the business; of these only the reader's, where rights are by row."""
        rows = super().get_queryset(request)
        access = access_of(request)
        if not self.by_object or access is None:
            return rows
        limited: QuerySet[M] = access.limit(self.permissions.get("view", ""), rows)
        return limited

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        raise Http404

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer people of this business; other relations are scoped by their manager."""
        if db_field.remote_field.model is get_user_model() and "queryset" not in kwargs:
            access = access_of(request)
            business = access.business if access else None
            people = get_user_model()._default_manager.filter(memberships__business=business)
            kwargs["queryset"] = people.order_by("name", "pk")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show or save a row; put a refusal of the domain on the form."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except ProjectError as error:
            if request.method != "POST" or hasattr(request, _REFUSAL):
                raise
            setattr(request, _REFUSAL, error)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self, request: HttpRequest, obj: M | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form; after a refusal, one that carries it."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        error: ProjectError | None = getattr(request, _REFUSAL, None)
        return form if error is None else _refusing(form, error)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Link to the rows this one names only where the reader may open them."""
        shown = context | {"adminform": related.ReaderForm(context["adminform"], request)}
        return super().render_change_form(request, shown, *args, **kwargs)

    # no second trail beside the audit

    def log_addition(self, *_: Any, **__: Any) -> Any:
        """Leave the record to the audit trail."""

    def log_change(self, *_: Any, **__: Any) -> Any:
        """Leave the record to the audit trail."""

    def log_deletions(self, *_: Any, **__: Any) -> Any:
        """Leave the record to the audit trail."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show what the audit trail holds about this row."""
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        if not (self.has_view_permission(request, obj) and allows(request, "audit.view")):
            raise PermissionDenied("This needs the permission audit.view.")
        request.current_app = self.admin_site.name
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_change"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": f"History: {obj}",
            "entries": import_string(settings.HISTORY)(obj, self.history_id(obj)),
            "search_url": reverse("admin:compliance_auditentry_changelist"),
            "back_url": reverse(name, args=[obj.pk]),
        }
        return TemplateResponse(request, "admin/history.html", context | (extra_context or {}))

    def history_id(self, obj: M) -> str:
        """Return the id the audit trail knows this row by."""
        return str(obj.pk)

    def back_to_list(self, request: HttpRequest, sentence: str) -> HttpResponse:
        """Say what was done and show the list: for a row that is gone."""
        flash.success(request, sentence)
        name = f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_changelist"
        return HttpResponseRedirect(reverse(name))


class ReadOnlyAdmin(TenantAdmin[M]):
    """Pages nobody writes through, whatever they may do elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False


class PlatformAdmin(TenantAdmin[M]):
    """Pages of the installation as a whole: for platform admins, in whatever business they are."""

    is_small = True

    def holds(self, request: HttpRequest, what: str, obj: Any = None) -> bool:
        """Ask for a platform admin, for what is named in `permissions`."""
        return what in self.permissions and is_platform_admin(request)


def _refusing(form: type[ModelForm[Any]], error: ProjectError) -> type[ModelForm[Any]]:
    clean: Callable[[Any], Any] = form.clean

    def clean_and_refuse(self: Any) -> Any:
        data = clean(self)
        self.add_error(error.attr if error.attr in self.fields else None, error.detail)
        return data

    return type(form.__name__, (form,), {"clean": clean_and_refuse})
