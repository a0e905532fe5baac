"""The inbox: which conversations, in which order, and what may be done with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Membership, User
from compliance import audit
from config.lib import ids
from config.lib.errors import InvalidInput
from messaging.conversations import window
from messaging.conversations.models import Conversation
from messaging.messages.models import Message

VIEWS: Final[Mapping[str, str]] = {
    "open": "Open",
    "unread": "Unread",
    "mine": "Mine",
    "closed": "Closed",
}
PAGE: Final = 50
CHAT_PAGE: Final = 60
# A message id starts with its time; people's clocks and Meta's are not ours.
_SLACK: Final = timedelta(days=1)

_LAST: Final = """
SELECT m.*, told.id AS conversation_id
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS told (id, sender_id, contact_id)
CROSS JOIN LATERAL (
    SELECT * FROM messaging_message
    WHERE contact_id = told.contact_id AND sender_id = told.sender_id
    ORDER BY id DESC LIMIT 1
) AS m
"""


@dataclass(frozen=True, slots=True)
class WindowState:
    """Whether the person may be answered freely now, and until when."""

    is_open: bool
    closes_at: datetime | None
    left: timedelta | None

    @property
    def is_closing(self) -> bool:
        """Whether less than two hours are left."""
        return self.is_open and self.left is not None and self.left < timedelta(hours=2)

    @property
    def left_text(self) -> str:
        """Return the time left as "21 h" or "35 min"."""
        if not self.is_open or self.left is None:
            return ""
        minutes = int(self.left.total_seconds() // 60)
        return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"


def window_of(conversation: Conversation, now: datetime) -> WindowState:
    """Return the service window of a conversation at this moment."""
    closes_at = window.closes_at(conversation.last_inbound_at)
    is_open = window.is_open(conversation.last_inbound_at, now)
    return WindowState(is_open, closes_at, closes_at - now if closes_at and is_open else None)


def list_threads(
    *, view: str, user: User | None, search: Sequence[UUID] | None = None
) -> QuerySet[Conversation]:
    """Return the conversations of one view of the inbox: unread first, then newest.

    `search` narrows to these contacts and looks at every state.
    """
    rows: QuerySet[Conversation] = Conversation.objects.select_related(
        "contact", "sender", "assigned_to"
    )
    # One nobody ever answered is a send, not a conversation.
    rows = rows.filter(last_inbound_at__isnull=False)
    if search is not None:
        return rows.filter(contact_id__in=list(search)).order_by("-last_message_at", "-id")
    if view == "unread":
        rows = rows.filter(unread__gt=0)
    elif view == "mine":
        rows = rows.filter(assigned_to=user, status=Conversation.Status.OPEN)
    else:
        state = Conversation.Status.CLOSED if view == "closed" else Conversation.Status.OPEN
        rows = rows.filter(status=state)
    return rows.order_by("-last_message_at", "-id")


def unread_first(conversations: Sequence[Conversation]) -> list[Conversation]:
    """Return a page of conversations with unread ones on top, else as they were."""
    return sorted(conversations, key=lambda one: one.unread == 0)


def last_messages(conversations: Sequence[Conversation]) -> dict[UUID, Message]:
    """Return the newest message of each conversation, by conversation id, in one query."""
    if not conversations:
        return {}
    found = Message.across_businesses.raw(
        _LAST,
        [
            [one.pk for one in conversations],
            [one.sender_id for one in conversations],
            [one.contact_id for one in conversations],
        ],
    )
    return {row.conversation_id: row for row in found}


def messages_of(conversation: Conversation, *, before: UUID | None = None) -> QuerySet[Message]:
    """Return the messages of a conversation, newest first; `before` pages back."""
    rows: QuerySet[Message] = Message.objects.filter(
        contact_id=conversation.contact_id, sender_id=conversation.sender_id
    )
    latest = conversation.last_message_at
    if before is not None:
        rows = rows.filter(id__lt=before)
    elif latest is not None:
        # Lets the database leave out partitions that are yet to come.
        rows = rows.filter(id__lt=ids.floor_of(latest + _SLACK))
    return rows.order_by("-id")


def chat(conversation: Conversation, *, before: UUID | None = None) -> list[Message]:
    """Return one page of a chat, oldest first."""
    page = list(messages_of(conversation, before=before)[:CHAT_PAGE])
    return sorted(page, key=lambda one: (one.occurred_at or one.created_at, one.pk))


def version_of(conversation: Conversation) -> str:
    """Return a word that changes whenever the newest page of the chat does."""
    rows = messages_of(conversation).values_list("id", "status")[:CHAT_PAGE]
    return _digest([conversation.status, conversation.assigned_to_id, *rows])


def list_version(conversations: Sequence[Conversation]) -> str:
    """Return a word that changes whenever this page of the inbox does."""
    return _digest(
        [(one.pk, one.last_message_at, one.unread, one.assigned_to_id) for one in conversations]
    )


def close(conversation: Conversation, *, by: User | None) -> None:
    """Put a conversation aside; the person's next message opens it again."""
    _set_status(conversation, Conversation.Status.CLOSED, by)


def reopen(conversation: Conversation, *, by: User | None) -> None:
    """Take a closed conversation up again."""
    _set_status(conversation, Conversation.Status.OPEN, by)


def assign(conversation: Conversation, *, to: User | None, by: User | None) -> None:
    """Give the conversation to a member of the business, or to nobody."""
    if to is not None and not _is_member(to, conversation.business_id):
        raise InvalidInput("This person is no member of the business.", attr="assigned_to")
    Conversation.objects.filter(pk=conversation.pk).update(assigned_to=to)
    conversation.assigned_to = to
    _audit("conversation.assigned", conversation, by, {"to": str(to.pk) if to else None})


def list_assignees(business_id: UUID) -> QuerySet[User]:
    """Return the people a conversation may be given to, by name."""
    members = Membership.objects.filter(business_id=business_id, user__is_active=True)
    return User.objects.filter(pk__in=members.values("user_id")).order_by("name", "email")


def _is_member(user: User, business_id: UUID) -> bool:
    return list_assignees(business_id).filter(pk=user.pk).exists()


def _set_status(conversation: Conversation, status: str, by: User | None) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(status=status)
    conversation.status = status
    _audit(f"conversation.{status}", conversation, by, {})


def _audit(
    action: str, conversation: Conversation, by: User | None, details: dict[str, object]
) -> None:
    audit.record(
        action=action,
        resource="conversation",
        resource_id=str(conversation.pk),
        details=details,
        actor=by,
    )


def _digest(facts: Sequence[object]) -> str:
    return blake2b(repr(facts).encode(), digest_size=8).hexdigest()
