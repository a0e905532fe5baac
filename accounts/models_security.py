"""What a business demands of its people, and what a second person is asked to agree to."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from config.lib.ids import new_id


class ApprovalKind(models.TextChoices):
    """What may need a second person."""

    CAMPAIGN = "campaign", "Campaigns"
    TEMPLATE = "template", "Approval of templates"
    RESTORE = "restore", "Restores"
    MASS_ERASURE = "mass_erasure", "Erasure of many people"
    OWNER_GRANT = "owner_grant", "New owners"
    SECURITY_POLICY = "security_policy", "Weaker security settings"


class SecurityPolicy(TenantModel):
    """What a business demands: a second factor, a second person. No row demands nothing."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    business = models.OneToOneField(
        "accounts.Business",
        on_delete=models.CASCADE,
        related_name="security_policy",
        editable=False,
    )
    needs_second_factor = models.BooleanField(default=False)
    two_person = ArrayField(
        models.CharField(max_length=20, choices=ApprovalKind), default=list, blank=True
    )
    campaign_people = models.PositiveIntegerField(
        null=True, help_text="Campaigns to more people need a second person."
    )
    campaign_cost = models.DecimalField(
        max_digits=12,
        decimal_places=2,
        null=True,
        validators=[MinValueValidator(0)],
        help_text="Campaigns that may cost more need a second person.",
    )
    message_price = models.DecimalField(
        max_digits=8,
        decimal_places=4,
        null=True,
        validators=[MinValueValidator(0)],
        help_text="The most one message costs, in the currency of `campaign_cost`.",
    )

    class Meta(TenantModel.Meta):
        abstract = False
        verbose_name = "security settings"
        verbose_name_plural = "security settings"

    def __str__(self) -> str:
        return "Security settings"


class Approval(TenantModel):
    """A request to a second person, for exactly what `digest` was made of.

        open > approved > used
        |> rejected, withdrawn    |> void (what was approved changed), expired, withdrawn

    `parts` has a hash of each part that was asked about, so that a change can be named; `summary`
    is what was asked, in words, as it stood then. Neither holds anything of a customer.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Waiting"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"
        VOID = "void", "No longer fits"
        USED = "used", "Used"

    LIVE: ClassVar[frozenset[str]] = frozenset({"open", "approved"})

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20, choices=ApprovalKind)
    status = models.CharField(max_length=12, choices=Status, default=Status.OPEN)
    subject_type = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    parts = models.JSONField(default=dict)
    title = models.CharField(max_length=200, blank=True)
    summary = models.JSONField(default=list)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    requester = models.CharField(max_length=254, help_text="Their name then, or the API key's.")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decider = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True)
    reason = models.CharField(
        max_length=500, blank=True, help_text="Why it was rejected, or why it is void."
    )
    closed_at = models.DateTimeField(null=True, help_text="When it was used or ended.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["business", "kind", "subject_type", "subject_id"],
                condition=models.Q(status__in=["open", "approved"]),
                name="approval_one_alive",
            ),
        ]
        indexes = [models.Index(fields=["business", "-id"], name="approval_list")]

    def __str__(self) -> str:
        return self.title or self.get_kind_display()
