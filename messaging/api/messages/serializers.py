"""What the message routes take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from compliance.models import Scope
from config.lib.api.fields import Address, Instant
from messaging.messages.models import Message, MessageEvent
from messaging.meta.errors import describe
from messaging.meta.payloads import TYPES

LARGEST_METADATA_BYTES: Final = 4096
LATEST_DAYS: Final = 365
SHOWN_ERRORS: Final = frozenset({"failed", "skipped", "unknown", "queued"})

_OBJECT = {"type": "object", "additionalProperties": True}
_ANYTHING = {"description": "Meta's object for the type, as it was or will be sent."}


@extend_schema_field(_OBJECT)
class JsonObject(serializers.DictField):
    """Takes any JSON object."""


class SendInput(serializers.Serializer[Any]):
    """One message: to whom, of which type, and Meta's object of that type under its name.

    `template` takes Meta's body or the short form `{"name", "language", "variables"}`. `category`
    guards against a template whose category changed: another one is refused. `reply_to` is the id
    of a message of the same conversation. A media `id` is ours or Meta's.
    """

    to = Address(required=False, help_text="A phone number in any spelling, or a Meta user id.")
    contact = serializers.UUIDField(required=False, help_text="Instead of `to`.")
    type = serializers.ChoiceField(TYPES)
    template = JsonObject(required=False)
    text = JsonObject(required=False)
    image = JsonObject(required=False)
    video = JsonObject(required=False)
    audio = JsonObject(required=False)
    document = JsonObject(required=False)
    sticker = JsonObject(required=False)
    location = JsonObject(required=False)
    contacts = serializers.ListField(child=JsonObject(), required=False)
    interactive = JsonObject(required=False)
    reaction = JsonObject(required=False)
    sender = serializers.CharField(
        required=False, max_length=32, help_text="phone_number_id; the default number if left out."
    )
    scheduled_at = Instant(required=False)
    category = serializers.ChoiceField(Scope.choices, required=False)
    reply_to = serializers.UUIDField(required=False)
    metadata = JsonObject(required=False, help_text="Yours, up to 4 KB; returned as it is.")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Refuse what is unknown: a misspelt field would otherwise change what is sent."""
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if unknown:
            raise _refusals(sorted(unknown), "There is no such field.", "unknown_field")
        read: dict[str, Any] = super().to_internal_value(data)
        return read

    def validate_scheduled_at(self, at: Any) -> Any:
        """Refuse the past and what is further away than a year."""
        ahead = at - timezone.now()
        if ahead.total_seconds() <= 0:
            raise serializers.ValidationError("This time has passed.", code="in_the_past")
        if ahead.days >= LATEST_DAYS:
            raise serializers.ValidationError("This is more than a year away.", code="too_late")
        return at

    def validate_metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Refuse more than 4 KB."""
        if len(orjson.dumps(metadata)) > LARGEST_METADATA_BYTES:
            raise serializers.ValidationError("This is larger than 4 KB.", code="too_large")
        return metadata

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """Require one recipient and the object of the type, and no other type's."""
        if ("to" in given) == ("contact" in given):
            raise _refusals(["to"], "Give either `to` or `contact`.", "to_or_contact")
        if given["type"] not in given:
            raise _refusals([given["type"]], "This field is required.", "required")
        others: list[str] = [name for name in TYPES if name in given and name != given["type"]]
        if others:
            detail = f"This does not belong to a message of type {given['type']}."
            raise _refusals(others, detail, "not_allowed")
        return given


def _refusals(names: list[str], detail: str, code: str) -> serializers.ValidationError:
    found = {name[:64]: serializers.ErrorDetail(detail, code) for name in names}
    return serializers.ValidationError(found)


class TemplateReference(serializers.Serializer[Any]):
    """Which template."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    language = serializers.CharField()


class MessageError(serializers.Serializer[Any]):
    """Why a message failed or was skipped."""

    code = serializers.SerializerMethodField(
        help_text="Meta's code as a number, or our word for a refusal."
    )
    title = serializers.SerializerMethodField()
    retryable = serializers.SerializerMethodField(help_text="Whether trying again may help.")

    @extend_schema_field({"type": ["integer", "string"]})
    def get_code(self, message: Message) -> int | str:
        """Return Meta's code, else ours."""
        return message.error_reason if message.error_code is None else message.error_code

    def get_title(self, message: Message) -> str:
        """Return a sentence."""
        return message.error_title or message.error_reason

    def get_retryable(self, message: Message) -> bool:
        """Say whether an operator may try again with hope."""
        if not message.is_retryable:
            return False
        return message.error_code is None or describe(message.error_code).retryable


class Pricing(serializers.Serializer[Any]):
    """What Meta charges for."""

    category = serializers.CharField()
    billable = serializers.BooleanField(allow_null=True)


class MessageOutput(serializers.Serializer[Any]):
    """A message. `to` and `from` show the phone when there is one, else the Meta user id."""

    id = serializers.UUIDField()
    direction = serializers.ChoiceField(Message.Direction.choices)
    type = serializers.CharField()
    status = serializers.SerializerMethodField()
    to = serializers.SerializerMethodField()
    sender = serializers.CharField(source="sender.phone_number_id", help_text="phone_number_id")
    template = serializers.SerializerMethodField()
    content = serializers.SerializerMethodField()
    wamid = serializers.CharField(allow_null=True)
    campaign = serializers.UUIDField(source="campaign_id", allow_null=True)
    conversation = serializers.UUIDField(source="conversation_id", allow_null=True)
    attempts = serializers.IntegerField()
    next_attempt_at = Instant(allow_null=True)
    error = serializers.SerializerMethodField()
    pricing = serializers.SerializerMethodField()
    created_at = serializers.SerializerMethodField()
    scheduled_at = Instant(allow_null=True)
    sent_at = Instant(allow_null=True)
    delivered_at = Instant(allow_null=True)
    read_at = Instant(allow_null=True)
    failed_at = Instant(allow_null=True)
    metadata = JsonObject(allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add `from`, which Python does not let a class declare."""
        fields: dict[str, serializers.Field[Any, Any, Any, Any]] = {}
        for name, field in super().get_fields().items():
            fields[name] = field
            if name == "to":
                fields["from"] = serializers.SerializerMethodField(method_name="get_origin")
        return fields

    @extend_schema_field(serializers.ChoiceField(Message.Status.choices))
    def get_status(self, message: Message) -> str:
        """Return where the message stands; `sending` while its request is under way."""
        return str(getattr(message, "shown_status", message.status))

    def get_to(self, message: Message) -> str:
        """Return where it goes."""
        is_ours = message.direction == Message.Direction.INBOUND
        return str(message.sender.phone) if is_ours else message.address

    def get_origin(self, message: Message) -> str:
        """Return where it came from."""
        is_ours = message.direction == Message.Direction.OUTBOUND
        return str(message.sender.phone) if is_ours else message.address

    @extend_schema_field(TemplateReference(allow_null=True))
    def get_template(self, message: Message) -> dict[str, Any] | None:
        """Return which template it was made of."""
        return TemplateReference(message.template).data if message.template else None

    @extend_schema_field(_ANYTHING)
    def get_content(self, message: Message) -> Any:
        """Return Meta's object."""
        return message.content

    @extend_schema_field(MessageError(allow_null=True))
    def get_error(self, message: Message) -> dict[str, Any] | None:
        """Return what went wrong, where something did."""
        has_error = message.error_code is not None or message.error_reason
        if not has_error or message.status not in SHOWN_ERRORS:
            return None
        return MessageError(message).data

    @extend_schema_field(Pricing(allow_null=True))
    def get_pricing(self, message: Message) -> dict[str, Any] | None:
        """Return what Meta said it charges."""
        if not message.pricing_category:
            return None
        return {"category": message.pricing_category, "billable": message.is_billable}

    @extend_schema_field({"type": "string", "format": "date-time"})
    def get_created_at(self, message: Message) -> Any:
        """Return when it was asked for, or Meta's time of an incoming one."""
        return Instant().to_representation(message.occurred_at or message.created_at)


class MessageEventOutput(serializers.ModelSerializer[MessageEvent]):
    """One thing that happened to a message, and who says so."""

    occurred_at = Instant(read_only=True)
    recorded_at = Instant(read_only=True)
    error = JsonObject(read_only=True, allow_null=True)

    class Meta:
        model = MessageEvent
        fields = ("status", "source", "occurred_at", "recorded_at", "error", "detail")
        read_only_fields = fields


class MessageWithHistory(MessageOutput):
    """A message and everything that happened to it, oldest first."""

    history = MessageEventOutput(many=True)
