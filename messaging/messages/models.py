"""The message, its log, and the counters of a campaign."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from config.lib.ids import new_id
from config.lib.postgres.sight import BusinessInSight


class Message(TenantModel):
    """One message, in either direction.

        scheduled > queued > sending > sent > delivered > read
                      |         |> queued again, next_attempt_at     |> failed     |> unknown
                      |> skipped      |> cancelled                        inbound: received

    Partitioned by id, one partition a month. Written once when queued and once when the outcome is
    known; later statuses touch only columns that stand in no index, so updates stay in place
    (HOT). Relations carry no database constraint: partitions are detached as a whole.

    `content` is Meta's object for `type` (`{"body": …}`); for a template
    `{"name", "language", "values": {…}}`. `address` is where it goes or came from: E.164 or BSUID.
    """

    class Direction(models.TextChoices):
        OUTBOUND = "outbound", "Outgoing"
        INBOUND = "inbound", "Incoming"

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        QUEUED = "queued", "Queued"
        SENDING = "sending", "Sending"
        UNKNOWN = "unknown", "Outcome unknown"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        READ = "read", "Read"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        SKIPPED = "skipped", "Skipped"
        RECEIVED = "received", "Received"

    # Nothing of ours moves these any more (Meta's later statuses still may).
    FINAL: ClassVar[frozenset[str]] = frozenset(
        {"sent", "delivered", "read", "failed", "cancelled", "skipped", "received"}
    )

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    business = models.ForeignKey(
        "accounts.Business",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        editable=False,
    )
    direction = models.CharField(max_length=8, choices=Direction)
    type = models.CharField(max_length=24)
    status = models.CharField(max_length=10, choices=Status)
    category = models.CharField(
        max_length=16, help_text="Consent scope: marketing, utility, authentication or service."
    )
    sender = models.ForeignKey(
        "messaging.Sender",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    contact = models.ForeignKey(
        "messaging.Contact",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    campaign = models.ForeignKey(
        "messaging.Campaign",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    template = models.ForeignKey(
        "templates_mgmt.Template",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    address = models.CharField(max_length=140)
    content = models.JSONField(default=dict)
    wamid = models.CharField(max_length=255, null=True)
    reply_to_wamid = models.CharField(max_length=255, blank=True, db_default="")
    attempts = models.PositiveSmallIntegerField(db_default=0, default=0)
    next_attempt_at = models.DateTimeField(null=True)
    error_code = models.IntegerField(
        null=True, help_text="Meta's code; empty for our own refusals."
    )
    error_reason = models.CharField(
        max_length=40, blank=True, db_default="", help_text="Our code: a refusal or an error class."
    )
    error_title = models.CharField(max_length=300, blank=True, db_default="")
    error_details = models.TextField(blank=True, db_default="")
    pricing_category = models.CharField(max_length=40, blank=True, db_default="")
    is_billable = models.BooleanField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    metadata = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    scheduled_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    occurred_at = models.DateTimeField(null=True, help_text="Meta's time of an incoming message.")

    class Meta(TenantModel.Meta):
        abstract = False
        indexes = [
            # Message list and API, newest first.
            models.Index(fields=["business", "-id"], name="message_list"),
            # A conversation as a chat, and `to`/`from` filters.
            models.Index(fields=["contact", "-id"], name="message_of_contact"),
            # Statuses that come without our callback data; replies quoting a message.
            models.Index(
                fields=["wamid"], condition=models.Q(wamid__isnull=False), name="message_by_wamid"
            ),
            # A campaign's messages.
            models.Index(
                fields=["campaign", "-id"],
                condition=models.Q(campaign__isnull=False),
                name="message_of_campaign",
            ),
            # Failures, newest first: dashboard and retry.
            models.Index(
                fields=["business", "-failed_at"],
                condition=models.Q(failed_at__isnull=False),
                name="message_failures",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_direction_display()} {self.type}"

    @property
    def is_retryable(self) -> bool:
        """Whether an operator may queue this message again."""
        return self.status == self.Status.FAILED and self.direction == self.Direction.OUTBOUND


class MessageEvent(TenantModel):
    """One line of a message's log. The id is derived from the fact, so a repeat changes nothing.

    Partitioned by id, one partition a month.
    """

    class Source(models.TextChoices):
        REQUEST = "request", "Request"
        PUMP = "pump", "Sending"
        WEBHOOK = "webhook", "Meta"
        OPERATOR = "operator", "Operator"
        SWEEP = "sweep", "Maintenance"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    business = models.ForeignKey(
        "accounts.Business",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        editable=False,
    )
    message = models.ForeignKey(
        Message,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="events",
    )
    status = models.CharField(max_length=16)
    source = models.CharField(max_length=10, choices=Source)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    error = models.JSONField(null=True)
    detail = models.CharField(max_length=300, blank=True, db_default="")

    class Meta(TenantModel.Meta):
        abstract = False
        indexes = [models.Index(fields=["message", "id"], name="message_event_log")]

    def __str__(self) -> str:
        return self.status


class CampaignTally(models.Model):
    """How many messages of a campaign stand at each status; written with the batch that moves them.

    Sums per campaign never change except by launch: a message moves from one status to another.
    """

    campaign = models.ForeignKey(
        "messaging.Campaign", on_delete=models.CASCADE, related_name="tallies"
    )
    business_id = models.UUIDField(db_default=BusinessInSight(), editable=False)
    status = models.CharField(max_length=10)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "status"], name="campaign_tally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.status}: {self.count}"
