"""Bring every fact of a batch to its place, in an order all workers share.

    people of statuses
    by business: identities > preferences > messages (opt-outs first) > holders > people of the app
                 > templates > numbers > accounts
    then, of all businesses at once: statuses > activity of the numbers

Identities come before messages so that late events find who they are about; statuses last so that
an echo is there before what became of it. Each kind is idempotent by its own key.

People come before counters. An opt-out holds the rows of people while it lets messages land, and
they land only when the pump can write the counters, which are held from the first status on:
whoever holds counters must not wait for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter

from accounts import tenancy
from messaging.meta import facts
from messaging.webhooks import batch as batches
from messaging.webhooks import erased, inbound, people, state, statuses
from messaging.webhooks.batch import Item
from messaging.webhooks.claims import Event, Outcome

logger = structlog.get_logger(__name__)

FACTS = Counter("switchboard_webhook_facts", "Facts applied from webhooks, by kind", ["kind"])
NOT_KNOWN = Counter(
    "switchboard_webhook_not_known", "Items of a kind this version does not know", ["field"]
)
# What a label may be; anybody at Meta's end could invent more fields than a counter can hold.
_LONGEST_LABEL = 60


def apply(events: Sequence[Event], *, now: datetime) -> list[Outcome]:
    """Apply events inside the caller's transaction; say for each what could not be applied."""
    batch = batches.read(events)
    for business_id, items in batch.by_business.items():
        with tenancy.scope(business_id):
            batch.by_business[business_id] = erased.without_erased(items)
    routed = [item for items in batch.by_business.values() for item in items]
    statuses.apply_people(_of(routed, facts.StatusUpdate), now=now)
    for business_id in sorted(batch.by_business):
        with tenancy.scope(business_id):
            _apply_business(batch.by_business[business_id], now=now)
    statuses.apply(_of(routed, facts.StatusUpdate), now=now)
    statuses.note_activity(routed)
    _count([*routed, *batch.others])
    return batch.outcomes


def _apply_business(items: Sequence[Item], *, now: datetime) -> None:
    for item in sorted(_of(items, facts.IdentityChange), key=lambda item: item.at):
        people.change(item, now=now)
    state.apply_preferences(_of(items, facts.UserPreference), now=now)
    inbound.apply(_of(items, facts.InboundMessage, facts.Echo, facts.HistoryChunk), now=now)
    state.apply_holders(_of(items, facts.Handover, facts.InboundMessage, facts.Echo), now=now)
    state.apply_app_contacts(_of(items, facts.AppStateSync), now=now)
    state.apply_templates(_of(items, facts.TemplateEvent))
    state.apply_senders(_of(items, facts.SenderEvent))
    state.apply_accounts(_of(items, facts.AccountEvent))


def _of(items: Sequence[Item], *kinds: type) -> list[Item]:
    return [item for item in items if isinstance(item.fact, kinds)]


def _count(items: Sequence[Item]) -> None:
    for item in items:
        fact: Any = item.fact
        FACTS.labels(type(fact).__name__).inc()
        if isinstance(fact, facts.UnknownItem):
            NOT_KNOWN.labels(fact.field[:_LONGEST_LABEL]).inc()
            logger.info("webhook_not_known", field=fact.field[:60], type=fact.type[:60])
        elif isinstance(fact, facts.ValueErrors):
            codes = [error.code for error in fact.errors]
            logger.warning("webhook_errors", codes=codes, business_id=_text(item.business_id))


def _text(id_: UUID | None) -> str:
    return str(id_) if id_ else ""
