"""What the template routes take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.lib.api.fields import Instant
from templates_mgmt.models import Template


class TemplateOutput(serializers.ModelSerializer[Template]):
    """A template as Meta knows it."""

    account = serializers.UUIDField(source="account_id", read_only=True)
    synced_at = Instant(read_only=True, allow_null=True)
    created_at = Instant(read_only=True)
    updated_at = Instant(read_only=True)

    class Meta:
        model = Template
        fields = (
            "id",
            "account",
            "meta_id",
            "name",
            "language",
            "category",
            "pending_category",
            "status",
            "meta_status",
            "quality",
            "parameter_format",
            "components",
            "rejection_reason",
            "synced_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class SyncOutput(serializers.Serializer[Any]):
    """What a pull from Meta found."""

    new = serializers.IntegerField(read_only=True)
    changed = serializers.IntegerField(read_only=True)
    gone = serializers.IntegerField(read_only=True)
    unchanged = serializers.IntegerField(read_only=True)
