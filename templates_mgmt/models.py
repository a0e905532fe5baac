"""Message templates as Meta knows them."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from accounts.models import WhatsAppAccount
from accounts.tenancy import TenantModel
from config.lib.ids import new_id


class Template(TenantModel):
    """A message Meta approved, or will: name and language within one WhatsApp account.

    draft > pending > approved <> paused > disabled
               |> rejected        |> archived, deleted (gone at Meta)
    """

    class Category(models.TextChoices):
        MARKETING = "marketing", "Marketing"
        UTILITY = "utility", "Utility"
        AUTHENTICATION = "authentication", "Authentication"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PENDING = "pending", "In review at Meta"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        PAUSED = "paused", "Paused by Meta"
        DISABLED = "disabled", "Disabled by Meta"
        IN_APPEAL = "in_appeal", "In appeal"
        PENDING_DELETION = "pending_deletion", "Being deleted"
        DELETED = "deleted", "Deleted at Meta"
        LIMIT_EXCEEDED = "limit_exceeded", "Limit exceeded"
        LOCKED = "locked", "Locked"
        ARCHIVED = "archived", "Archived"
        UNKNOWN = "unknown", "Unknown state"

    class Quality(models.TextChoices):
        UNKNOWN = "unknown", "Not rated yet"
        GREEN = "green", "High"
        YELLOW = "yellow", "Medium"
        RED = "red", "Low"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(WhatsAppAccount, on_delete=models.CASCADE, related_name="templates")
    meta_id = models.CharField(max_length=32, blank=True)
    name = models.CharField(max_length=512)
    language = models.CharField(max_length=12)
    category = models.CharField(max_length=16, choices=Category)
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT)
    meta_status = models.CharField(
        max_length=40, blank=True, help_text="The state in Meta's own word, also a new one."
    )
    quality = models.CharField(max_length=8, choices=Quality, default=Quality.UNKNOWN)
    parameter_format = models.CharField(max_length=12, default="positional")
    components = models.JSONField(default=list)
    rejection_reason = models.CharField(max_length=500, blank=True)
    pending_category = models.CharField(
        max_length=16, blank=True, help_text="Category Meta announced it will change to."
    )
    synced_at = models.DateTimeField(null=True)
    told_at = models.JSONField(
        default=dict,
        editable=False,
        help_text="When Meta's newest event of each kind happened; an older one changes nothing.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name", "language"], name="template_once_per_language"
            ),
        ]
        indexes = [
            models.Index(fields=["business", "-id"], name="template_list"),
            models.Index(fields=["meta_id"], name="template_of_webhook"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"

    @property
    def is_sendable(self) -> bool:
        return self.status == self.Status.APPROVED
