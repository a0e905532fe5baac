"""A batch of events as facts, each with the sender or account it is about."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from accounts.models import WhatsAppAccount
from config.lib.ids import time_of
from messaging.meta import facts, notifications
from messaging.senders import routing
from messaging.senders.models import Sender
from messaging.webhooks.claims import Event, Outcome, Problem, Reason

# Facts about a conversation of one number; without the number they belong to nobody.
OF_A_SENDER = (
    facts.InboundMessage,
    facts.StatusUpdate,
    facts.Echo,
    facts.UserPreference,
    facts.IdentityChange,
    facts.Handover,
    facts.HistoryChunk,
    facts.AppStateSync,
)
OF_AN_ACCOUNT = (facts.TemplateEvent, facts.SenderEvent, facts.AccountEvent)
# Kinds of account news that change nothing here, also when they name a portfolio.
UNROUTED_KINDS = frozenset({"partner", "flow", "payment"})


@dataclass(slots=True, eq=False)
class Item:
    """One fact, where it came from and whose it is."""

    outcome: Outcome
    fact: Any
    sender: Sender | None = None
    account: WhatsAppAccount | None = None

    @property
    def at(self) -> datetime:
        """Meta's time of the fact, else when it reached us."""
        told: datetime | None = getattr(self.fact, "timestamp", None)
        return told or time_of(self.outcome.event.id)

    @property
    def business_id(self) -> UUID | None:
        """The business the fact belongs to."""
        owner = self.sender or self.account
        return owner.business_id if owner else None

    def digest(self) -> str:
        """Return a name of the fact: the same words of Meta's give the same one."""
        words = orjson.dumps(self.fact.raw, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(words).hexdigest()[:32]

    def fail(self, reason: Reason, detail: str, *, may_pass: bool = False) -> None:
        """Say that this fact could not be applied."""
        self.outcome.problems.append(Problem(reason, detail, self.business_id, may_pass))


@dataclass(slots=True)
class Batch:
    """Facts by business, facts of nobody, and what becomes of each event."""

    outcomes: list[Outcome] = field(default_factory=list)
    by_business: dict[UUID, list[Item]] = field(default_factory=dict)
    others: list[Item] = field(default_factory=list)


def read(events: Sequence[Event]) -> Batch:
    """Parse and route events; what cannot be is noted in its outcome."""
    batch, router = Batch(), routing.Router()
    for event in events:
        outcome = Outcome(event)
        batch.outcomes.append(outcome)
        if not event.body:
            continue
        try:
            found = notifications.parse(event.body)
        except notifications.InvalidNotification as error:
            outcome.problems.append(Problem(Reason.NOT_JSON, str(error)))
            continue
        for fact in found:
            _route(Item(outcome, fact), router, batch)
    return batch


def last_instant(at: datetime, *, now: datetime) -> datetime:
    """Return the last instant that a time of Meta's may mean: it tells whole seconds.

    For what a person withdraws, so that it outranks what was granted within that second.
    """
    if at.microsecond:
        return at
    return max(at, min(at + timedelta(microseconds=999_999), now))


def find_owner(event: Event) -> UUID | None:
    """Return the first business an event concerns, if that much can be read."""
    return next(iter(read([event]).by_business), None)


def _route(item: Item, router: routing.Router, batch: Batch) -> None:
    fact = item.fact
    if fact.waba_id:
        item.account = router.find_account(fact.waba_id)
    phone_number_id = getattr(fact, "phone_number_id", "")
    if phone_number_id:
        item.sender = router.find(phone_number_id)
    if _is_routed(item):
        if item.business_id is None:
            batch.others.append(item)
        else:
            batch.by_business.setdefault(item.business_id, []).append(item)
        return
    is_number = isinstance(fact, OF_A_SENDER)
    name = f"phone number id {phone_number_id}" if is_number else f"account {fact.waba_id}"
    item.fail(Reason.UNROUTABLE, f"Nobody here has the {name}.")


def _is_routed(item: Item) -> bool:
    if isinstance(item.fact, OF_A_SENDER):
        return item.sender is not None
    if isinstance(item.fact, OF_AN_ACCOUNT):
        is_news = getattr(item.fact, "kind", "") not in UNROUTED_KINDS
        return item.account is not None or item.sender is not None or not is_news
    return True
