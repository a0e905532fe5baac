"""Messages: ask for one, read them, take one back."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from config.lib.api.views import ApiView, ApiViewSet
from config.lib.errors import NotFound
from messaging.api.asking import allowed, caller_of, require, valid
from messaging.api.messages import filters, sending, serializers
from messaging.messages import history, reading
from messaging.messages.models import Message
from messaging.sending import leaving
from messaging.sending import request as requests

EXAMPLES: Final = [
    OpenApiExample(
        "A template",
        request_only=True,
        value={
            "to": "+34 600 111 222",
            "type": "template",
            "template": {"name": "welcome", "language": "en_US", "variables": {"1": "Ana"}},
        },
    ),
    OpenApiExample(
        "A text, while the service window is open",
        request_only=True,
        value={"to": "+34 600 111 222", "type": "text", "text": {"body": "On its way."}},
    ),
]


class Send(ApiView):
    """One message."""

    permission = "messages.send"
    by_object = True
    files: sending.MetaIds = {}

    @extend_schema(
        request=serializers.SendInput,
        responses={202: serializers.MessageOutput},
        examples=EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Queue a message; an unknown recipient becomes a contact.

        409 when it may not be sent: `consent_missing`, `opted_out`, `blocked`,
        `outside_service_window`, `template_not_approved`, `template_paused`, `sender_paused`,
        `limit_reached`, `invalid_recipient`, `quiet_hours`.
        """
        given = self._given(request)
        options = requests.Options(by=caller_of(request).user)
        message = sending.send(given, files=self.files, options=options, now=timezone.now())
        body = serializers.MessageOutput(reading.get(message.pk)).data
        return Response(body, status=status.HTTP_202_ACCEPTED)

    def prepare(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Make files known to Meta, so that sending asks it nothing."""
        if sending.names_files(request.data):
            self.files = sending.upload(self._given(request), now=timezone.now())

    def _given(self, request: Request) -> dict[str, Any]:
        given = valid(serializers.SendInput, request)
        require(request, self.permission, sending.sender_of(given))
        return given


class Messages(ListModelMixin, ApiViewSet):
    """Messages in both directions."""

    permissions: ClassVar[dict[str, str]] = {"GET": "messages.view", "DELETE": "messages.send"}
    by_object = True
    queryset = Message.objects.none()
    serializer_class = serializers.MessageOutput
    filterset_class = filters.MessageFilter

    def get_queryset(self) -> QuerySet[Message]:
        """Return the messages of the business the caller may see."""
        rows = allowed(self.request, self.permissions["GET"], reading.of_business())
        return leaving.show(rows)

    @extend_schema(responses=serializers.MessageWithHistory)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Return one message with its history."""
        message: Any = self._get(pk)
        message.shown_status = leaving.status_of(message)
        message.history = history.story(message)
        return Response(serializers.MessageWithHistory(message).data)

    @extend_schema(responses={200: serializers.MessageOutput})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Take back a message that waits in the queue or for its time; else 409 `already_sent`."""
        requests.cancel(self._get(pk), now=timezone.now(), by=caller_of(request).user)
        return Response(serializers.MessageOutput(reading.get(pk)).data)

    def _get(self, pk: UUID) -> Message:
        """Return a message the caller holds the permission for; another is not found."""
        found = reading.get(pk)
        permission = self.permissions[self.request.method or "GET"]
        if not caller_of(self.request).allows(permission, found):
            raise NotFound("No such message.")
        return found
