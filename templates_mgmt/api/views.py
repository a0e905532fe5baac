"""Templates: read them, and pull them from Meta."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import business_choice
from config.lib.api.views import ApiView, ApiViewSet
from config.lib.errors import NotFound
from templates_mgmt import catalog, sync
from templates_mgmt.api import filters, serializers
from templates_mgmt.models import Template


class Templates(ListModelMixin, ApiViewSet):
    """The templates of the business."""

    permissions: ClassVar[dict[str, str]] = {"GET": "templates.view"}
    queryset = Template.objects.none()
    serializer_class = serializers.TemplateOutput
    filterset_class = filters.TemplateFilter

    def get_queryset(self) -> QuerySet[Template]:
        """Return the templates of the business."""
        return catalog.list_templates()

    @extend_schema(responses=serializers.TemplateOutput)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one template."""
        id_ = business_choice.parse_id(pk)
        if id_ is None:
            raise NotFound("No such template.")
        return Response(serializers.TemplateOutput(catalog.get_template(id_)).data)


class TemplateSync(ApiView):
    """Pull from Meta."""

    permission = "templates.edit"
    in_steps = True

    @extend_schema(request=None, responses=serializers.SyncOutput)
    def post(self, request: Request) -> Response:
        """Pull the templates of every WhatsApp account of the business; return what was found."""
        found = sync.pull_all(now=timezone.now(), keep_rights=self.keep_rights)
        return Response(serializers.SyncOutput(found).data)
