"""What the pages of this app share: how one is shown, who reads it, live answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts import access
from accounts.access import Access
from accounts.models import Business, User
from config.lib.admin import asking
from config.lib.errors import ProjectError

Handler = Callable[..., HttpResponseBase]


def show(
    admin: Any, request: HttpRequest, template: str, /, *, title: str, **context: Any
) -> TemplateResponse:
    """Return a page of the admin made from one of this app's templates."""
    request.current_app = admin.admin_site.name
    return TemplateResponse(
        request,
        f"admin/messaging/{template}.html",
        {
            **admin.admin_site.each_context(request),
            "opts": admin.opts,
            "title": title,
            "may": May(request),
            **context,
        },
    )


class May:
    """What the reader may do, for templates: `{% if may.contacts_manage %}`."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __getitem__(self, name: str) -> bool:
        permission = name.replace("_", ".", 1)
        return asking.allows(self._request, permission)


def needs(
    permission: str, *, change: str = "", by_object: bool = False
) -> Callable[[Handler], Handler]:
    """Ask the reader's permission before a page; `change` before a POST to it.

    With `by_object` holding it for any object is enough: the page asks about its own.
    """
    ask = asking.require_some if by_object else asking.require

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def page(admin: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            is_change = request.method == "POST" and change
            ask(request, change if is_change else permission)
            return handler(admin, request, *args, **kwargs)

        return page

    return decorate


def route(admin: Any, pattern: str, handler: Handler, name: str) -> URLPattern:
    """Return the address of a page under the model's own."""
    opts = admin.opts
    view: Handler = admin.admin_site.admin_view(handler)
    found: URLPattern = path(pattern, view, name=f"{opts.app_label}_{opts.model_name}_{name}")
    return found


def find_allowed(request: HttpRequest, rows: QuerySet[Any], key: object, permission: str) -> Any:
    """Return a row the reader holds the permission for, else 404; 403 names what they lack."""
    found = find(rows, key)
    if not asking.allows(request, permission, found):
        raise PermissionDenied(f"This needs the permission {permission}.")
    return found


def find(rows: QuerySet[Any], key: object) -> Any:
    """Return a row of the business in scope, else 404."""
    try:
        found = rows.filter(pk=key).first()
    except (ValueError, TypeError, ValidationError) as error:
        raise Http404 from error  # no key at all
    if found is None:
        raise Http404
    return found


def caller(request: HttpRequest) -> Access:
    """Return who reads the page, in the business of the session."""
    found = access.of(request)
    if found is None:
        raise Http404
    return found


def reader(request: HttpRequest) -> User:
    """Return who reads the page."""
    user = request.user
    if not isinstance(user, User):
        raise Http404
    return user


def business_of(request: HttpRequest) -> Business:
    """Return the business of the session."""
    access = asking.access_of(request)
    if access is None or access.business is None:
        raise Http404
    business: Business = access.business
    return business


def refused(request: HttpRequest, error: ProjectError, back: str) -> HttpResponse:
    """Go back with the refusal as a sentence."""
    flash.error(request, error.detail)
    return HttpResponseRedirect(back)


def fragment(request: HttpRequest, name: str, /, **context: Any) -> str:
    """Return a piece of a page."""
    found: str = render_to_string(
        f"admin/messaging/parts/{name}.html", {"may": May(request), **context}, request
    )
    return found


def live(
    html: dict[str, str], *, version: str = "", is_done: bool = False, is_changed: bool = False
) -> JsonResponse:
    """Return what `live.js` shows; `is_changed` loads the whole page anew."""
    return JsonResponse(
        {"html": html, "version": version, "done": is_done, "reload": is_changed},
        headers={"Cache-Control": "no-store"},
    )
