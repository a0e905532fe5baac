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
