"""What the routes of privacy requests take and give."""

from __future__ import annotations

from typing import Any

from django.db.models import TextChoices
from rest_framework import serializers

from compliance.privacy import requests
from compliance.privacy.models import PrivacyRequest
from config.lib.api.fields import Address, Instant

Kind = PrivacyRequest.Kind


def choices(of: type[TextChoices]) -> list[str]:
    """Return the words of an enumeration."""
    return [str(value) for value in of.values]


class RequestInput(serializers.Serializer[Any]):
    """What a person asked for. Name them by `phone_number` (or a Meta user id), or by `contact`.

    `start: false` only notes the request and its deadline; POST to `…/start` goes on with it.
    """

    kind = serializers.ChoiceField(choices(Kind))
    phone_number = Address(required=False)
    contact = serializers.UUIDField(required=False)
    asked_by = serializers.ChoiceField(
        choices(PrivacyRequest.AskedBy), default=PrivacyRequest.AskedBy.PERSON
    )
    channel = serializers.ChoiceField(
        choices(PrivacyRequest.Channel), default=PrivacyRequest.Channel.OTHER
    )
    note = serializers.CharField(max_length=2000, default="", allow_blank=True)
    received_at = Instant(required=False)
    due_at = Instant(required=False)
    start = serializers.BooleanField(default=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for exactly one way to name the person."""
        if ("phone_number" in attrs) == ("contact" in attrs):
            raise serializers.ValidationError(
                {"phone_number": "Name the person by phone_number or by contact, not both."},
                code="invalid",
            )
        return attrs


class ProgressOutput(serializers.Serializer[Any]):
    """How far an erasure got, in stores."""

    done = serializers.IntegerField(read_only=True)
    total = serializers.IntegerField(read_only=True)


class RequestOutput(serializers.ModelSerializer[PrivacyRequest]):
    """A request. `person` is the address without its middle; nothing else is kept of them."""

    person = serializers.CharField(source="label", read_only=True)
    progress = serializers.SerializerMethodField()
    is_overdue = serializers.SerializerMethodField()
    received_at = Instant(read_only=True)
    due_at = Instant(read_only=True)
    started_at = Instant(read_only=True, allow_null=True)
    finished_at = Instant(read_only=True, allow_null=True)
    expires_at = Instant(read_only=True, allow_null=True)
    certificate = serializers.DictField(read_only=True, allow_null=True)

    class Meta:
        model = PrivacyRequest
        fields = (
            "id",
            "kind",
            "status",
            "person",
            "asked_by",
            "channel",
            "note",
            "received_at",
            "due_at",
            "is_overdue",
            "started_at",
            "finished_at",
            "progress",
            "error",
            "size",
            "sha256",
            "expires_at",
            "certificate",
        )
        read_only_fields = fields

    def get_is_overdue(self, request: PrivacyRequest) -> bool:
        """Say whether the answer is late."""
        return requests.is_overdue(request, now=self.context["now"])

    def get_progress(self, request: PrivacyRequest) -> dict[str, int]:
        """Return how many stores are done."""
        done, total = requests.progress_of(request)
        return {"done": done, "total": total}
