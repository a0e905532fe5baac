"""One message to many."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from config.lib.ids import new_id
from config.lib.postgres.sight import BusinessInSight
from messaging.contacts.models import Contact, ContactImport
from messaging.senders.models import Sender
from templates_mgmt.models import Template


class Campaign(TenantModel):
    """A template to an audience.

        draft > scheduled > launching > running <> paused
                                |          |> completed      every message has an outcome
                                |> failed  |> cancelled

    `audience` is `{"all": true}`, `{"recipients": true}` (rows given by the API, kept in
    `CampaignRecipient`), or any of `{"list": id, "tag": name, "import": id, "filter": {…}}`
    together: people who fit all of them.
    `variables` maps each template variable to a source:
    `{"1": {"field": "name", "default": "friend"}}` or `{"1": {"value": "10 %"}}`.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        LAUNCHING = "launching", "Launching"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    FINAL: ClassVar[frozenset[str]] = frozenset({"completed", "cancelled", "failed"})

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="campaigns")
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="campaigns")
    audience = models.JSONField(default=dict)
    variables = models.JSONField(default=dict)
    source_import = models.ForeignKey(
        ContactImport, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    scheduled_at = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(
        null=True, blank=True, help_text="Messages still waiting then are skipped, not sent late."
    )
    total = models.PositiveIntegerField(default=0, help_text="People in the audience at launch.")
    skipped = models.JSONField(default=dict, help_text="People who got no message, by code.")
    cursor = models.UUIDField(null=True, editable=False, help_text="Last contact that was queued.")
    fanned_out_at = models.DateTimeField(
        null=True, editable=False, help_text="When everyone in the audience was queued or skipped."
    )
    refused = models.JSONField(
        default=list,
        editable=False,
        help_text="Recipients of a request that are no contacts: the first, by their place in it.",
    )
    pulse = models.JSONField(
        default=dict,
        editable=False,
        help_text="How many messages were settled, lately and when: rate and stand-still.",
    )
    approved = models.JSONField(
        null=True,
        editable=False,
        help_text="What a second person agreed to: hashes of the message and of each page of "
        "people, by the one before it. Empty when nobody was asked.",
    )
    paused_at = models.DateTimeField(null=True, editable=False, help_text="Last time it was.")
    pause_reason = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    launched_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        abstract = False
        indexes = [
            models.Index(fields=["business", "-id"], name="campaign_list"),
            # The sweep: scheduled ones due, launching and running ones to look after.
            models.Index(
                fields=["status", "scheduled_at"],
                condition=models.Q(status__in=["scheduled", "launching", "running"]),
                name="campaign_alive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignRecipient(models.Model):
    """The ledger of a campaign: one row a person, so nobody can be queued twice.

    `message_id` is set when a message was queued, `skip_code` when the gate refused: at launch, or
    later (`skips.sort`).
    `values` are the person's own variables when the API or a file gave them.
    """

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="recipients", db_index=False
    )
    business_id = models.UUIDField(db_default=BusinessInSight(), editable=False)
    contact = models.ForeignKey(
        Contact, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    message_id = models.UUIDField(null=True)
    skip_code = models.CharField(max_length=40, blank=True, db_default="")
    values = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "contact"], name="campaign_recipient_once"),
        ]
        indexes = [
            # The skipped ones of a campaign, with the reason.
            models.Index(
                fields=["campaign", "id"],
                condition=~models.Q(skip_code=""),
                name="campaign_recipient_skipped",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.campaign_id}"
