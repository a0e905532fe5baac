"""What the delivery routes take and give."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.lib.api.fields import Instant
from messaging.api.messages.serializers import MessageEventOutput
from messaging.messages.delivery import Group
from messaging.messages.models import Message


class ReportQuery(serializers.Serializer[Any]):
    """Which report: the last seven days by day, in the time zone of the business."""

    to = Instant(required=False, help_text="Now, if left out.")
    by = serializers.ChoiceField([group.value for group in Group], default=Group.DAY.value)
    tz = serializers.CharField(required=False, max_length=64, help_text="E.g. Europe/Madrid.")
    sender = serializers.CharField(required=False, max_length=32, help_text="phone_number_id")
    template = serializers.UUIDField(required=False)
    campaign = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add `from`, which Python does not let a class declare."""
        start = Instant(required=False, help_text="Seven days before `to`, if left out.")
        return {"from": start, **super().get_fields()}

    def validate_tz(self, name: str) -> str:
        """Refuse a zone that does not exist."""
        if name not in available_timezones():
            raise serializers.ValidationError("There is no such time zone.", code="unknown_zone")
        return name


class Durations(serializers.Serializer[Any]):
    """Seconds from being sent: half and 95 % of the messages took no longer."""

    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)


class DeliveryCountsOutput(serializers.Serializer[Any]):
    """Messages by outcome. Rates are of those sent or failed; `read_rate` of those delivered."""

    total = serializers.IntegerField()
    pending = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    read = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    unknown = serializers.IntegerField()
    delivery_rate = serializers.FloatField(allow_null=True)
    read_rate = serializers.FloatField(allow_null=True)
    failure_rate = serializers.FloatField(allow_null=True)
    seconds_to_delivered = serializers.SerializerMethodField()
    seconds_to_read = serializers.SerializerMethodField()

    @extend_schema_field(Durations)
    def get_seconds_to_delivered(self, counts: Any) -> dict[str, Any]:
        """Return how long delivery took."""
        return {"p50": counts.delivered_p50, "p95": counts.delivered_p95}

    @extend_schema_field(Durations)
    def get_seconds_to_read(self, counts: Any) -> dict[str, Any]:
        """Return how long reading took."""
        return {"p50": counts.read_p50, "p95": counts.read_p95}


class DeliveryGroupOutput(DeliveryCountsOutput):
    """The same for one day, number, template or campaign."""

    key = serializers.CharField()
    label = serializers.SerializerMethodField()  # type: ignore[assignment]  # Field.label

    def get_label(self, counts: Any) -> str:
        """Return a name for people."""
        labels: dict[str, str] = self.context.get("labels", {})
        key: str = counts.key
        return labels.get(key, key)


class ErrorCountOutput(serializers.Serializer[Any]):
    """One reason of failure or refusal and what helps."""

    code = serializers.SerializerMethodField()
    title = serializers.CharField()
    advice = serializers.CharField()
    count = serializers.IntegerField()

    @extend_schema_field({"type": ["integer", "string"]})
    def get_code(self, error: Any) -> int | str:
        """Return Meta's number, or our word."""
        code: int | str = error.code
        return code


class DeliveryReportOutput(serializers.Serializer[Any]):
    """What became of the messages of a period."""

    to = Instant()
    by = serializers.ChoiceField([group.value for group in Group])
    tz = serializers.CharField()
    total = DeliveryCountsOutput()
    groups = DeliveryGroupOutput(many=True)
    top_errors = ErrorCountOutput(many=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add `from`, which Python does not let a class declare."""
        return {"from": Instant(), **super().get_fields()}


class MessageEventsOutput(serializers.Serializer[Any]):
    """Everything that happened to a message, oldest first."""

    message = serializers.UUIDField()
    status = serializers.ChoiceField(Message.Status.choices)
    events = MessageEventOutput(many=True)


class RetryInput(serializers.Serializer[Any]):
    """Which failed messages: all of them, or those every given field matches."""

    campaign = serializers.UUIDField(required=False)
    template = serializers.UUIDField(required=False)
    sender = serializers.CharField(required=False, max_length=32, help_text="phone_number_id")
    error_code = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    failed_at__gte = Instant(required=False)
    failed_at__lt = Instant(required=False)


class RetryOutput(serializers.Serializer[Any]):
    """How many were queued again, and why others were not."""

    requeued = serializers.IntegerField()
    not_retryable = serializers.DictField(child=serializers.IntegerField())
    more = serializers.BooleanField(help_text="Whether there are more than one request handles.")


class RetryOneInput(serializers.Serializer[Any]):
    """A message whose outcome is unknown may have arrived: sending it again needs this word."""

    may_duplicate = serializers.BooleanField(default=False)
