"""Files to be sent."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib.api.views import ApiView
from messaging.api.asking import valid
from messaging.media import uploads
from messaging.media.models import MediaFile


class MediaInput(serializers.Serializer[Any]):
    """A file of a type and size WhatsApp takes."""

    file = serializers.FileField(max_length=240, allow_empty_file=True)


class MediaOutput(serializers.ModelSerializer[MediaFile]):
    """A stored file; `id` may stand where Meta's body has a media id."""

    size = serializers.IntegerField(read_only=True)

    class Meta:
        model = MediaFile
        fields = ("id", "mime_type", "size", "sha256")
        read_only_fields = fields


class Media(ApiView):
    """Files to be sent."""

    permission = "messages.send"
    parser_classes = (MultiPartParser,)
    in_steps = True

    @extend_schema(request={"multipart/form-data": MediaInput}, responses={201: MediaOutput})
    def post(self, request: Request) -> Response:
        """Store a file, told by its content; 415 when WhatsApp takes no such, 413 above its size.

        Sizes: pictures 5 MB, audio and video 16 MB, stickers 100 KB (moving 500 KB), documents
        100 MB.
        """
        file = valid(MediaInput, request)["file"]
        stored = uploads.store(
            file=file.file, filename=file.name, now=timezone.now(), keep_rights=self.keep_rights
        )
        return Response(MediaOutput(stored).data, status=status.HTTP_201_CREATED)
