"""Consent: record it, take it back, show it, hand it out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Access
from compliance import audit, consent, imports, ledger, persons, proof
from compliance.api import filters, serializers
from compliance.models import Consent, ConsentEvent, ConsentStatus
from config.lib import streams
from config.lib.addresses import Address, InvalidAddress
from config.lib.api.fields import region_of
from config.lib.api.filters import require_known
from config.lib.api.pagination import CursorPage
from config.lib.api.views import ApiView, ApiViewSet
from config.lib.errors import NotAllowed, NotFound


class ConsentPage(CursorPage):
    """Pages of states, the last changed first."""

    ordering = ("-changed_at", "-id")


class Consents(ListModelMixin, ApiViewSet):
    """Who agreed to what."""

    permissions: ClassVar[dict[str, str]] = {"GET": "consent.view", "POST": "consent.manage"}
    queryset = Consent.objects.none()
    serializer_class = serializers.StateOutput
    filterset_class = filters.ConsentFilter
    pagination_class = ConsentPage

    def get_queryset(self) -> QuerySet[Consent]:
        """Return the states of the business."""
        rows: QuerySet[Consent] = Consent.objects.all()
        return rows

    @extend_schema(request=serializers.ConsentInput, responses={201: serializers.RecordedOutput})
    def create(self, request: Request) -> Response:
        """Record that a person agreed. One consent more; an older one changes nothing."""
        given = _valid(serializers.ConsentInput, request)
        return _record(
            request,
            given,
            status=ConsentStatus.OPTED_IN,
            reason=given["source"],
            wording=given["wording"],
            language=given["language"],
            evidence=given["proof"],
            occurred_at=given.get("occurred_at"),
        )

    @extend_schema(responses=serializers.PersonOutput)
    def retrieve(self, request: Request, phone_number: str) -> Response:
        """Return where a person stands, whether they may be messaged and why not, the ledger."""
        key = _key_of(request, phone_number)
        keys = persons.keys_of(key)
        lines = list(ledger.list_events(keys)[: serializers.MOST_LINES + 1])
        body = {
            "phone_number": key,
            "addresses": keys,
            "state": consent.state(keys, now=timezone.now()).values(),
            "ledger": lines[: serializers.MOST_LINES],
            "ledger_is_complete": len(lines) <= serializers.MOST_LINES,
        }
        return Response(serializers.PersonOutput(body).data)


class OptOut(ApiView):
    """Manual opt-outs."""

    permission = "consent.manage"

    @extend_schema(request=serializers.OptOutInput, responses={201: serializers.RecordedOutput})
    def post(self, request: Request) -> Response:
        """Record that a person wants no more messages in a scope, or none for `block_days`."""
        given = _valid(serializers.OptOutInput, request)
        days = given.get("block_days")
        if days is None:
            return _record(request, given, status=ConsentStatus.OPTED_OUT, reason=given["reason"])
        return _record(
            request,
            given,
            status=ConsentStatus.BLOCKED,
            reason=given["reason"],
            until=timezone.now() + timedelta(days=days),
        )


class Unsubscribe(ApiView):
    """STOPs from outside."""

    permission = "consent.manage"

    @extend_schema(
        request=serializers.UnsubscribeInput, responses={201: serializers.RecordedOutput}
    )
    def post(self, request: Request) -> Response:
        """Record a STOP that came by another channel: it ends every scope, whatever the word.

        A word that means start again is refused: 400 `start_word`.
        """
        given = _valid(serializers.UnsubscribeInput, request)
        return _record(
            request,
            {**given, "scope": "all"},
            status=ConsentStatus.OPTED_OUT,
            reason=f"Stop by {given['channel']}",
            evidence={"keyword": given["keyword"], "channel": given["channel"]},
        )


class Proof(ApiView):
    """One person's consent, as evidence."""

    permission = "consent.view"

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def get(self, request: Request, phone_number: str) -> HttpResponse:
        """Return a signed page (PDF) of what a person agreed to and refused, when and how."""
        require_known(request, ())
        key = _key_of(request, phone_number)
        return proof.answer(proof.make(key, by=_caller(request), now=timezone.now()))


class Import(ApiView):
    """Consents from a file."""

    permission = "consent.manage"
    parser_classes = (MultiPartParser,)
    in_steps = True

    @extend_schema(
        request={"multipart/form-data": serializers.ConsentImportInput},
        responses={200: serializers.ConsentImportOutput, 201: serializers.ConsentImportOutput},
    )
    def post(self, request: Request) -> Response:
        """Say row by row what a file would write; write it when asked to `commit`."""
        given = _valid(serializers.ConsentImportInput, request)
        by, file = _caller(request), given["file"]
        choices = imports.choices_of(given, business=by.business)
        asked: dict[str, Any] = {
            "file": file.file,
            "filename": file.name,
            "choices": choices,
            "now": timezone.now(),
        }
        if not given["commit"]:
            return Response(serializers.ConsentImportOutput(imports.preview(**asked)).data)
        report = imports.commit(**asked, by=by.user, keep_rights=self.keep_rights)
        return Response(serializers.ConsentImportOutput(report).data, status=201)


class Export(ApiView):
    """The ledger as a file."""

    permission = "consent.view"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream the whole ledger as CSV, oldest first."""
        require_known(request, ())
        by = _caller(request)
        audit.record(
            action="consent.exported", resource="consent", actor=by.user, actor_name=by.actor_name
        )
        return streams.download(
            request._request,
            streams.pieces(ledger.csv_lines()),
            content_type="text/csv; charset=utf-8",
            filename="consent.csv",
        )


@transaction.atomic
def _record(
    request: Request, given: dict[str, Any], *, status: ConsentStatus, **facts: Any
) -> Response:
    now, by = timezone.now(), _caller(request)
    key = serializers.key_of(given["phone_number"])
    reach = persons.keys_to_stop if status == ConsentStatus.OPTED_OUT else persons.keys_of
    keys = persons.hold(lambda: reach(key))
    occurred_at = facts.pop("occurred_at", None) or now
    events = consent.record(
        addresses=keys,
        scopes=consent.expand(given["scope"]),
        status=status,
        source=ConsentEvent.Source.API,
        occurred_at=occurred_at,
        now=now,
        actor=by.user,
        **facts,
    )
    audit.record(
        action=f"consent.{status.value}",
        resource="consent",
        details={"scope": given["scope"], "events": [str(event.pk) for event in events]},
        actor=by.user,
        actor_name=by.actor_name,
    )
    stored = ledger.list_events(keys).filter(pk__in=[event.pk for event in events])
    state = consent.state(persons.keys_of(key), now=now).values()
    body = {"phone_number": key, "recorded": stored, "state": state}
    return Response(serializers.RecordedOutput(body).data, status=201)


def _valid(serializer: type[Any], request: Request) -> dict[str, Any]:
    checked = serializer(data=request.data, context={"request": request})
    checked.is_valid(raise_exception=True)
    data: dict[str, Any] = checked.validated_data
    return data


def _key_of(request: Request, phone_number: str) -> str:
    """Return the address key a path names, under any spelling; raise NotFound."""
    try:
        return Address.parse(phone_number, region=region_of({"request": request})).key
    except InvalidAddress as error:
        raise NotFound("No such person.") from error


def _caller(request: Request) -> Access:
    caller = access.of(request._request)
    if caller is None:
        raise NotAllowed("Sign in first.")
    return caller
