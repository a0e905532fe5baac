"""Which messages are being sent this moment: only their queue rows say so.

A message is `queued` in its own row until its outcome is written; who reads messages is shown
`sending` while its request is under way.
"""

from __future__ import annotations

from django.db.models import Case, CharField, Exists, F, OuterRef, QuerySet, Value, When

from messaging.messages.models import Message
from messaging.sending.models import QueueItem


def show(rows: QuerySet[Message]) -> QuerySet[Message]:
    """Add `shown_status` to the rows: their status, or `sending`."""
    leaving = QueueItem.objects.filter(message_id=OuterRef("pk"), is_in_flight=True)
    return rows.annotate(
        shown_status=Case(
            When(Exists(leaving), status=Message.Status.QUEUED, then=Value("sending")),
            default=F("status"),
            output_field=CharField(),
        )
    )


def status_of(message: Message) -> str:
    """Return a message's status, or `sending`."""
    is_leaving = QueueItem.objects.filter(message_id=message.pk, is_in_flight=True).exists()
    return "sending" if is_leaving and message.status == "queued" else message.status


def only(rows: QuerySet[Message]) -> QuerySet[Message]:
    """Keep messages whose request is under way."""
    leaving = QueueItem.objects.filter(is_in_flight=True).values("message_id")
    return rows.filter(pk__in=leaving, status=Message.Status.QUEUED)
