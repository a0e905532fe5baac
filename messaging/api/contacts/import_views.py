"""Imports of contacts: upload, look, correct, commit, follow."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.mixins import ListModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib import streams
from config.lib.api.views import ApiView, ApiViewSet
from config.lib.errors import NotFound
from messaging.api.contacts import filters, serializers
from messaging.api.contacts.views import PERMISSIONS, user_of, valid
from messaging.contacts import imports
from messaging.contacts.models import ContactImport


class Imports(ListModelMixin, ApiViewSet):
    """Files of contacts on their way in. Nothing is written about anybody before the commit."""

    permissions: ClassVar[dict[str, str]] = PERMISSIONS
    queryset = ContactImport.objects.none()
    serializer_class = serializers.ImportOutput
    filterset_class = filters.ImportFilter
    look: imports.Look | None = None

    def get_queryset(self) -> QuerySet[ContactImport]:
        """Return the imports of the business."""
        rows: QuerySet[ContactImport] = ContactImport.objects.all()
        return rows

    @extend_schema(responses=serializers.ImportOutput)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Return the import: verdicts and the first 50 rows, or its progress."""
        return Response(serializers.ImportOutput(_get(pk)).data)

    @extend_schema(request=serializers.ImportPatch, responses={202: serializers.ImportOutput})
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Correct columns or options; the file is judged again in the background."""
        found = _get(pk)
        patch = serializers.ImportPatch(data=request.data)
        mapping = valid(patch).get("mapping")
        changed = imports.configure(
            found,
            mapping=mapping,
            changes=patch.to_choices(),
            look=self.look,
            now=timezone.now(),
        )
        return _accepted(changed)

    def prepare(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read the file's first rows, where a correction needs them."""
        if request.method == "PATCH":
            patch = serializers.ImportPatch(data=request.data)
            valid(patch)
            self.look = imports.look_again(_get(kwargs["pk"]), patch.to_choices())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Drop an import that wrote nothing, with its file."""
        imports.discard(_get(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ImportUpload(Imports):
    """The same collection, with the one route that takes a file."""

    parser_classes = (MultiPartParser,)
    in_steps = True

    @extend_schema(
        request={"multipart/form-data": serializers.ImportInput},
        responses={202: serializers.ImportOutput},
    )
    def create(self, request: Request) -> Response:
        """Upload a file; it is judged in the background."""
        upload = serializers.ImportInput(data=request.data)
        file = valid(upload)["file"]
        made = imports.create(
            file=file.file,
            filename=file.name,
            by=user_of(request),
            choices=upload.to_choices(),
            now=timezone.now(),
            keep_rights=self.keep_rights,
        )
        return _accepted(made)


class ImportCommit(ApiView):
    """The moment after which contacts are written."""

    permission = "contacts.manage"

    @extend_schema(request=None, responses={202: serializers.ImportOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Begin to write; 409 `import_not_ready` while the file is still being read."""
        return _accepted(imports.commit(_get(pk), by=user_of(request), now=timezone.now()))


class RefusedRows(ApiView):
    """The rows that were refused, for correction."""

    permission = "contacts.view"

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: UUID) -> FileResponse:
        """Download the refused rows with verdict and reason, as CSV."""
        found = _get(pk)
        name = f"{found.filename.rpartition('.')[0] or 'import'}-refused.csv"
        opened = imports.open_refused(found)
        return streams.file(request._request, opened, content_type="text/csv", filename=name)


def _get(pk: UUID) -> ContactImport:
    found: ContactImport | None = ContactImport.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound("No such import.")
    return found


def _accepted(found: ContactImport) -> Response:
    body = serializers.ImportOutput(found).data
    return Response(body, status=status.HTTP_202_ACCEPTED)
