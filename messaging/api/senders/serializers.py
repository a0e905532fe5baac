"""What the routes of senders and their limits take and give."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from config.lib.api.fields import Instant
from messaging.senders.models import Sender, SenderEvent

LARGEST_LIMIT = 2**31 - 1


class SenderOutput(serializers.ModelSerializer[Sender]):
    """A phone number of ours. Limits that are null are Meta's own."""

    account = serializers.UUIDField(source="account_id", read_only=True)
    messaging_limit = serializers.CharField(
        source="account.messaging_limit",
        read_only=True,
        help_text="How many people the portfolio may write to in 24 hours, in Meta's word.",
    )
    paused_at = Instant(read_only=True, allow_null=True)
    paused_until = Instant(read_only=True, allow_null=True)
    cooldown_until = Instant(read_only=True, allow_null=True)
    created_at = Instant(read_only=True)

    class Meta:
        model = Sender
        fields = (
            "id", "account", "phone_number_id", "phone", "verified_name", "quality", "meta_status",
            "messaging_limit", "throughput", "per_second", "per_hour", "per_day",
            "warning_percent", "paused_at", "paused_until", "pause_reason", "paused_by_meta",
            "cooldown_until", "is_default", "created_at",
        )  # fmt: skip
        read_only_fields = fields


def _limit(help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1, max_value=LARGEST_LIMIT, allow_null=True, required=False, help_text=help_text
    )


class LimitsInput(serializers.Serializer[Any]):
    """Limits below Meta's; null takes one away."""

    per_second = _limit("Messages a second, at most Meta's 80 or 1,000.")
    per_hour = _limit("Messages an hour (UTC).")
    per_day = _limit("Messages a day (UTC).")
    warning_percent = serializers.IntegerField(min_value=1, max_value=100, required=False)


class SenderPatch(LimitsInput):
    """What may be changed of a number: its limits, and whether it is used when none is named."""

    is_default = serializers.BooleanField(required=False)


class RateLimitInput(LimitsInput):
    """Limits of one number."""

    sender = serializers.CharField(max_length=32, help_text="phone_number_id")


class SenderSyncOutput(serializers.Serializer[Any]):
    """Of how many accounts the numbers will be pulled from Meta."""

    accounts = serializers.IntegerField()


class UseOutput(serializers.Serializer[Any]):
    """A limit, what is used of it and what is left; null where there is none."""

    limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField()
    remaining = serializers.IntegerField(allow_null=True)


class RateLimitOutput(serializers.Serializer[Any]):
    """A number's limits and how it stands to them."""

    sender = serializers.CharField(help_text="phone_number_id")
    per_second = serializers.IntegerField()
    hour = UseOutput()
    day = UseOutput()
    warning_percent = serializers.IntegerField()
    warning = serializers.ChoiceField(["none", "near", "reached"])
    paused = serializers.BooleanField()
    pause_reason = serializers.CharField()
    paused_until = Instant(allow_null=True)
    cooldown_until = Instant(allow_null=True)
    messaging_limit = serializers.CharField(help_text="Meta's level of the portfolio.")
    quality = serializers.ChoiceField(Sender.Quality.choices)


class PauseInput(serializers.Serializer[Any]):
    """Which number is to stop, why, and until when (until resumed, if left out)."""

    sender = serializers.CharField(max_length=32, help_text="phone_number_id")
    reason = serializers.CharField(max_length=200)
    until = Instant(required=False)

    def validate_until(self, until: Any) -> Any:
        """Refuse the past."""
        if until <= timezone.now():
            raise serializers.ValidationError("This time has passed.", code="in_the_past")
        return until


class ResumeInput(serializers.Serializer[Any]):
    """Which number is to go on."""

    sender = serializers.CharField(max_length=32, help_text="phone_number_id")


class SenderEventOutput(serializers.ModelSerializer[SenderEvent]):
    """A warning, pause, resume, cooldown or change, with its cause."""

    sender = serializers.CharField(source="sender.phone_number_id", read_only=True)
    created_at = Instant(read_only=True)

    class Meta:
        model = SenderEvent
        fields = ("id", "sender", "kind", "detail", "created_at")
        read_only_fields = fields
