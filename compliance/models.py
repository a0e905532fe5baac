"""Consent, the words that end it, and the trail of who did what."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from compliance.audit.models import AuditEntry, AuditLink, AuditPending, PlatformEntry
from compliance.audit.rows import RowChange
from compliance.privacy.models import (
    ErasureRecord,
    PrivacyBatch,
    PrivacyKey,
    PrivacyRequest,
    RetentionRule,
    RetentionRun,
    SuppressedPerson,
)
from config.lib.ids import new_id

__all__ = [
    "AuditEntry",
    "AuditLink",
    "AuditPending",
    "Consent",
    "ConsentEvent",
    "ConsentStatus",
    "ErasureRecord",
    "OptOutWord",
    "PlatformEntry",
    "PrivacyBatch",
    "PrivacyKey",
    "PrivacyRequest",
    "RetentionRule",
    "RetentionRun",
    "RowChange",
    "Scope",
    "SuppressedPerson",
]


class Scope(models.TextChoices):
    """What a consent is about. `all` in the API stands for the four together."""

    MARKETING = "marketing", "Marketing"
    UTILITY = "utility", "Utility"
    AUTHENTICATION = "authentication", "Authentication"
    SERVICE = "service", "Service"


class ConsentStatus(models.TextChoices):
    """Whether a person agreed or said no; `blocked` stands in the ledger only, beside the two."""

    OPTED_IN = "opted_in", "Opted in"
    OPTED_OUT = "opted_out", "Opted out"
    BLOCKED = "blocked", "Blocked for a time"


class ConsentEvent(TenantModel):
    """One line of the consent ledger; never changed, and deleted by an erasure only.

    The database refuses anything else.

    `address` is an address key: the canonical phone number or the Meta user id (BSUID).
    The current state (`Consent`) is the newest event per address and scope. A block has its end in
    `until`; one that ends when it happens lifts the block before it.
    """

    class Source(models.TextChoices):
        API = "api", "API"
        ADMIN = "admin", "Operator"
        IMPORT = "import", "Import"
        MESSAGE = "message", "Message from the person"
        META = "meta", "Meta's marketing setting"
        SEND_ERROR = "send_error", "Answer to a send"
        PRIVACY = "privacy", "Privacy request"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    address = models.CharField(max_length=140)
    scope = models.CharField(max_length=16, choices=Scope)
    status = models.CharField(max_length=12, choices=ConsentStatus)
    source = models.CharField(max_length=12, choices=Source)
    reason = models.CharField(max_length=200, blank=True)
    wording = models.TextField(blank=True)
    language = models.CharField(max_length=12, blank=True)
    evidence = models.JSONField(default=dict)
    ip_address = models.GenericIPAddressField(null=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    occurred_at = models.DateTimeField()
    until = models.DateTimeField(null=True, help_text="When a block ends by itself.")
    is_dated = models.BooleanField(
        default=True,
        db_default=True,
        help_text="False for a consent imported without its date: it yields to every dated event, "
        "so that an old file cannot lift an opt-out.",
    )
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        abstract = False
        indexes = [
            # The ledger of one person, and its replay.
            models.Index(fields=["business", "address", "scope", "-id"], name="consent_ledger"),
            # The list and the export, newest first.
            models.Index(fields=["business", "-id"], name="consent_event_list"),
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()}: {self.get_scope_display()}"


class Consent(TenantModel):
    """Where a person stands now in one scope: the newest event of the ledger.

    `status` is the newest opt-in or opt-out, null when there was none yet; the newest block stands
    beside it and changes nothing about it. The gate reads this table for every message, by its
    unique key.
    """

    address = models.CharField(max_length=140)
    scope = models.CharField(max_length=16, choices=Scope)
    status = models.CharField(max_length=12, choices=ConsentStatus, null=True)
    changed_at = models.DateTimeField()
    blocked_at = models.DateTimeField(null=True)
    blocked_until = models.DateTimeField(null=True)
    is_dated = models.BooleanField(default=True, db_default=True)
    event = models.ForeignKey(ConsentEvent, on_delete=models.PROTECT, related_name="+")

    class Meta(TenantModel.Meta):
        abstract = False
        verbose_name_plural = "consent"
        constraints = [
            models.UniqueConstraint(
                fields=["business", "address", "scope"], name="consent_one_state_per_scope"
            ),
        ]
        indexes = [models.Index(fields=["business", "-changed_at"], name="consent_list")]

    def __str__(self) -> str:
        return f"{self.get_status_display() or 'Blocked'}: {self.get_scope_display()}"


class ContactPolicy(TenantModel):
    """When and how often a business writes to people who agreed; without a row, the defaults.

    Quiet hours and the cap are about marketing. Quiet hours are on the clock of the recipient.
    """

    quiet_from = models.TimeField(
        "quiet from",
        null=True,
        blank=True,
        help_text="No marketing leaves from this time on, by the clock where the person is.",
    )
    quiet_until = models.TimeField(
        "quiet until",
        null=True,
        blank=True,
        help_text="Messages of campaigns wait until this time of the next morning.",
    )
    cap_messages = models.PositiveSmallIntegerField(
        "marketing messages a person",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="The most one person gets in the days below, over all campaigns and numbers. "
        "Empty: no limit.",
    )
    cap_days = models.PositiveSmallIntegerField(
        "in so many days",
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
    )
    block_days = models.PositiveSmallIntegerField(
        "days of a block",
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="How long a temporary block lasts when nobody says otherwise.",
    )
    confirms = models.BooleanField(
        "confirm an opt-out",
        default=True,
        help_text="Answer STOP and START once, in the person's language. Switched off, they work "
        "all the same, silently.",
    )

    class Meta(TenantModel.Meta):
        abstract = False
        verbose_name = "contact policy"
        verbose_name_plural = "contact policy"
        constraints = [models.UniqueConstraint(fields=["business"], name="contact_policy_once")]

    def __str__(self) -> str:
        return "When and how often we write"


class OptOutWord(TenantModel):
    """A whole message that means stop (or start again) here, beside the shipped words."""

    class Effect(models.TextChoices):
        STOP = "stop", "Stop"
        START = "start", "Start again"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    word = models.CharField(max_length=60)
    language = models.CharField(max_length=12, blank=True)
    effect = models.CharField(max_length=5, choices=Effect, default=Effect.STOP)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["business", "word"], name="optout_word_once"),
        ]

    def __str__(self) -> str:
        return self.word
