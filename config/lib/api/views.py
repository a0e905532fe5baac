"""Bases of all API views: they declare a permission, and nothing a client sends breaks them."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string
from rest_framework.exceptions import NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from config.lib import deadlocks
from config.lib.api import idempotency, parsers, permissions
from config.lib.errors import ProjectError

_METHODS = ("get", "post", "put", "patch", "delete")


class ApiMixin(APIView):
    """Declares `permission` or `permissions`, answers a repeated POST once.

    Views that are bases of others set `abstract = True`. A POST that may be repeated at will,
    such as a sign-in, sets `idempotent = False`. One with `by_object = True` also admits those who
    hold the permission for single objects; it limits its rows and asks `access.allows` of each.
    What asks Meta does so in `prepare`, before anything is locked.
    One with `in_steps = True` commits its work in transactions of its own, each of which begins
    with `keep_rights`.
    """

    abstract: ClassVar[bool] = True
    permission: ClassVar[str | None] = None
    permissions: ClassVar[dict[str, str]] = {}
    query_params: ClassVar[tuple[str, ...]] = ()
    idempotent: ClassVar[bool] = True
    by_object: ClassVar[bool] = False
    in_steps: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a view that forgot to say who may use it."""
        super().__init_subclass__(**kwargs)
        cls.abstract = bool(cls.__dict__.get("abstract", False))
        if cls.abstract:
            return
        if not (cls.permission or cls.permissions):
            raise TypeError(f"{cls.__name__} declares no permission")
        for method in _METHODS:
            if hasattr(cls, method) and permissions.declared(cls, method.upper()) is None:
                raise TypeError(f"{cls.__name__} declares no permission for {method.upper()}")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse text no row could hold, then check who asks and how often."""
        for values in request.query_params.lists():
            for text in (values[0], *values[1]):
                parsers.require_clean(text)
        if any("\x00" in value for value in kwargs.values() if isinstance(value, str)):
            raise NotFound
        super().initial(request, *args, **kwargs)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Do what REST framework does, with a POST answered once per idempotency key."""
        self.args, self.kwargs = args, kwargs
        self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            self.initial(self.request, *args, **kwargs)
            response = self._respond_with_rights(self._prepared(self._handler()))
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(self.request, response, *args, **kwargs)
        return self.response

    def prepare(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask other systems what a change needs of them, outside of its transaction.

        It may run more than once for one change, and does not know yet whether the request is a
        repeated one: leave nothing behind that must happen once.
        """

    def _prepared(self, handler: Callable[..., Response]) -> Callable[[], Response]:
        """Prepare a change; a failure is raised where a stored answer goes first."""
        try:
            if self.request.method not in SAFE_METHODS:
                self.prepare(self.request, *self.args, **self.kwargs)
        except Exception as error:
            return partial(_fail, error)
        return partial(handler, self.request, *self.args, **self.kwargs)

    def _respond_with_rights(self, respond: Callable[[], Response]) -> Response:
        """Let nobody lose the right to a change before the change is committed.

        The caller's rights are locked and asked again inside the transaction of the change.
        """
        is_safe = self.request.method in SAFE_METHODS
        if is_safe or self.in_steps or getattr(self.request, "access", None) is None:
            return self._respond(respond)

        def act() -> Response:
            self.keep_rights()
            return self._kept(partial(self._respond, respond))

        return deadlocks.retry(act)

    def keep_rights(self) -> None:
        """Ask the caller's rights again, and keep them until the transaction ends."""
        if self.in_steps:
            idempotency.begin_step(self.request)
        import_string(settings.HOLD_RIGHTS)(self.request._request)
        self.check_permissions(self.request)

    def _handler(self) -> Callable[..., Response]:
        name = (self.request.method or "").lower()
        known = name in self.http_method_names
        handler: Callable[..., Response] = (
            getattr(self, name, self.http_method_not_allowed)
            if known
            else self.http_method_not_allowed
        )
        return handler

    def _respond(self, respond: Callable[[], Response]) -> Response:
        if self.request.method != "POST" or not self.idempotent:
            return respond()
        kept = partial(self._kept, respond)
        once = idempotency.respond_in_steps if self.in_steps else idempotency.respond_once
        return once(self.request, kept, self.handle_exception)

    def _kept(self, respond: Callable[[], Response]) -> Response:
        """Answer a refusal that leaves work behind where its transaction is not taken back."""
        try:
            return respond()
        except ProjectError as error:
            if not error.keeps_work:
                raise
            return self.handle_exception(error)


def _fail(error: Exception) -> Response:
    raise error


class ApiView(ApiMixin, APIView):
    """A view with one method per verb."""

    abstract = True


class ApiGenericView(ApiMixin, GenericAPIView[Any]):
    """A view over a queryset: filters, pages, objects."""

    abstract = True


class ApiViewSet(ApiMixin, GenericViewSet[Any]):
    """A resource: list, retrieve, create and further actions."""

    abstract = True
