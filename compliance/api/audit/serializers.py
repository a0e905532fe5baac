"""What the audit routes take and give."""

from __future__ import annotations

from typing import Any, Final

import orjson
from rest_framework import serializers

from compliance.models import AuditEntry
from config.lib.api.fields import Instant

LARGEST_DETAILS_BYTES: Final = 8192


class AuditInput(serializers.Serializer[Any]):
    """An entry from an integration: what it did, on what.

    It is kept as `external.<action>` and marked as coming from outside. Who, when and from where
    are the caller's, the server's and the request's: they cannot be given.
    """

    action = serializers.RegexField(
        r"\A[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z",
        max_length=50,
        error_messages={"invalid": "An action is lower-case words with dots: order.shipped."},
    )
    resource = serializers.RegexField(
        r"\A[A-Za-z0-9_.:-]*\Z",
        max_length=60,
        default="",
        allow_blank=True,
        error_messages={"invalid": "A resource is letters, digits and _ . : - only."},
    )
    resource_id = serializers.CharField(max_length=64, default="", allow_blank=True)
    details = serializers.DictField(default=dict)

    def validate_details(self, details: dict[str, Any]) -> dict[str, Any]:
        """Refuse more than 8 KB."""
        if len(orjson.dumps(details, default=str)) > LARGEST_DETAILS_BYTES:
            raise serializers.ValidationError("The details are larger than 8 KB.", "max_length")
        return details

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what cannot be given, rather than ignore it."""
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            said = f"This cannot be given. Known fields: {', '.join(self.fields)}."
            raise serializers.ValidationError({unknown[0][:64]: said}, "unknown_field")
        return attrs


class AuditOutput(serializers.ModelSerializer[AuditEntry]):
    """Who did what, when, from where, and what it changed.

    `position` and `chain_hash` are its place in the chain, empty until it is sealed.
    """

    actor = serializers.IntegerField(source="actor_id", read_only=True, allow_null=True)
    api_key = serializers.UUIDField(source="api_key_id", read_only=True, allow_null=True)
    created_at = Instant(read_only=True)
    details = serializers.DictField(read_only=True)
    before = serializers.DictField(read_only=True, allow_null=True)
    after = serializers.DictField(read_only=True, allow_null=True)
    position = serializers.SerializerMethodField()
    chain_hash = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "origin",
            "action",
            "resource",
            "resource_id",
            "actor",
            "actor_name",
            "api_key",
            "details",
            "before",
            "after",
            "ip_address",
            "request_id",
            "created_at",
            "position",
            "chain_hash",
        )
        read_only_fields = fields

    def get_position(self, entry: AuditEntry) -> int | None:
        """Return its place in the chain."""
        return entry.link.position if hasattr(entry, "link") else None

    def get_chain_hash(self, entry: AuditEntry) -> str | None:
        """Return the hash over all entries up to it."""
        return entry.link.chain_hash if hasattr(entry, "link") else None
