"""Facts messaging announces, inside the transaction that makes them true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One message moved from one status to another (`before` is None when it was created)."""

    message_id: UUID
    business_id: UUID
    sender_id: UUID
    contact_id: UUID
    campaign_id: UUID | None
    template_id: UUID | None
    category: str
    direction: str
    before: str | None
    after: str
    error_code: int | None
    error_reason: str
    queued_at: datetime | None
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageStatusesChanged:
    """A batch of messages moved. Sent with `fact=`; receivers write in the same transaction."""

    changes: tuple[StatusChange, ...]


message_statuses_changed = Signal()  # kwargs: fact: MessageStatusesChanged


@dataclass(frozen=True, slots=True)
class InboundReceived:
    """A person wrote: stored with their conversation."""

    business_id: UUID
    sender_id: UUID
    contact_id: UUID
    conversation_id: UUID
    message_id: UUID
    type: str
    at: datetime


inbound_received = Signal()  # kwargs: fact: InboundReceived
