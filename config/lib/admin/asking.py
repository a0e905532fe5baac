"""Ask what the reader of a page may do. `request.access` is set by accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string

View = TypeVar("View", bound=Callable[..., Any])


def access_of(request: HttpRequest) -> Any:
    """Return the reader's access, None without a business."""
    return getattr(request, "access", None)


def allows(request: HttpRequest, permission: str, obj: Any = None) -> bool:
    """Tell whether the reader holds the permission in the business of the session, or on `obj`."""
    access = access_of(request)
    return bool(permission) and access is not None and access.allows(permission, obj)


def allows_some(request: HttpRequest, permission: str) -> bool:
    """Tell whether the reader holds the permission for the business or for any object of it."""
    access = access_of(request)
    return bool(permission) and access is not None and access.allows_some(permission)


def is_platform_admin(request: HttpRequest) -> bool:
    """Tell whether the reader looks after the whole installation."""
    user = request.user
    return bool(user.is_active and getattr(user, "is_platform_admin", False))


def require(request: HttpRequest, permission: str, obj: Any = None) -> None:
    """Raise PermissionDenied, naming the permission the reader lacks."""
    if not allows(request, permission, obj):
        raise PermissionDenied(f"This needs the permission {permission}.")


def require_some(request: HttpRequest, permission: str) -> None:
    """Raise PermissionDenied unless the reader holds the permission for any object at least."""
    if not allows_some(request, permission):
        raise PermissionDenied(f"This needs the permission {permission}.")


def opens(request: HttpRequest, obj: Model | None) -> bool:
    """Tell whether there is a page of this row and the reader may open it."""
    page = admin.site._registry.get(type(obj)) if obj is not None else None
    return page is not None and page.has_view_permission(request, obj)


def url_of(request: HttpRequest, model: str, id_: str) -> str:
    """Return the page of a row of `app.model`; empty unless it is there for the reader."""
    page = _page_of(model)
    obj = page.get_object(request, id_) if page else None
    if page is None or not opens(request, obj):
        return ""
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_change", args=[id_])


def url_of_list(request: HttpRequest, model: str) -> str:
    """Return the list of `app.model`; empty unless it is there for the reader."""
    page = _page_of(model)
    if page is None or not page.has_view_permission(request):
        return ""
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def _page_of(model: str) -> Any:
    try:
        return admin.site._registry.get(apps.get_model(model))
    except LookupError:
        return None


def keep_rights(request: HttpRequest, permission: str, obj: Any = None) -> None:
    """Ask the reader's rights again, and keep them until the transaction ends."""
    import_string(settings.HOLD_RIGHTS)(request)
    require(request, permission, obj)


def in_steps(view: View) -> View:
    """Mark a page that commits in transactions of its own, and keeps its rights in each."""
    view.in_steps = True  # type: ignore[attr-defined]  # functions take any
    return view
