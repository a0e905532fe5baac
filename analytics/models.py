"""Hourly sums: small rows written with each batch of facts, read by every chart."""

from __future__ import annotations

from django.db import models

from accounts.tenancy import TenantModel


class MessageHour(TenantModel):
    """How many messages reached `metric` in one hour (UTC).

    `sent`, `delivered` and `read` count a message once, in the hour it got there; a read message
    whose delivery was never reported counts as delivered too.
    """

    class Metric(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        READ = "read", "Read"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Skipped"
        UNKNOWN = "unknown", "Outcome unknown"
        CANCELLED = "cancelled", "Cancelled"
        RECEIVED = "received", "Received"

    hour = models.DateTimeField()
    sender_id = models.UUIDField()
    template_id = models.UUIDField(null=True)
    category = models.CharField(max_length=16)
    metric = models.CharField(max_length=10, choices=Metric)
    count = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["business", "hour", "sender_id", "template_id", "category", "metric"],
                name="message_hour_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.metric}: {self.count}"


class FailureHour(TenantModel):
    """Why messages failed or were skipped in one hour (UTC), by Meta's code and our reason."""

    hour = models.DateTimeField()
    sender_id = models.UUIDField()
    status = models.CharField(max_length=10)
    error_code = models.IntegerField(null=True)
    error_reason = models.CharField(max_length=40, blank=True)
    count = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["business", "hour", "sender_id", "status", "error_code", "error_reason"],
                name="failure_hour_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.error_code or self.error_reason}: {self.count}"
