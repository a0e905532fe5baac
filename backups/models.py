"""The history of backups."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from config.lib.ids import new_id


class Backup(models.Model):
    """One sealed archive of the whole database; counts only when a verify found nothing.

    running > done > verified
           |> failed
    """

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Stored"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    status = models.CharField(max_length=8, choices=Status, default=Status.RUNNING)
    trigger = models.CharField(max_length=10, default="manual")
    location = models.CharField(max_length=400, blank=True)
    size = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    is_encrypted = models.BooleanField(default=True)
    key_fingerprint = models.CharField(max_length=16, blank=True)
    manifest = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    findings = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["-id"], name="backup_list")]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"
