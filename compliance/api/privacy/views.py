"""Privacy requests: open, follow, download what came of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as dj
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Access
from compliance.api.privacy import serializers
from compliance.privacy import export, requests
from compliance.privacy.export import NotReady
from compliance.privacy.models import PrivacyRequest
from config.lib import addresses, streams
from config.lib.api.filters import StrictFilterSet, require_known
from config.lib.api.views import ApiView, ApiViewSet
from config.lib.errors import InvalidInput, NotAllowed, NotFound

_MANAGE = "privacy.manage"


class RequestFilter(StrictFilterSet):
    """Requests by kind, status and deadline."""

    kind = dj.ChoiceFilter(choices=PrivacyRequest.Kind.choices)
    status = dj.ChoiceFilter(choices=PrivacyRequest.Status.choices)
    due_at__gte = dj.IsoDateTimeFilter(field_name="due_at", lookup_expr="gte")
    due_at__lt = dj.IsoDateTimeFilter(field_name="due_at", lookup_expr="lt")

    class Meta:
        model = PrivacyRequest
        fields = ("kind", "status")


class Requests(ListModelMixin, ApiViewSet):
    """What people asked about their data."""

    permission = _MANAGE
    queryset = PrivacyRequest.objects.none()
    serializer_class = serializers.RequestOutput
    filterset_class = RequestFilter

    def get_queryset(self) -> QuerySet[PrivacyRequest]:
        """Return the requests of the business."""
        return requests.list_newest_first()

    def get_serializer_context(self) -> dict[str, Any]:
        """Tell the serializer what time it is."""
        return {**super().get_serializer_context(), "now": timezone.now()}

    @extend_schema(request=serializers.RequestInput, responses={201: serializers.RequestOutput})
    def create(self, request: Request) -> Response:
        """Note what a person asks for and, unless told otherwise, begin at once.

        An erasure cannot be taken back.
        """
        given = _valid(request)
        by, now = _caller(request), timezone.now()
        with transaction.atomic():
            made = requests.open_(
                kind=PrivacyRequest.Kind(given["kind"]),
                person=_person(given),
                by=by,
                now=now,
                **{
                    name: given[name]
                    for name in ("asked_by", "channel", "note", "received_at", "due_at")
                    if name in given
                },
            )
            if given["start"]:
                made = requests.start(made, by=by, now=now)
        return _shown(made, 201)

    @extend_schema(responses=serializers.RequestOutput)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Return a request with its progress, or its certificate."""
        return _shown(_get(pk), 200)


class Start(ApiView):
    """Requests that wait."""

    permission = _MANAGE

    @extend_schema(request=None, responses={202: serializers.RequestOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Begin with a request that was only noted, or try again one that failed."""
        started = requests.start(_get(pk), by=_caller(request), now=timezone.now())
        return _shown(started, 202)


class Withdraw(ApiView):
    """Requests that are not needed any more."""

    permission = _MANAGE

    @extend_schema(request=None, responses={200: serializers.RequestOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Close a request nothing was done about."""
        closed = requests.withdraw(_get(pk), by=_caller(request), now=timezone.now())
        return _shown(closed, 200)


class Download(ApiView):
    """What came of a request."""

    permission = _MANAGE

    @extend_schema(
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            (200, "application/json"): OpenApiTypes.OBJECT,
        }
    )
    def get(self, request: Request, pk: UUID) -> HttpResponseBase:
        """Return the copy of the data as a ZIP, or the signed certificate of an erasure."""
        require_known(request, ())
        found, by = _get(pk), _caller(request)
        if found.kind == PrivacyRequest.Kind.ERASURE:
            return _certificate(found)
        opened = export.open_copy(found, by=by, now=timezone.now())
        answer: FileResponse = streams.file(
            request._request, opened, content_type="application/zip", filename=f"{found.pk}.zip"
        )
        return answer


def _certificate(found: PrivacyRequest) -> HttpResponse:
    if found.certificate is None:
        raise NotReady("There is no certificate yet: the erasure is not done.")
    return HttpResponse(
        orjson.dumps(found.certificate, option=orjson.OPT_INDENT_2),
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="certificate-{found.pk}.json"',
            "Cache-Control": "no-store",
        },
    )


def _shown(row: PrivacyRequest, status: int) -> Response:
    context = {"now": timezone.now()}
    return Response(serializers.RequestOutput(row, context=context).data, status=status)


def _person(given: dict[str, Any]) -> Any:
    if "contact" in given:
        try:
            return requests.identify(contact_id=given["contact"])
        except requests.NobodyKnown as error:
            raise InvalidInput(error.detail, code="unknown_contact", attr="contact") from error
    return requests.identify(address=addresses.Address(given["phone_number"]).key)


def _valid(request: Request) -> dict[str, Any]:
    checked = serializers.RequestInput(data=request.data, context={"request": request})
    checked.is_valid(raise_exception=True)
    data: dict[str, Any] = checked.validated_data
    return data


def _get(pk: UUID) -> PrivacyRequest:
    found = requests.list_newest_first().filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such request.")
    return found


def _caller(request: Request) -> Access:
    caller = access.of(request._request)
    if caller is None:
        raise NotAllowed("Sign in first.")
    return caller
