"""What became of a try to send: accepted, refused, to be tried again, or unknown."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from messaging.errors import SENTENCES, Refusal
from messaging.meta import errors
from messaging.meta.client import Accepted
from messaging.sending import frequency, gate
from messaging.sending.gate import Candidate

_SKIPPED: Final = {
    gate.TOO_LATE: "The campaign's last time to send had passed.",
    gate.CANCELLED: "The campaign was cancelled.",
    gate.DUPLICATE: "This person has another message of the same campaign.",
    gate.QUIET_TO_THE_END: "It was night for this person until the campaign's last time to send.",
    frequency.CAP: "This person got as much marketing lately as your contact policy allows.",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One try and its end, ready to be written.

    `status` is what the message becomes; `queued` means another try at `not_before`. `error` is
    kept for what must be done about sender, template or person.
    """

    candidate: Candidate
    status: str
    at: datetime
    attempts: int
    wamid: str | None = None
    wa_id: str = ""
    bsuid: str = ""
    not_before: datetime | None = None
    error_code: int | None = None
    error_reason: str = ""
    error_title: str = ""
    error_details: str = ""
    error: errors.SendError | None = None

    @property
    def is_sent(self) -> bool:
        return self.status == "sent"


def accepted(candidate: Candidate, answer: Accepted, *, at: datetime) -> Outcome:
    """Return the outcome of a message Meta took."""
    return Outcome(
        candidate=candidate,
        status="sent",
        at=at,
        attempts=candidate.attempts + 1,
        wamid=answer.wamid,
        wa_id=answer.wa_id,
        bsuid=answer.user_id,
    )


def skipped(candidate: Candidate, *, at: datetime) -> Outcome:
    """Return the outcome of a message the gate turned away just before it would have left."""
    code = candidate.verdict or ""
    title = _SKIPPED[code] if code in _SKIPPED else SENTENCES[Refusal(code)]
    return Outcome(
        candidate=candidate,
        status="cancelled" if code == gate.CANCELLED else "skipped",
        at=at,
        attempts=candidate.attempts,
        error_reason=Refusal.QUIET_HOURS.value if code == gate.QUIET_TO_THE_END else code,
        error_title=title,
    )


def refused(
    candidate: Candidate, error: errors.SendError, *, at: datetime, rng: random.Random
) -> Outcome:
    """Return the outcome of a message Meta did not take, by the class of the error.

    A throttled lane, an unreachable Meta, a paused number or a bad token never fail a message: it
    waits. A transient error does after its number of tries.
    """
    outcome = Outcome(
        candidate=candidate,
        status="failed",
        at=at,
        attempts=candidate.attempts + 1,
        error_code=error.meta_code,
        error_reason=error.info.reason,
        error_title=error.title,
        error_details=error.detail,
        error=error,
    )
    if isinstance(error, errors.OutcomeUnknown):
        return _with(outcome, status="unknown")
    if _waits(error, outcome.attempts):
        wait = errors.delay(error, candidate.attempts, rng)
        return _with(outcome, status="queued", not_before=at + timedelta(seconds=wait))
    return outcome


def broken(candidate: Candidate, *, at: datetime) -> Outcome:
    """Return the outcome of a try that broke in our own code: nobody knows how far it came."""
    return Outcome(
        candidate=candidate,
        status="unknown",
        at=at,
        attempts=candidate.attempts + 1,
        error_reason="internal_error",
        error_title="Sending broke off. The message may have been sent.",
    )


def _waits(error: errors.SendError, attempts: int) -> bool:
    if isinstance(error, errors.Transient):
        return attempts < errors.max_attempts(error.info)
    if isinstance(error, errors.Rejected):
        return error.klass is errors.ErrorClass.PAUSE_SENDER
    return isinstance(error, errors.Throttled | errors.Unreachable | errors.TokenInvalid)


def _with(outcome: Outcome, *, status: str, not_before: datetime | None = None) -> Outcome:
    return replace(outcome, status=status, not_before=not_before)
