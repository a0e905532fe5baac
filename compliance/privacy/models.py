"""Requests of people about their data, what was erased, and how long data is kept."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from config.lib.crypto import EncryptedTextField
from config.lib.ids import new_id


class PrivacyKey(models.Model):
    """The secret that addresses are hashed and certificates signed with; one, as a rule.

    It belongs to the installation and never changes, so that hashes stay comparable when field
    encryption keys are rotated: only the seal around it is renewed.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    secret = EncryptedTextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return str(self.id)


class PrivacyBatch(TenantModel):
    """Erasures of several people that start together."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        STARTED = "started", "Started"
        WITHDRAWN = "withdrawn", "Withdrawn"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.CharField(max_length=120, help_text="Where the people were named.")
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    size = models.PositiveIntegerField(default=0)
    digest = models.CharField(
        max_length=64, blank=True, help_text="Of the people named; an approval is bound to it."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        verbose_name = "erasure of several people"
        verbose_name_plural = "erasures of several people"
        indexes = [models.Index(fields=["business", "-id"], name="privacy_batch_list")]

    def __str__(self) -> str:
        return self.source


class PrivacyRequest(TenantModel):
    """A person asks for a copy of their data, or that it is erased.

        open > running > done > expired    a copy may be downloaded for seven days
            |> withdrawn      |> failed    tried again and again in vain: somebody looks

    `person` is all the person is known by; it goes when the request is done. `label` is the address
    without its middle.
    """

    class Kind(models.TextChoices):
        ACCESS = "access", "Copy of the data"
        ERASURE = "erasure", "Erasure"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        EXPIRED = "expired", "Done, copy deleted"
        FAILED = "failed", "Failed"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Channel(models.TextChoices):
        MESSAGE = "message", "WhatsApp message"
        EMAIL = "email", "E-mail"
        PHONE = "phone", "Telephone"
        LETTER = "letter", "Letter"
        FORM = "form", "Form or website"
        OTHER = "other", "Another way"

    class AskedBy(models.TextChoices):
        PERSON = "person", "The person"
        REPRESENTATIVE = "representative", "Somebody for the person"
        BUSINESS = "business", "Ourselves"

    FINAL: ClassVar[frozenset[str]] = frozenset({"done", "expired", "withdrawn"})

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    label = models.CharField("person", max_length=60)
    person = EncryptedTextField(blank=True)
    digests = ArrayField(models.CharField(max_length=64), default=list)
    asked_by = models.CharField(max_length=14, choices=AskedBy, default=AskedBy.PERSON)
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.OTHER)
    note = models.TextField(blank=True, max_length=2000)
    received_at = models.DateTimeField("asked on")
    due_at = models.DateTimeField("answer due")
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    batch = models.ForeignKey(
        PrivacyBatch, on_delete=models.CASCADE, null=True, related_name="requests"
    )
    progress = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, help_text="When a worker looks at it (again).")
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    certificate = models.JSONField(null=True)
    file = models.CharField(max_length=300, blank=True, help_text="Path in the media storage.")
    size = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        abstract = False
        indexes = [
            models.Index(fields=["business", "-id"], name="privacy_request_list"),
            # The sweep: what a worker has to look at.
            models.Index(
                fields=["next_at"],
                condition=models.Q(next_at__isnull=False),
                name="privacy_request_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.label}"


class SuppressedPerson(TenantModel):
    """One address of somebody who was erased, as a keyed hash.

    Whoever brings the address back finds an opt-out of `erased_at` in the ledger, which only a
    later consent outranks.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key_id = models.UUIDField()
    digest = models.CharField(max_length=64)
    erased_at = models.DateTimeField()
    opted_out = models.JSONField(
        default=dict, help_text="Scopes the person had opted out of, and when."
    )

    class Meta(TenantModel.Meta):
        abstract = False
        verbose_name_plural = "suppressed people"
        constraints = [
            models.UniqueConstraint(fields=["business", "digest"], name="suppressed_once"),
        ]

    def __str__(self) -> str:
        return self.digest[:12]


class ErasureRecord(TenantModel):
    """That somebody was erased: enough to do it again after a restore, and no more.

    A copy, signed, is kept outside the database (`stored_at`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request_id = models.UUIDField()
    key_id = models.UUIDField()
    digests = ArrayField(models.CharField(max_length=64), default=list)
    contact_ids = ArrayField(models.UUIDField(), default=list)
    erased_at = models.DateTimeField()
    looked_again_at = models.DateTimeField(null=True)
    stored_at = models.DateTimeField(null=True)
    replayed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["request_id"], name="erasure_record_once"),
        ]
        indexes = [
            models.Index(fields=["business", "-id"], name="erasure_record_list"),
            models.Index(
                fields=["erased_at"],
                condition=models.Q(looked_again_at=None) | models.Q(stored_at=None),
                name="erasure_record_due",
            ),
        ]

    def __str__(self) -> str:
        return str(self.request_id)


class RetentionRule(TenantModel):
    """How long a business keeps one kind of data; a kind without a row keeps its default."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20)
    days = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: kept for ever.")
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(db_default=Now())
    done_before = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Nothing older than this was left by the last run, but for what stands in left.",
    )
    left = ArrayField(
        models.UUIDField(),
        default=list,
        db_default=[],
        editable=False,
        help_text="Ids of older rows that could not go yet.",
    )

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["business", "kind"], name="retention_rule_once"),
        ]

    def __str__(self) -> str:
        return self.kind


class RetentionRun(TenantModel):
    """What one application of the rules removed, by kind."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    removed = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        abstract = False
        verbose_name = "retention run"
        indexes = [models.Index(fields=["business", "-id"], name="retention_run_list")]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"
