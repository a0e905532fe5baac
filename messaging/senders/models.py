"""Our phone numbers: limits, quality, pauses, and when Meta last spoke about them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models.functions import Now

from accounts.models import WhatsAppAccount
from accounts.tenancy import TenantModel
from config.lib.ids import new_id
from config.lib.postgres.sight import BusinessInSight


class Sender(TenantModel):
    """A phone number of ours at Meta.

    A sender may send when it is connected, not paused and not cooling down. Limits left empty are
    Meta's: 80 messages a second (1,000 with high throughput), one per 6 seconds and person with a
    burst of 45. Source: shared meta notes on limits, read 2026-11.
    """

    class Quality(models.TextChoices):
        UNKNOWN = "unknown", "Not rated yet"
        GREEN = "green", "High"
        YELLOW = "yellow", "Medium"
        RED = "red", "Low"

    class Throughput(models.TextChoices):
        STANDARD = "standard", "Standard (80 a second)"
        HIGH = "high", "High (1,000 a second)"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(WhatsAppAccount, on_delete=models.CASCADE, related_name="senders")
    phone_number_id = models.CharField("phone number id at Meta", max_length=32, unique=True)
    phone = models.CharField("phone number", max_length=20)
    verified_name = models.CharField(max_length=120, blank=True)
    quality = models.CharField(max_length=8, choices=Quality, default=Quality.UNKNOWN)
    meta_status = models.CharField("status at Meta", max_length=24, default="CONNECTED")
    throughput = models.CharField(max_length=8, choices=Throughput, default=Throughput.STANDARD)
    per_second = models.PositiveIntegerField("messages a second", null=True, blank=True)
    per_hour = models.PositiveIntegerField("messages an hour", null=True, blank=True)
    per_day = models.PositiveIntegerField("messages a day", null=True, blank=True)
    warning_percent = models.PositiveSmallIntegerField(default=80)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.CharField(max_length=200, blank=True, editable=False)
    paused_by_meta = models.BooleanField(default=False, editable=False)
    cooldown_until = models.DateTimeField(null=True, blank=True, editable=False)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["business"],
                condition=models.Q(is_default=True),
                name="sender_one_default_per_business",
            ),
        ]
        indexes = [models.Index(fields=["business", "-id"], name="sender_list")]

    def __str__(self) -> str:
        return f"{self.verified_name or self.phone} ({self.phone})"

    @property
    def rate_per_second(self) -> int:
        """Messages a second this sender may leave with: ours, never above Meta's."""
        # Meta's throughput page, read 2026-09-11.
        ceiling = 1000 if self.throughput == self.Throughput.HIGH else 80
        return min(self.per_second or ceiling, ceiling)

    def is_paused_at(self, now: datetime) -> bool:
        """Say whether nothing may be sent now: paused by someone, or not connected at Meta."""
        if self.meta_status not in {"CONNECTED", "FLAGGED"}:
            return True
        if self.paused_at is None:
            return False
        return self.paused_until is None or now < self.paused_until

    def is_cooling_at(self, now: datetime) -> bool:
        """Say whether Meta asked for a rest that is not over; what is queued waits."""
        return self.cooldown_until is not None and now < self.cooldown_until


class SenderActivity(models.Model):
    """What Meta last said about a sender's messages; one hot row, kept off `Sender`.

    `last_status_message_id` is the largest message id a status has come for: an unknown message
    with a smaller id that stays silent was not accepted.
    """

    sender = models.OneToOneField(
        Sender, on_delete=models.CASCADE, primary_key=True, related_name="activity"
    )
    business_id = models.UUIDField(db_default=BusinessInSight(), editable=False)
    last_status_message_id = models.UUIDField(null=True)
    last_status_at = models.DateTimeField(null=True)
    last_inbound_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"activity of {self.sender_id}"


class SenderEvent(TenantModel):
    """A warning, pause, resume, cooldown or change of quality, with its cause."""

    class Kind(models.TextChoices):
        WARNING = "warning", "Warning"
        PAUSED = "paused", "Paused"
        RESUMED = "resumed", "Resumed"
        COOLDOWN = "cooldown", "Cooldown"
        QUALITY = "quality", "Quality changed"
        LIMIT = "limit", "Limit changed"
        STATUS = "status", "Status changed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=10, choices=Kind)
    detail = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        abstract = False
        indexes = [models.Index(fields=["business", "sender", "-id"], name="sender_event_list")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.detail}"
