"""What messaging does about facts from the apps below it."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from compliance.signals import ConsentWithdrawn, consent_withdrawn
from messaging.sending import fence


@receiver(consent_withdrawn)
def let_sends_land(fact: ConsentWithdrawn, **_: Any) -> None:
    """Hold the opt-out's commit until no message to these people is under way."""
    fence.let_land(fact.business_id, fact.addresses)
