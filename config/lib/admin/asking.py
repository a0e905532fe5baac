"""Ask what the reader of a page may do. `request.access` is set by accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

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


def in_steps(view: View) -> View:
    """Mark a page that commits in transactions of its own, and keeps its rights in each."""
    view.in_steps = True  # type: ignore[attr-defined]  # functions take any
    return view
