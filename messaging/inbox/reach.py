"""May this person be written to right now, kind by kind: the answer, the reason, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from compliance import consent, policy
from compliance.models import Scope
from compliance.policy import Policy
from config.lib import moments
from messaging.contacts.models import Contact
from messaging.inbox.person import Thread
from messaging.sending import frequency, gate

_TONES: Final = {
    consent.OPTED_OUT: "bad",
    consent.BLOCKED: "warn",
    consent.CONSENT_MISSING: "warn",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether messages of one kind may go to a person now; `advice` is what to do about it."""

    scope: Scope
    is_open: bool
    sentence: str
    advice: str
    changed_at: datetime | None
    status: str
    tone: str


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the answers for all kinds are made from."""

    contact: Contact
    is_window_open: bool
    rules: Policy
    now: datetime


def of(contact: Contact, threads: Sequence[Thread], *, now: datetime) -> list[Reach]:
    """Say for each kind of message why it may or may not go to this person now."""
    inbound = [one.conversation.last_inbound_at for one in threads]
    last = max((at for at in inbound if at is not None), default=None)
    states = consent.state(contact.address_keys, last_inbound_at=last, now=now)
    is_window_open = any(one.window.is_open for one in threads)
    facts = _Facts(contact, is_window_open, policy.current(), now)
    return [_reach(state, facts) for state in states.values()]


def _reach(state: consent.Standing, facts: _Facts) -> Reach:
    is_open, sentence, advice = _judge(state, facts)
    tone = "good" if is_open else _TONES.get(state.refusal or "", "warn")
    return Reach(
        scope=state.scope,
        is_open=is_open,
        sentence=sentence,
        advice=advice,
        changed_at=state.changed_at,
        status=state.status.label if state.status else "Nothing recorded",
        tone=tone,
    )


def _judge(state: consent.Standing, facts: _Facts) -> tuple[bool, str, str]:
    match state.refusal:
        case consent.OPTED_OUT:
            return False, "The person said no. Nothing of this kind is sent.", _opted_out(state)
        case consent.BLOCKED:
            until = moments.text(state.blocked_until) if state.blocked_until else "a later time"
            advice = "It ends by itself. End it sooner with “End the block”."
            return False, f"The person is left alone until {until}.", advice
        case consent.CONSENT_MISSING:
            advice = "Ask them, then record the consent with its evidence."
            return False, "No consent is recorded.", advice
    match state.scope:
        case Scope.SERVICE:
            return _service(facts)
        case Scope.AUTHENTICATION if not facts.contact.phone:
            return False, "Meta sends codes to phone numbers only.", "Add the person's number."
        case Scope.MARKETING:
            return _marketing(facts)
    return True, "Approved templates of this kind may be sent at any time.", ""


def _opted_out(state: consent.Standing) -> str:
    if state.scope == Scope.SERVICE:
        return "You may answer again once they write to you."
    return "Only they can change it: by writing START, or by agreeing anew."


def _service(facts: _Facts) -> tuple[bool, str, str]:
    if facts.is_window_open:
        return True, "The service window is open: free answers may be sent.", ""
    sentence = "The person has not written in the last 24 hours."
    return False, sentence, "Send an approved template, or wait for them to write."


def _marketing(facts: _Facts) -> tuple[bool, str, str]:
    contact, rules, now = facts.contact, facts.rules, facts.now
    if morning := gate.quiet_until(contact=contact, at=now, rules=rules):
        sentence = f"It is quiet hours where they are, until {moments.text(morning)}."
        return False, sentence, "Campaigns wait by themselves; a single message is for later."
    if rules.cap and contact.pk in frequency.find_over([contact.pk], rules.cap, now=now):
        most, days = rules.cap.most, rules.cap.days
        sentence = f"They had the most marketing your policy allows: {most} in {days} days."
        return False, sentence, "Wait some days, or raise the limit in the contact policy."
    return True, "Approved templates of this kind may be sent now.", ""
