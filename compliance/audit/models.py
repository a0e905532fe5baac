"""Entries of the trail, the chain over them, and what waits to join it.

Nothing here points at other rows with a constraint: an entry outlives what it describes. The
database refuses to change or delete entries and links, whoever asks but their owner.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from config.lib.ids import new_id

# Tables whose rows the application may add and read only.
APPEND_ONLY: Final = ("compliance_auditentry", "compliance_auditlink")


class AuditEntry(models.Model):
    """Who did what to which object; written in the transaction of what it records.

    `business` is empty for what belongs to none. `signature` is a keyed hash of all the rest, so
    an entry written past the application shows. A trigger adds the `AuditPending` row.
    """

    class Origin(models.TextChoices):
        INTERNAL = "internal", "Action"
        ROW = "row", "Change of a record"
        EXTERNAL = "external", "From outside"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    business = models.ForeignKey(
        "accounts.Business",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    origin = models.CharField(
        max_length=8, choices=Origin, default=Origin.INTERNAL, db_default=Origin.INTERNAL
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    actor_name = models.CharField(max_length=254, blank=True)
    api_key_id = models.UUIDField(null=True)
    action = models.CharField(max_length=60)
    resource = models.CharField(max_length=60, blank=True)
    resource_id = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    ip_address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    signature = models.CharField(max_length=80, db_default="", editable=False)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["business", "-id"], name="audit_list"),
            models.Index(fields=["business", "resource", "resource_id"], name="audit_of_object"),
            models.Index(fields=["business", "actor", "-id"], name="audit_of_actor"),
            models.Index(fields=["business", "action", "-id"], name="audit_of_action"),
            models.Index(fields=["business", "request_id"], name="audit_of_request"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


class PlatformEntry(AuditEntry):
    """An entry that belongs to no business, as its own page shows it."""

    class Meta:
        proxy = True
        verbose_name = "platform entry"
        verbose_name_plural = "platform entries"

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


class AuditLink(models.Model):
    """An entry's place in the chain of its business: `chain_hash` covers all entries up to it.

    chain_hash = SHA-256(chain_hash of the link before, digest); the first one follows a hash of
    the business's id. Positions start at 1 and have no gaps.
    """

    entry = models.OneToOneField(
        AuditEntry,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        primary_key=True,
        related_name="link",
    )
    business = models.ForeignKey(
        "accounts.Business",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )
    position = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    chain_hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["business", "position"],
                name="audit_link_one_per_position",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.chain_hash[:12]}"


class AuditPending(models.Model):
    """An entry that is not in the chain yet; the database adds it with the entry."""

    entry = models.OneToOneField(
        AuditEntry,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        primary_key=True,
        related_name="pending",
    )
    business = models.ForeignKey(
        "accounts.Business",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="+",
    )

    class Meta:
        # Sealing takes the pending entries of one business, oldest first.
        indexes = [models.Index(fields=["business", "entry"], name="audit_pending")]

    def __str__(self) -> str:
        return str(self.pk)
