"""Threads between one sender and one contact, and the service window."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from config.lib.ids import new_id
from messaging.contacts.models import Contact
from messaging.senders.models import Sender


class Conversation(TenantModel):
    """All that one sender and one contact said to each other.

    `last_inbound_at` is Meta's time of the person's newest message; the service window is open for
    24 hours from it (`window.is_open`).
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.CASCADE, related_name="conversations")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="conversations")
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    last_inbound_at = models.DateTimeField(null=True)
    last_message_at = models.DateTimeField(null=True)
    unread = models.PositiveIntegerField(default=0)
    is_standby = models.BooleanField(
        default=False, help_text="Meta's agent holds the conversation; nothing is sent by itself."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta(TenantModel.Meta):
        abstract = False
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "contact"], name="conversation_one_per_sender_and_contact"
            ),
        ]
        indexes = [
            # The inbox, newest first.
            models.Index(fields=["business", "-last_message_at"], name="conversation_inbox"),
            models.Index(fields=["contact"], name="conversation_of_contact"),
        ]

    def __str__(self) -> str:
        return str(self.contact)
