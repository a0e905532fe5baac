"""Django's own error pages: below /api/ they have the API's error body."""

import sys

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin
from django.views import csrf, defaults
from rest_framework import exceptions

from config.lib.api import errors

API_PREFIX = "/api/"
ADMIN_PREFIX = "/admin/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 for a body that is too large."""
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return _answer(errors.known(exception) or exceptions.ParseError("The request is malformed."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    if not _is_api(request):
        return defaults.permission_denied(request, exception)
    return _answer(exceptions.PermissionDenied())


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return _answer(exceptions.NotFound())


class OwnNotFound(MiddlewareMixin):
    """Shows our own page for what is not found in the admin, where DEBUG shows Django's."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 404; leave everything else to others."""
        if isinstance(exception, Http404) and request.path.startswith(ADMIN_PREFIX):
            return page_not_found(request, exception)
        return None


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 while a dependency is down."""
    if not _is_api(request):
        return defaults.server_error(request)
    error = sys.exc_info()[1]
    known = errors.known(error) if error else None
    return _answer(known or exceptions.APIException("Server Error (500)"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form without its token."""
    if not _is_api(request):
        return csrf.csrf_failure(request, reason=reason)
    return _answer(exceptions.PermissionDenied("The CSRF token is missing or wrong."))


def no_such_route(request: HttpRequest) -> HttpResponse:
    """Answer 404 to any address below /api/ that no view serves, in debug as well."""
    return _answer(exceptions.NotFound())


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_PREFIX)


def _answer(error: exceptions.APIException) -> JsonResponse:
    response = JsonResponse(errors.body_of(error), status=error.status_code)
    if wait := getattr(error, "wait", None):
        response["Retry-After"] = str(wait)
    return response
