"""The audit trail: read it, add to it from outside, take it away."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Access
from compliance import audit
from compliance.api.audit import filters, serializers
from compliance.audit import export, masking, trail
from compliance.models import AuditEntry
from config.lib import streams
from config.lib.api.filters import StrictFilterBackend
from config.lib.api.views import ApiGenericView, ApiViewSet
from config.lib.errors import InvalidInput, NotAllowed, NotFound

HEAD_HEADER: Final = "X-Audit-Head"


class AuditLogs(ListModelMixin, ApiViewSet):
    """Who did what."""

    permissions: ClassVar[dict[str, str]] = {"GET": "audit.view", "POST": "audit.create"}
    queryset = AuditEntry.objects.none()
    serializer_class = serializers.AuditOutput
    filterset_class = filters.AuditFilter

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """Return the entries of the business."""
        return trail.list_entries().select_related("link")

    @extend_schema(request=serializers.AuditInput, responses={201: serializers.AuditOutput})
    def create(self, request: Request) -> Response:
        """Add an entry from an integration; it is marked as coming from outside.

        The trail is kept for ever and nobody can be erased from it. So of `resource_id` and
        `details` only codes stay (up to 64 letters, digits and _ . : - in small letters, in
        capitals, or with a digit), and in `details` numbers that are no phone number, true, false
        and null. All other text becomes `[masked]`, names of fields too: name people by an id. Text
        that reads as a phone number or as Meta's id of a person keeps its last four characters:
        give ids a letter (`A-1042`).
        """
        checked = serializers.AuditInput(data=request.data)
        checked.is_valid(raise_exception=True)
        given: dict[str, Any] = checked.validated_data
        entry = audit.record(
            action=trail.external(given["action"]),
            resource=given["resource"],
            resource_id=masking.code(given["resource_id"]),
            details=masking.codes_of(given["details"]),
            access=_caller(request),
            origin=AuditEntry.Origin.EXTERNAL,
        )
        return Response(serializers.AuditOutput(entry).data, status=201)


@extend_schema_view(list=extend_schema(operation_id="audit_logs_of_user_list"))
class AuditLogsOfUser(ListModelMixin, ApiViewSet):
    """What one user did."""

    permission = "audit.view"
    queryset = AuditEntry.objects.none()
    serializer_class = serializers.AuditOutput
    filterset_class = filters.AuditFilter

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """Return the user's entries in the business; raises `NotFound` for a stranger to it."""
        user_id = int(self.kwargs.get("user_id", 0))
        if not trail.is_known_actor(user_id):
            raise NotFound("No such user.")
        return trail.list_entries().filter(actor_id=user_id).select_related("link")


class AuditExport(ApiGenericView):
    """The trail as a file."""

    permission = "audit.view"
    query_params = ("format",)
    queryset = AuditEntry.objects.none()
    filterset_class = filters.AuditFilter
    filter_backends = (StrictFilterBackend,)
    pagination_class = None

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """Return the entries of the business."""
        return trail.list_entries()

    @extend_schema(
        parameters=[OpenApiParameter("format", OpenApiTypes.STR, enum=sorted(export.FORMATS))],
        responses={
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/x-ndjson"): OpenApiTypes.STR,
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream the trail, oldest first, as CSV or JSON lines.

        What waits is sealed first. `X-Audit-Head` has the position and the hash of the chain's
        head, which JSON lines repeat in their last line; each entry has its own.
        """
        name = request.query_params.get("format", "csv")
        if name not in export.FORMATS:
            known = " or ".join(sorted(export.FORMATS))
            raise InvalidInput(f"The format is {known}.", attr="format", code="invalid_choice")
        rows = self.filter_queryset(self.get_queryset())
        taken = export.take(rows, name=name, now=timezone.now())
        audit.record(
            action="audit.exported",
            resource="audit",
            details={"format": name, "filters": sorted(request.query_params), "head": taken.head},
        )
        answer = streams.download(
            request._request,
            streams.pieces(taken.lines),
            content_type=taken.content_type,
            filename=f"audit.{name}",
        )
        answer[HEAD_HEADER] = taken.head
        return answer


def _caller(request: Request) -> Access:
    caller = access.of(request._request)
    if caller is None:
        raise NotAllowed("Sign in first.")
    return caller
