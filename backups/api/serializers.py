"""Backups as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backups.models import Backup
from config.lib.api.fields import Instant


class FindingOutput(serializers.Serializer[Any]):
    """Something wrong with a backup."""

    code = serializers.CharField()
    detail = serializers.CharField()


class StartedOutput(serializers.Serializer[Any]):
    """A backup that was asked for."""

    id = serializers.UUIDField()
    status = serializers.CharField()


class BackupOutput(StartedOutput):
    """A backup and what is known about it; without findings and `verified_at` it does not count."""

    trigger = serializers.CharField()
    size = serializers.IntegerField(allow_null=True)
    checksum = serializers.CharField(source="sha256", help_text="SHA-256 of the archive.")
    encrypted = serializers.BooleanField(source="is_encrypted")
    key_fingerprint = serializers.CharField()
    duration_seconds = serializers.SerializerMethodField()
    error = serializers.CharField()
    started_at = Instant()
    finished_at = Instant(allow_null=True)
    checked_at = Instant(allow_null=True)
    verified_at = Instant(allow_null=True)
    findings = FindingOutput(many=True)

    def get_duration_seconds(self, backup: Backup) -> float | None:
        """Return how long it took."""
        if backup.finished_at is None:
            return None
        return round((backup.finished_at - backup.started_at).total_seconds(), 1)
