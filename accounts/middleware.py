"""Opens the business of a request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts import tenancy


class BusinessMiddleware:
    """Give every request a clean scope; authentication or the admin enters the business."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tenancy.no_scope():
            return self.get_response(request)
