"""What analytics does about facts from messaging."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from analytics import rollups
from messaging.signals import (
    InboundReceived,
    MessageStatusesChanged,
    inbound_received,
    message_statuses_changed,
)


@receiver(message_statuses_changed)
def count_changes(fact: MessageStatusesChanged, **_: Any) -> None:
    """Add the batch to the hours it happened in, in its transaction."""
    rollups.add(fact.changes)


@receiver(inbound_received)
def count_inbound(fact: InboundReceived, **_: Any) -> None:
    """Add an incoming message to its hour, in its transaction."""
    rollups.add_inbound(fact)
