"""The queue: narrow rows that say what is due, apart from the wide messages."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from config.lib.postgres.sight import BusinessInSight
from messaging.senders.models import Sender


class QueueItem(models.Model):
    """A message waiting for its sender; deleted when its outcome is known.

    Lower `priority` goes first: 0 replies, 5 single sends, 9 campaigns. A claim sets the lease; a
    request that is about to leave sets `is_in_flight`. A lease that runs out in flight means
    outcome unknown; one that runs out before is simply free again.
    """

    message_id = models.UUIDField(primary_key=True)
    business_id = models.UUIDField()
    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact_id = models.UUIDField()
    campaign_id = models.UUIDField(null=True)
    priority = models.PositiveSmallIntegerField()
    not_before = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(db_default=0, default=0)
    lease_until = models.DateTimeField(null=True)
    lease_owner = models.UUIDField(null=True)
    is_in_flight = models.BooleanField(db_default=False, default=False)
    is_held = models.BooleanField(
        db_default=False,
        default=False,
        help_text="Its campaign is paused, or it waits for the morning: not due, blocks nobody.",
    )
    held_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # The claim: what is due for a sender, in order.
            models.Index(
                fields=["sender", "priority", "message_id"],
                condition=models.Q(is_held=False, lease_until__isnull=True),
                name="queue_claim",
            ),
            # One per contact at a time, in the order queued.
            models.Index(
                fields=["sender", "contact_id", "message_id"],
                condition=models.Q(is_held=False),
                name="queue_order_per_contact",
            ),
            # Pause and cancel of a campaign.
            models.Index(
                fields=["campaign_id", "message_id"],
                condition=models.Q(campaign_id__isnull=False),
                name="queue_of_campaign",
            ),
            # Leases that ran out.
            models.Index(
                fields=["lease_until"],
                condition=models.Q(lease_until__isnull=False),
                name="queue_leases",
            ),
            # Rows that wait for the morning.
            models.Index(
                fields=["held_until"],
                condition=models.Q(held_until__isnull=False),
                name="queue_nights",
            ),
        ]

    def __str__(self) -> str:
        return str(self.message_id)


class ScheduledMessage(models.Model):
    """A single message that waits for its time; the sweep moves it to the queue."""

    message_id = models.UUIDField(primary_key=True)
    business_id = models.UUIDField()
    due_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.message_id)


class UnknownMessage(models.Model):
    """A message whose request left and whose answer never came; waits for a status or the sweep."""

    message_id = models.UUIDField(primary_key=True)
    business_id = models.UUIDField()
    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="+", db_index=False)
    since = models.DateTimeField()
    was_resent = models.BooleanField(default=False)
    needs_decision = models.BooleanField(
        default=False, help_text="The window passed in silence; a person decides."
    )

    class Meta:
        indexes = [models.Index(fields=["sender", "since"], name="unknown_reconciliation")]

    def __str__(self) -> str:
        return str(self.message_id)


class SenderUsage(models.Model):
    """Messages a sender sent in one hour (UTC): what the limits are rebuilt from without Redis."""

    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="+", db_index=False)
    business_id = models.UUIDField(db_default=BusinessInSight(), editable=False)
    hour = models.DateTimeField()
    sent = models.PositiveIntegerField(default=0)
    last_sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sender", "hour"], name="sender_usage_once"),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}: {self.sent}"


class PortfolioRecipient(models.Model):
    """A person a portfolio wrote to outside a service window, and when last.

    Meta limits how many there may be in 24 hours. Kept only where the portfolio has a limit.
    """

    portfolio = models.CharField(max_length=40)
    contact_id = models.UUIDField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["portfolio", "contact_id"], name="portfolio_recipient_once"
            ),
        ]
        indexes = [models.Index(fields=["portfolio", "last_at"], name="portfolio_recipient_recent")]

    def __str__(self) -> str:
        return str(self.contact_id)
