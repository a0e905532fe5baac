"""Which addresses are the same person: a number and a Meta user id may be one and the same.

Compliance files consent by address and knows no contacts. Whoever does registers a finder, so that
what is recorded or asked under one address holds for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from compliance import consent, evidence
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope

# From address keys to all keys of the same person, in the business in scope; may leave out who is
# not known.
Finder = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]

_finders: Final[list[Finder]] = []


def register(finder: Finder) -> None:
    """Add a finder, once."""
    if finder not in _finders:
        _finders.append(finder)


def keys_of(address: str) -> list[str]:
    """Return every address key of this person, the one asked for first."""
    return keys_of_many([address])[address]


def keys_of_many(addresses: Sequence[str]) -> dict[str, list[str]]:
    """Return every address key of each person, the one asked for first."""
    found = {address: [address] for address in addresses}
    for finder in _finders:
        for address, keys in finder(list(found)).items():
            found[address] = list(dict.fromkeys([*found[address], *keys]))
    return found


def hold(find: Callable[[], Sequence[str]]) -> list[str]:
    """Return every address key of a person; none is left behind until the transaction ends.

    `find` looks them up, and is asked again once they are held: whoever changes an address holds
    it too (`carry`).
    """
    held: list[str] = []
    while True:
        keys = list(find())
        if set(keys) <= set(held):
            return keys
        held = [*held, *keys]
        consent.lock(held)


def carry(*, before: Sequence[str], kept: Sequence[str], now: datetime) -> None:
    """Repeat under the addresses a person kept what they said under one they left.

    Without this an opt-out would end with a change of number. An opt-out at any old address
    counts for all that remain, also over a later opt-in at another of them, and so does a block;
    an opt-in counts only for addresses that are new. Holds all of them, so that what is just being
    said under the old one is repeated too. Call it inside a transaction.
    """
    if not set(before) - set(kept):
        return
    consent.lock([*before, *kept])
    fresh = [key for key in kept if key not in before]
    rows = list(Consent.objects.filter(address__in={*before, *kept}).select_related("event"))
    said = [row for row in rows if row.address in before]
    told = [row for row in said if row.status is not None]
    ranked = sorted(told, key=lambda row: (row.status == ConsentStatus.OPTED_OUT, row.changed_at))
    for row in {row.scope: row for row in ranked}.values():
        if row.status == ConsentStatus.OPTED_OUT:
            _repeat(row, kept, at=_last_word(rows, row.scope, row.changed_at), now=now)
        elif fresh:
            _repeat(row, fresh, at=row.changed_at, now=now)
    for row in said:
        if row.blocked_at and row.blocked_until and row.blocked_until > now and not _is_lifted(row):
            at = _last_word(rows, row.scope, row.blocked_at)
            _repeat_block(row, kept, at=at, now=now)


def _last_word(rows: Sequence[Consent], scope: str, at: datetime) -> datetime:
    """Return an instant no opt-in known of this person outranks: at a tie, no wins."""
    return max([at, *(row.changed_at for row in rows if row.scope == scope and row.is_dated)])


def _is_lifted(row: Consent) -> bool:
    is_in = row.status == ConsentStatus.OPTED_IN and row.is_dated
    return bool(is_in and row.blocked_at and row.changed_at > row.blocked_at)


def _repeat(row: Consent, keys: Sequence[str], *, at: datetime, now: datetime) -> None:
    consent.record(
        addresses=keys,
        scopes=[Scope(row.scope)],
        status=ConsentStatus(row.status or ""),
        source=ConsentEvent.Source.META,
        occurred_at=at,
        is_dated=row.is_dated,
        now=now,
        reason="the person changed address",
        wording=row.event.wording,
        language=row.event.language,
        evidence={"kind": evidence.CARRIED, "carried_from_event": str(row.event_id)},
    )


def _repeat_block(row: Consent, keys: Sequence[str], *, at: datetime, now: datetime) -> None:
    consent.record(
        addresses=keys,
        scopes=[Scope(row.scope)],
        status=ConsentStatus.BLOCKED,
        source=ConsentEvent.Source.META,
        occurred_at=at,
        until=row.blocked_until,
        now=now,
        reason="the person changed address",
        evidence={"kind": evidence.CARRIED},
    )
