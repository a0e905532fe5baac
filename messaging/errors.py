"""Name the refusals that several slices of messaging raise.

A refusal inside a batch is a value (a code); at the door, where one caller waits for one
answer, it becomes `SendRefused`. Codes: shared contract of the API, 409 of a refused send.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from config.lib.errors import Conflict


class Refusal(StrEnum):
    """Say why a message may not be sent now."""

    CONSENT_MISSING = "consent_missing"
    OPTED_OUT = "opted_out"
    BLOCKED = "blocked"
    OUTSIDE_SERVICE_WINDOW = "outside_service_window"
    TEMPLATE_NOT_APPROVED = "template_not_approved"
    TEMPLATE_PAUSED = "template_paused"
    SENDER_PAUSED = "sender_paused"
    LIMIT_REACHED = "limit_reached"
    INVALID_RECIPIENT = "invalid_recipient"
    QUIET_HOURS = "quiet_hours"


SENTENCES: Final = {
    Refusal.CONSENT_MISSING: "This person has not agreed to messages of this kind.",
    Refusal.OPTED_OUT: "This person has opted out of messages of this kind.",
    Refusal.BLOCKED: "This person is blocked for a time.",
    Refusal.OUTSIDE_SERVICE_WINDOW: "More than 24 hours have passed since this person wrote: "
    "send an approved template instead.",
    Refusal.TEMPLATE_NOT_APPROVED: "Meta has not approved this template in this language.",
    Refusal.TEMPLATE_PAUSED: "Meta has paused or disabled this template.",
    Refusal.SENDER_PAUSED: "The sending number is paused.",
    Refusal.LIMIT_REACHED: "A sending limit is reached.",
    Refusal.INVALID_RECIPIENT: "The recipient cannot receive this message.",
    Refusal.QUIET_HOURS: "It is quiet hours for this person.",
}


class SendRefused(Conflict):
    """Say that a message may not be sent; the code is one of `Refusal`."""

    def __init__(self, refusal: Refusal, *, detail: str = "") -> None:
        super().__init__(detail or SENTENCES[refusal], code=refusal.value)
        self.refusal = refusal
