"""What the bulk-send routes take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.lib.api.fields import Instant
from messaging.campaigns import recipients
from messaging.campaigns.models import Campaign
from messaging.campaigns.progress import Progress
from messaging.campaigns.recipients import Recipient

_LONGEST_ADDRESS: Final = 140


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "maxItems": recipients.MOST,
        "items": {
            "type": "object",
            "required": ["to"],
            "additionalProperties": False,
            "properties": {
                "to": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": _LONGEST_ADDRESS,
                    "description": "A phone number in any common form, or a Meta user id (BSUID).",
                },
                "variables": {"type": "object", "additionalProperties": True},
            },
        },
    }
)
class Recipients(serializers.Field[Any, Any, Any, Any]):
    """People named one by one; read by hand, since there may be ten thousand."""

    def to_internal_value(self, data: Any) -> list[Recipient]:
        """Return the recipients; an address that is none is skipped later, not refused here."""
        if not isinstance(data, list) or not 0 < len(data) <= recipients.MOST:
            raise serializers.ValidationError(f"Give a list of 1 to {recipients.MOST} recipients.")
        return [self._read(place, one) for place, one in enumerate(data)]

    def to_representation(self, value: Any) -> Any:
        """Return what was given; the field is never shown."""
        return value

    def _read(self, place: int, given: Any) -> Recipient:
        if not isinstance(given, Mapping) or set(given) - {"to", "variables"}:
            raise serializers.ValidationError(f"Recipient {place} is an object of to, variables.")
        to, variables = given.get("to"), given.get("variables", {})
        if not isinstance(to, str) or not 0 < len(to) <= _LONGEST_ADDRESS:
            raise serializers.ValidationError(f"Recipient {place} has no valid `to`.")
        if not isinstance(variables, Mapping):
            raise serializers.ValidationError(f"The variables of recipient {place} are an object.")
        return Recipient(to, variables)


class TemplateRef(serializers.Serializer[Any]):
    """A template by name and language."""

    name = serializers.CharField(max_length=512)
    language = serializers.CharField(max_length=12)


class BulkSendInput(serializers.Serializer[Any]):
    """A campaign: to `recipients`, or to an `audience` of contacts.

    `variables` are values for everyone, or sources:
    `{"1": {"field": "name", "default": "friend"}}`; a recipient's own go before them. A sender is
    named by its phone number id.
    """

    name = serializers.CharField(max_length=120)
    template = TemplateRef()
    sender = serializers.CharField(max_length=32, required=False)
    recipients = Recipients(required=False)
    audience = serializers.DictField(
        required=False, help_text="`tag`, `list`, `import` and `filter` together, or `all`."
    )
    variables = serializers.DictField(default=dict)
    scheduled_at = Instant(required=False, allow_null=True)
    not_after = Instant(
        required=False, allow_null=True, help_text="What still waits then is skipped."
    )
    dry_run = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for either recipients or an audience."""
        if ("recipients" in attrs) == ("audience" in attrs):
            raise serializers.ValidationError(
                {"recipients": "Give either recipients or an audience."}
            )
        return attrs


class SkippedOutput(serializers.Serializer[Any]):
    """Somebody who gets no message, and why."""

    to = serializers.CharField()
    contact = serializers.UUIDField(source="contact_id", allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class ButtonOutput(serializers.Serializer[Any]):
    """A button of a message."""

    type = serializers.CharField()
    text = serializers.CharField()
    target = serializers.CharField()


class PreviewOutput(serializers.Serializer[Any]):
    """A message as the person sees it."""

    header_format = serializers.CharField()
    header = serializers.CharField()
    header_media = serializers.CharField()
    body = serializers.CharField()
    footer = serializers.CharField()
    buttons = ButtonOutput(many=True)


class SampleOutput(serializers.Serializer[Any]):
    """The message of one real contact."""

    contact = serializers.UUIDField(source="contact_id", allow_null=True)
    to = serializers.CharField()
    preview = PreviewOutput()


class Counts(serializers.DictField):
    """Numbers by name."""

    child = serializers.IntegerField(min_value=0)


class BulkSendOutput(serializers.Serializer[Any]):
    """What becomes of the request, person by person, as far as it is known now.

    For an audience of more than 50,000 `skipped` is known with the progress only, and `accepted`
    is everyone.
    """

    id = serializers.UUIDField(allow_null=True, help_text="null for a dry run.")
    status = serializers.ChoiceField(Campaign.Status.choices)
    total = serializers.IntegerField()
    accepted = serializers.IntegerField()
    skipped = Counts()
    estimated_cost = serializers.FloatField(allow_null=True)
    estimated_duration_s = serializers.IntegerField()


class DryRunOutput(BulkSendOutput):
    """What a launch would do; nothing was written."""

    samples = SampleOutput(many=True)
    skipped_sample = SkippedOutput(many=True)


class ControlInput(serializers.Serializer[Any]):
    """What to do with a campaign."""

    action = serializers.ChoiceField(["launch", "pause", "resume", "cancel"])
    scheduled_at = Instant(required=False, allow_null=True, help_text="For `launch`: when.")


class StalledOutput(serializers.Serializer[Any]):
    """Why nothing moves although messages wait."""

    code = serializers.CharField()
    detail = serializers.CharField()


class ProgressOutput(serializers.Serializer[Progress]):
    """How far a campaign is. `counts` has a number for every status of its messages."""

    id = serializers.UUIDField(source="campaign.pk")
    name = serializers.CharField(source="campaign.name")
    status = serializers.ChoiceField(Campaign.Status.choices, source="campaign.status")
    total = serializers.IntegerField()
    accepted = serializers.IntegerField()
    counts = Counts()
    waiting = serializers.IntegerField(
        help_text="People whose message has not been made yet. A message that was made and is yet "
        "to be sent is not waiting: it is in `counts` as `queued`."
    )
    skipped = Counts()
    percent = serializers.IntegerField()
    rate_per_second = serializers.FloatField()
    eta_s = serializers.IntegerField(allow_null=True)
    estimated_cost = serializers.FloatField(allow_null=True)
    stalled_reason = StalledOutput(source="stalled", allow_null=True)
    pause_reason = serializers.CharField(source="campaign.pause_reason")
    created_at = Instant(source="campaign.created_at")
    scheduled_at = Instant(source="campaign.scheduled_at", allow_null=True)
    launched_at = Instant(source="campaign.launched_at", allow_null=True)
    finished_at = Instant(source="campaign.finished_at", allow_null=True)
    skipped_sample = SkippedOutput(many=True)
