"""Messages as people and programs read them: with number, template and conversation."""

from __future__ import annotations

from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from config.lib.errors import NotFound
from messaging.conversations.models import Conversation
from messaging.messages.models import Message


def of_business() -> QuerySet[Message]:
    """Return the messages of the business in scope, each with its `conversation_id`."""
    thread = Conversation.objects.filter(
        sender_id=OuterRef("sender_id"), contact_id=OuterRef("contact_id")
    )
    rows: QuerySet[Message] = Message.objects.select_related("sender", "template")
    return rows.annotate(conversation_id=Subquery(thread.values("pk")[:1]))


def get(message_id: UUID) -> Message:
    """Return a message of the business in scope; raise NotFound."""
    found = of_business().filter(pk=message_id).first()
    if found is None:
        raise NotFound("No such message.")
    return found
