"""Backups: an archive holds every business, so only a platform admin may see or start one."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import access
from accounts.access import Access
from backups import runs
from backups.api import filters, serializers
from backups.models import Backup
from config.lib.api.views import ApiViewSet
from config.lib.errors import NotAllowed, NotFound


class Backups(ListModelMixin, ApiViewSet):
    """The history of backups."""

    permissions: ClassVar[dict[str, str]] = {"GET": "backups.view", "POST": "backups.create"}
    needs_business = False
    serializer_class = serializers.BackupOutput
    filterset_class = filters.BackupFilter

    def get_queryset(self) -> QuerySet[Backup]:
        """Return all backups."""
        return Backup.objects.all()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse everyone who is not a platform admin, whatever their role in a business."""
        super().initial(request, *args, **kwargs)
        caller = access.of(request._request)
        if caller is None or not caller.is_platform_admin:
            raise NotAllowed("Backups hold every business: this needs a platform admin.")

    @extend_schema(request=None, responses={202: serializers.StartedOutput})
    def create(self, request: Request) -> Response:
        """Start a backup; it is verified when it is done. 409 while another one runs."""
        caller: Access | None = access.of(request._request)
        backup = runs.request(
            trigger="manual",
            now=timezone.now(),
            by=caller.user if caller else None,
            by_name=caller.actor_name if caller else "",
        )
        return Response(serializers.StartedOutput(backup).data, status=202)

    @extend_schema(responses=serializers.BackupOutput)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Return one backup."""
        backup = Backup.objects.filter(pk=pk).first()
        if backup is None:
            raise NotFound("There is no such backup.")
        return Response(serializers.BackupOutput(backup).data)
