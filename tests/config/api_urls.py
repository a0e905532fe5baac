"""Views only tests use, each showing one thing the bases of the API promise."""

from datetime import UTC, datetime
from typing import Any, ClassVar

import redis
from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django_filters import CharFilter, DateTimeFilter
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import standing, tenancy
from accounts.models import Business
from config.lib.api import fields, pages, permissions
from config.lib.api.filters import StrictFilterSet
from config.lib.api.views import ApiGenericView, ApiView
from config.lib.errors import Conflict, InvalidInput, NotAllowed, NotFound, TooMany, Unavailable

FAILURES: dict[str, Exception] = {
    "invalid": InvalidInput("Bad.", attr="name", extra={"findings": [1]}),
    "not_allowed": NotAllowed("No."),
    "not_found": NotFound("Gone."),
    "conflict": Conflict("Not now.", code="last_owner"),
    "too_many": TooMany("Slow.", retry_after_seconds=7),
    "unavailable": Unavailable("Down.", retry_after_seconds=3),
    "database": OperationalError("server closed the connection"),
    "range": DataError("integer out of range"),
    "redis": redis.ConnectionError("refused"),
    "bug": RuntimeError("secret detail"),
}


class Failing(ApiView):
    """Fails in the way its address names."""

    permission = permissions.PUBLIC

    def get(self, request: Request, kind: str) -> Response:
        raise FAILURES[kind]


class Input(serializers.Serializer[Any]):
    """What Echo reads."""

    to = fields.Address(required=False)
    phone = fields.PhoneNumber(required=False)
    at = fields.Instant(required=False)
    name = serializers.CharField(required=False)
    count = serializers.IntegerField(required=False)
    metadata = serializers.JSONField(required=False)


class Echo(ApiView):
    """Returns what it read."""

    permissions: ClassVar[dict[str, str]] = {
        "GET": "messages.view",
        "POST": permissions.SIGNED_IN,
    }

    def get(self, request: Request) -> Response:
        return Response({"at": datetime(2026, 11, 20, 12, tzinfo=UTC)})

    def post(self, request: Request) -> Response:
        read = Input(data=request.data, context={"request": request})
        read.is_valid(raise_exception=True)
        return Response(Input(read.validated_data).data)


class Upload(ApiView):
    """Counts the bytes of a file."""

    permission = permissions.SIGNED_IN
    parser_classes = [MultiPartParser]

    def post(self, request: Request) -> Response:
        data: Any = request.data
        return Response({"size": data["file"].size})


class BusinessFilter(StrictFilterSet):
    """Filters of the list."""

    name = CharFilter()
    created_at__gte = DateTimeFilter(field_name="created_at", lookup_expr="gte")

    class Meta:
        model = Business
        fields = ["name"]


class Row(serializers.ModelSerializer[Business]):
    """One business."""

    class Meta:
        model = Business
        fields = ["id", "name"]


class Businesses(ListModelMixin, ApiGenericView):
    """Lists businesses; opens one, and fails after the fact when asked to."""

    permission = permissions.SIGNED_IN
    queryset = Business.objects.all()
    serializer_class = Row
    filterset_class = BusinessFilter
    query_params = ("tz",)

    @tenancy.across(tenancy.Door.COMMAND)
    def get(self, request: Request) -> Response:
        return self.list(request)

    @tenancy.across(tenancy.Door.COMMAND)
    def post(self, request: Request) -> Response:
        data: Any = request.data
        name = data["name"]
        made = Business.objects.create(name=name, slug=name)
        match data.get("then"):
            case "conflict":
                raise Conflict("Not now.", code="sender_paused")
            case "unavailable":
                raise Unavailable("Down.")
            case "bug":
                raise RuntimeError("after the fact")
            case "wait":
                standing.change([data["whom"]])
        return Response(Row(made).data, status=201)


def django_failing(request: HttpRequest, kind: str) -> HttpResponse:
    """Fail outside of REST framework."""
    raise FAILURES[kind]


handler400 = pages.bad_request
handler403 = pages.permission_denied
handler404 = pages.page_not_found
handler500 = pages.server_error

urlpatterns = [
    path("api/failing/<str:kind>", Failing.as_view()),
    path("api/django-failing/<str:kind>", django_failing),
    path("api/echo", Echo.as_view()),
    path("api/upload", Upload.as_view()),
    path("api/businesses", Businesses.as_view()),
    path("api/text/<str:kind>", Failing.as_view()),
    re_path(r"^api/", pages.no_such_route),
]
