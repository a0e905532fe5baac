"""What Meta posted: the raw bytes, what is still to be applied, and what could not be."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from config.lib.ids import new_id
from messaging.contacts.models import Contact


class RawEvent(models.Model):
    """One POST of Meta's, byte for byte. Partitioned by id, one partition a month."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    received_at = models.DateTimeField(db_default=Now())
    body = models.BinaryField()

    def __str__(self) -> str:
        return str(self.id)


class PendingEvent(models.Model):
    """A raw event still to be applied; written with it, deleted when applied."""

    event_id = models.UUIDField(primary_key=True)
    not_before = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(db_default=0, default=0)

    class Meta:
        indexes = [models.Index(fields=["not_before", "event_id"], name="pending_event_due")]

    def __str__(self) -> str:
        return str(self.event_id)


class DeadLetter(models.Model):
    """A raw event that could not be applied, with the reason; an operator replays it.

    `business` is empty when the event could not be routed: a platform admin sees those.
    """

    class Reason(models.TextChoices):
        NOT_JSON = "not_json", "Not a JSON object"
        UNROUTABLE = "unroutable", "No business has this phone number or account"
        UNKNOWN_MESSAGE = "unknown_message", "Status of a message that is not ours"
        ERROR = "error", "Could not be applied"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    business = models.ForeignKey(
        "accounts.Business", on_delete=models.CASCADE, null=True, related_name="+"
    )
    event_id = models.UUIDField(db_index=True)
    reason = models.CharField(max_length=20, choices=Reason)
    detail = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    replayed_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event_id", "business"], name="dead_letter_once", nulls_distinct=False
            ),
        ]
        indexes = [models.Index(fields=["business", "-id"], name="dead_letter_list")]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}"


class LatestFact(models.Model):
    """The newest fact Meta told about one thing, such as a number's throughput.

    Facts come late and in any order; only one that is newer than this row is applied. Of two of
    the same second the one with the greater digest counts as newer, so that any order gives the
    same end.
    """

    key = models.CharField(primary_key=True, max_length=200)
    occurred_at = models.DateTimeField()
    digest = models.CharField(max_length=32)

    def __str__(self) -> str:
        return self.key


class FormerAddress(TenantModel):
    """An address a contact had before Meta told of a change: late events still carry it."""

    address = models.CharField(max_length=140)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+")
    changed_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(fields=["business", "address"], name="former_address_once"),
        ]

    def __str__(self) -> str:
        return f"former address of {self.contact_id}"
