"""Which permission a view asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # REST framework's views import this module
    from rest_framework.views import APIView

# Not permissions of a role: anyone signed in; anyone at all.
SIGNED_IN: Final = "signed_in"
PUBLIC: Final = "public"


class RequiresPermission(BasePermission):
    """Asks `request.access` for the permission the view declares for the method.

    A view declares `permission = "messages.view"` for all its methods, or
    `permissions = {"GET": "messages.view", "POST": "messages.send"}`.
    """

    message: str | None = None
    code: str | None = None

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Say whether the caller may; the refusal names the permission."""
        needed = declared(view, request.method or "")
        if needed is None:
            raise MethodNotAllowed(request.method or "")
        if needed == PUBLIC:
            return True
        access = getattr(request, "access", None)
        if access is None:
            return False
        if needed == SIGNED_IN:
            return True
        self.code = "permission_denied"
        self.message = f"This needs the permission {needed}."
        if getattr(view, "by_object", False):
            return bool(access.allows_some(needed))
        return bool(access.allows(needed))


def declared(view: Any, method: str) -> str | None:
    """Return the permission a view or its class declares for a method, if any."""
    everywhere: str | None = getattr(view, "permission", None)
    by_method: dict[str, str] = getattr(view, "permissions", None) or {}
    return by_method.get("GET" if method == "HEAD" else method, everywhere)
