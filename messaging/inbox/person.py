"""One person at a glance: may they be written to, and what was said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Max

from compliance import consent
from compliance.models import Consent, ConsentStatus, Scope
from messaging.contacts.models import Contact
from messaging.conversations.models import Conversation
from messaging.inbox import threads
from messaging.inbox.threads import WindowState
from messaging.messages.models import Message

RECENT: Final = 30


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether messages of one kind may go to a person, in a sentence."""

    scope: Scope
    is_open: bool
    sentence: str
    changed_at: datetime | None
    status: str


@dataclass(frozen=True, slots=True)
class OptOut:
    """What a person refused; `since` is when all of it stood."""

    scopes: Sequence[Scope]
    since: datetime

    @property
    def of_what(self) -> str:
        """Return "marketing", "marketing and utility" or "everything"."""
        if len(self.scopes) == len(Scope):
            return "everything"
        *first, last = [str(scope.label).lower() for scope in self.scopes]
        return f"{', '.join(first)} and {last}" if first else last


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation of the person with its service window now."""

    conversation: Conversation
    window: WindowState


def list_threads(contact: Contact, *, now: datetime) -> list[Thread]:
    """Return the person's conversations, newest first."""
    rows = Conversation.objects.filter(contact=contact).select_related("sender")
    ordered = rows.order_by("-last_message_at", "-id")[:20]
    return [Thread(one, threads.window_of(one, now)) for one in ordered]


def reach(contact: Contact, found: Sequence[Thread]) -> list[Reach]:
    """Say for each kind of message why it may or may not go to this person."""
    inbound = [one.conversation.last_inbound_at for one in found]
    last = max((at for at in inbound if at is not None), default=None)
    states = consent.state(contact.address_keys, last_inbound_at=last)
    is_window_open = any(one.window.is_open for one in found)
    return [
        _reach(state, is_window_open=is_window_open, has_phone=bool(contact.phone))
        for state in states.values()
    ]


def opt_out(contact: Contact) -> OptOut | None:
    """Return what the person has opted out of, None when they have not."""
    states = consent.state(contact.address_keys).values()
    outs = [one for one in states if one.status == ConsentStatus.OPTED_OUT]
    times = [one.changed_at for one in outs if one.changed_at]
    return OptOut([one.scope for one in outs], max(times)) if times else None


def recent_messages(contact: Contact) -> list[Message]:
    """Return the person's newest messages over all conversations, newest first."""
    rows = Message.objects.filter(contact=contact).select_related("sender").order_by("-id")
    return list(rows[:RECENT])


def consents(contacts: Sequence[Contact]) -> dict[UUID, dict[str, str]]:
    """Return the deciding status by scope of each person: an opt-out at any address wins."""
    keys = {key: one.pk for one in contacts for key in one.address_keys}
    found: dict[UUID, dict[str, str]] = defaultdict(dict)
    for row in Consent.objects.filter(address__in=list(keys)) if keys else ():
        states = found[keys[row.address]]
        if row.status is None:
            continue
        if states.get(row.scope) != ConsentStatus.OPTED_OUT:
            states[row.scope] = row.status
    return found


def last_message_times(contacts: Sequence[Contact]) -> Mapping[UUID, datetime]:
    """Return when each person and the business last exchanged a message."""
    rows = Conversation.objects.filter(contact_id__in=[one.pk for one in contacts])
    return dict(rows.values_list("contact_id").annotate(at=Max("last_message_at")))


def _reach(state: consent.Standing, *, is_window_open: bool, has_phone: bool) -> Reach:
    is_open, sentence = _judge(state, is_window_open=is_window_open, has_phone=has_phone)
    return Reach(
        scope=state.scope,
        is_open=is_open,
        sentence=sentence,
        changed_at=state.changed_at,
        status=state.status.label if state.status else "Nothing recorded",
    )


def _judge(state: consent.Standing, *, is_window_open: bool, has_phone: bool) -> tuple[bool, str]:
    if state.refusal == consent.OPTED_OUT:
        return False, "The person said no. Nothing of this kind is sent."
    if state.refusal == consent.CONSENT_MISSING:
        return False, "No consent is recorded. Record one, with its evidence, to write first."
    if state.scope == Scope.SERVICE:
        if is_window_open:
            return True, "The service window is open: free answers may be sent."
        return False, "The person has not written in the last 24 hours: send a template."
    if state.scope == Scope.AUTHENTICATION and not has_phone:
        return False, "Meta sends codes to phone numbers only; this person has a user id."
    return True, "Approved templates of this kind may be sent at any time."
