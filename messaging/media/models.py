"""Files that come and go with messages."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from config.lib.ids import new_id


class MediaFile(TenantModel):
    """A file of a message, in either direction, with its own state.

    pending > stored         inbound: announced by a webhook, then fetched with retries
            |> failed        outbound: uploaded by an operator or client, then sent by id
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting to be fetched"
        STORED = "stored", "Stored"
        FAILED = "failed", "Could not be fetched"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message_id = models.UUIDField(null=True, db_index=True)
    sender = models.ForeignKey(
        "messaging.Sender", on_delete=models.CASCADE, null=True, related_name="+"
    )
    meta_media_id = models.CharField(max_length=64, blank=True)
    meta_expires_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    mime_type = models.CharField(max_length=100, blank=True)
    filename = models.CharField(max_length=240, blank=True)
    size = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    path = models.CharField(max_length=300, blank=True, help_text="Path in the media storage.")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        indexes = [
            # Files due to be fetched.
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(status="pending"),
                name="media_due",
            ),
        ]

    def __str__(self) -> str:
        return self.filename or self.mime_type
