"""What waits to be sent to a person: cancelled, as an operator would have done it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db import connection

from accounts import tenancy
from compliance.privacy.registry import BATCH, File, Later, Person, Rows, Step
from messaging.messages.models import Message
from messaging.sending.models import PortfolioRecipient, QueueItem, UnknownMessage
from messaging.sending.request import AlreadySent, cancel


class QueueHolder:
    """The queue, messages that wait for their time, and those whose outcome is unknown."""

    name = "queue"
    title = "Messages waiting to be sent"
    explanation = "Cancelled. A message that was just leaving landed first and was then erased."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield nothing: the messages themselves are given out."""
        yield from ()

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Cancel what waits; wait for what is leaving."""
        ids = sorted(person.contacts)
        waiting = Message.objects.filter(contact__in=ids, status__in=["queued", "scheduled"])
        while page := list(waiting.order_by("id")[:BATCH]):
            yield Step({"cancelled": sum(_cancelled(message, now) for message in page)})
        unknown, _ = UnknownMessage.objects.filter(
            business_id=tenancy.current_id(), message_id__in=_messages_of(ids)
        ).delete()
        places, _ = PortfolioRecipient.objects.filter(contact_id__in=ids).delete()
        if unknown or places:
            yield Step({"unknown": unknown, "places": places})


def _cancelled(message: Message, now: datetime) -> int:
    """Cancel one; say whether it waited. Raises `Later` while a worker holds it."""
    try:
        cancel(message, now=now)
    except AlreadySent as error:
        held = QueueItem.objects.filter(message_id=message.pk)
        if held.filter(lease_until__gt=now).exists():
            raise Later("A message is just leaving.") from error
        held.delete()
        return Message.objects.filter(pk=message.pk, status__in=["queued", "scheduled"]).update(
            status=Message.Status.CANCELLED
        )
    return 1


def _messages_of(contact_ids: list[UUID]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.message_id FROM messaging_unknownmessage u "
            "JOIN messaging_message m ON m.id = u.message_id "
            "WHERE u.business_id = %s AND m.contact_id = ANY(%s)",
            [tenancy.current_id(), contact_ids],
        )
        return [message_id for (message_id,) in cursor.fetchall()]
