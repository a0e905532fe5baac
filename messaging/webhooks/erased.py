"""What Meta still posts about people who were erased: repeats and late statuses.

Meta repeats a webhook for up to seven days, and a status may come weeks after its message. A
fact from before the erasure is not applied, a status of a message that was erased is no failure;
both are cut out of the raw body. What such a person writes later is news from somebody new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from accounts import tenancy
from compliance.privacy import suppression
from config.lib.addresses import phone_key
from config.lib.ids import time_of
from messaging.meta import facts
from messaging.webhooks import cutting
from messaging.webhooks.batch import Item
from messaging.webhooks.claims import Outcome
from messaging.webhooks.models import RawEvent

# Which fields of a fact name its person.
_NAMES: Final[Mapping[type, tuple[str, ...]]] = {
    facts.InboundMessage: ("from_phone", "from_bsuid"),
    facts.StatusUpdate: ("recipient_phone", "recipient_bsuid"),
    facts.Echo: ("to_phone", "to_bsuid"),
    facts.UserPreference: ("phone", "bsuid"),
    facts.IdentityChange: ("old_phone", "new_phone", "old_bsuid", "new_bsuid"),
    facts.Handover: ("phone", "bsuid"),
    facts.AppStateSync: ("phone",),
}


def without_erased(items: Sequence[Item]) -> list[Item]:
    """Return the facts of the business in scope that are to be applied; note what is to be cut."""
    erased_at = _erased_at(items)
    if not erased_at:
        return list(items)
    kept = []
    for item in items:
        at = _known_since(item)
        if any(at <= erased_at[key] for key in keys_of(item) if key in erased_at):
            cut(item)
        else:
            kept.append(item)
    return kept


def cut(item: Item) -> None:
    """Have the person of a fact cut out of its raw body, once its event is settled."""
    if item.business_id is not None:
        needles = item.outcome.erased.setdefault(item.business_id, set())
        needles |= {spelling.removeprefix("+") for spelling in _spellings(item)}


def cut_settled(outcomes: Sequence[Outcome]) -> int:
    """Rewrite the bodies of events that are settled; return how many parts went."""
    removed = 0
    for outcome in outcomes:
        if outcome.is_retried:
            continue
        for business_id, needles in outcome.erased.items():
            with tenancy.scope(business_id):
                removed += _rewrite(outcome, frozenset(needles))
    return removed


def keys_of(item: Item) -> list[str]:
    """Return the address keys a fact names its person by."""
    names = _NAMES.get(type(item.fact), ())
    given = [str(getattr(item.fact, name)) for name in names if getattr(item.fact, name)]
    return [_key(one) for one in given]


def _known_since(item: Item) -> datetime:
    """Return when what the fact is about came to be: of a status, when its message was made."""
    if isinstance(item.fact, facts.StatusUpdate):
        try:
            return time_of(UUID(item.fact.callback_data))
        except ValueError:
            return item.at
    return item.at


def _spellings(item: Item) -> set[str]:
    names = _NAMES.get(type(item.fact), ())
    given = {str(getattr(item.fact, name)) for name in names if getattr(item.fact, name)}
    return given | {_key(one) for one in given}


def _key(given: str) -> str:
    digits = given.removeprefix("+")
    return phone_key(f"+{digits}") if digits.isdigit() else given


def _erased_at(items: Sequence[Item]) -> dict[str, datetime]:
    found = suppression.find(sorted({key for item in items for key in keys_of(item)}))
    return {address: row.erased_at for address, row in found.items()}


def _rewrite(outcome: Outcome, needles: frozenset[str]) -> int:
    body = cutting.lock(outcome.event.id) if needles else None
    if body is None:
        return 0
    pruned, removed, is_empty = cutting.cut_out(body, needles, cutting.Owner.of_scope())
    if is_empty:
        cutting.delete(outcome.event.id)
    elif removed:
        RawEvent.objects.filter(pk=outcome.event.id).update(body=pruned)
    return removed
