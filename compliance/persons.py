"""Which addresses are the same person: a number and a Meta user id may be one and the same.

Compliance files consent by address and knows no contacts. Whoever does registers a finder, so that
what is recorded or asked under one address holds for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.models import User
from compliance import consent, evidence
from compliance.consent import ConsentRow
from compliance.models import Consent, ConsentEvent, ConsentStatus, Scope

# From address keys to all keys of the same person, in the business in scope; may leave out who is
# not known.
Finder = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]

_finders: Final[list[Finder]] = []
_heir_finders: Final[list[Finder]] = []
_REASON: Final = "the person changed address"
_PARTED: Final = "the contact was changed or deleted"


def register(finder: Finder) -> None:
    """Add a finder, once."""
    if finder not in _finders:
        _finders.append(finder)


def register_heirs(finder: Finder) -> None:
    """Add a finder of the addresses that people have now who left the ones asked for, once."""
    if finder not in _heir_finders:
        _heir_finders.append(finder)


def keys_of(address: str) -> list[str]:
    """Return every address key of this person, the one asked for first."""
    return keys_of_many([address])[address]


def keys_of_many(addresses: Sequence[str]) -> dict[str, list[str]]:
    """Return every address key of each person, the one asked for first."""
    return _found(_finders, addresses)


def keys_to_stop(address: str) -> list[str]:
    """Return every address key an opt-out told under this one reaches."""
    return keys_to_stop_many([address])[address]


def keys_to_stop_many(addresses: Sequence[str]) -> dict[str, list[str]]:
    """Return every address key each opt-out reaches: also of who had the address and left it.

    Who writes down a letter, or an old list, cannot know of a new number. For opt-outs alone: the
    address may be somebody else's by now, who agrees to nothing for others.
    """
    return _found([*_finders, *_heir_finders], addresses)


def _found(finders: Sequence[Finder], addresses: Sequence[str]) -> dict[str, list[str]]:
    found = {address: [address] for address in addresses}
    for finder in finders:
        for address, keys in finder(list(found)).items():
            found[address] = list(dict.fromkeys([*found[address], *keys]))
    return found


def hold(find: Callable[[], Sequence[str]]) -> list[str]:
    """Return every address key of a person; none is left behind until the transaction ends.

    `find` looks them up, and is asked again once they are held: whoever changes an address holds
    it too (`carry`).
    """
    [keys] = hold_many(lambda: [find()])
    return keys


def hold_many(find: Callable[[], Sequence[Sequence[str]]]) -> list[list[str]]:
    """Hold many people at once, as `hold` does one, so that two batches take the same order."""
    held: set[str] = set()
    while True:
        keys = [list(one) for one in find()]
        wanted = {key for one in keys for key in one}
        if wanted <= held:
            return keys
        held |= wanted
        consent.lock(list(held))


@dataclass(frozen=True, slots=True)
class Move:
    """A person who had the addresses `before` and has `kept` now."""

    before: Sequence[str]
    kept: Sequence[str]

    @property
    def leaves(self) -> bool:
        """Whether they left an address: only then is there anything to carry."""
        return not set(self.before) <= set(self.kept)


def carry(*, before: Sequence[str], kept: Sequence[str], now: datetime) -> None:
    """Repeat under the addresses a person kept what they said under one they left.

    Without this an opt-out would end with a change of number. An opt-out at any old address
    counts for all that remain, also over a later opt-in at another of them, and so does a block;
    an opt-in counts only for addresses that are new. Holds all of them, so that what is just being
    said under the old one is repeated too. Call it inside a transaction.
    """
    carry_all([Move(before, kept)], now=now)


def carry_all(moves: Sequence[Move], *, now: datetime) -> None:
    """Carry for many people in a few statements; no address stands in two of the moves."""
    moves = [move for move in moves if move.leaves]
    if not moves:
        return
    keys = {key for move in moves for key in (*move.before, *move.kept)}
    consent.lock(list(keys))
    held: dict[str, list[Consent]] = defaultdict(list)
    for row in Consent.objects.filter(address__in=keys).select_related("event"):
        held[row.address].append(row)
    stands: list[ConsentRow] = []
    blocks: list[ConsentRow] = []
    for move in moves:
        rows = [row for key in {*move.before, *move.kept} for row in held.get(key, ())]
        stands += _stands(move, rows)
        blocks += _blocks(move, rows, now)
    for told in filter(None, (stands, blocks)):
        consent.record_many(told, source=ConsentEvent.Source.META, now=now, reason=_REASON)


def part(
    *, before: Sequence[str], kept: Sequence[str] = (), now: datetime, by: User | None = None
) -> None:
    """Repeat under every address of a person the no they said under one, before they part.

    What ties the addresses together goes with the contact or the address it loses; what was said
    would hold for one of them only. Consent stays where it was given. Call it inside a transaction.
    """
    if set(before) <= set(kept):
        return
    keys = list(dict.fromkeys([*before, *kept]))
    consent.lock(keys)
    rows = list(Consent.objects.filter(address__in=keys).select_related("event"))
    for told in filter(
        None, (list(_noes(before, keys, rows)), [*_blocks(Move(before, keys), rows, now)])
    ):
        consent.record_many(
            told, source=ConsentEvent.Source.ADMIN, now=now, reason=_PARTED, actor=by
        )


def _noes(
    before: Sequence[str], keys: Sequence[str], rows: Sequence[Consent]
) -> Iterator[ConsentRow]:
    """Yield the last no of each scope for the addresses that do not have one."""
    out = [row for row in rows if row.status == ConsentStatus.OPTED_OUT]
    said = sorted((row for row in out if row.address in before), key=lambda row: row.changed_at)
    for row in {row.scope: row for row in said}.values():
        has = {one.address for one in out if one.scope == row.scope}
        if lacking := [key for key in keys if key not in has]:
            yield _repeated(row, lacking, at=_last_word(rows, row.scope, row.changed_at))


def _stands(move: Move, rows: Sequence[Consent]) -> Iterator[ConsentRow]:
    """Yield in each scope every opt-out, else the last word.

    Every opt-out: what stands behind it at its own address decides whether a word lifts it.
    """
    fresh = [key for key in move.kept if key not in move.before]
    told = [row for row in rows if row.address in move.before and row.status is not None]
    outs = [row for row in told if row.status == ConsentStatus.OPTED_OUT]
    for row in outs:
        yield _repeated(row, move.kept, at=_last_word(rows, row.scope, row.changed_at))
    stopped = {row.scope for row in outs}
    ranked = sorted(told, key=lambda row: row.changed_at)
    for row in {row.scope: row for row in ranked}.values():
        if fresh and row.scope not in stopped:
            yield _repeated(row, fresh, at=row.changed_at)


def _blocks(move: Move, rows: Sequence[Consent], now: datetime) -> Iterator[ConsentRow]:
    """Yield the blocks that still work."""
    for row in (row for row in rows if row.address in move.before):
        if row.blocked_at and row.blocked_until and row.blocked_until > now and not _is_lifted(row):
            yield ConsentRow(
                addresses=move.kept,
                scopes=[Scope(row.scope)],
                status=ConsentStatus.BLOCKED,
                occurred_at=_last_word(rows, row.scope, row.blocked_at),
                until=row.blocked_until,
                evidence={"kind": evidence.CARRIED},
            )


def _last_word(rows: Sequence[Consent], scope: str, at: datetime) -> datetime:
    """Return an instant no opt-in known of this person outranks: at a tie, no wins."""
    return max([at, *(row.changed_at for row in rows if row.scope == scope and row.is_dated)])


def _is_lifted(row: Consent) -> bool:
    is_in = row.status == ConsentStatus.OPTED_IN and row.is_dated
    return bool(is_in and row.blocked_at and row.changed_at > row.blocked_at)


def _repeated(row: Consent, keys: Sequence[str], *, at: datetime) -> ConsentRow:
    return ConsentRow(
        addresses=keys,
        scopes=[Scope(row.scope)],
        status=ConsentStatus(row.status or ""),
        occurred_at=at,
        is_dated=row.is_dated,
        wording=row.event.wording,
        language=row.event.language,
        evidence={"kind": evidence.CARRIED, "carried_from_event": str(row.event_id)},
    )
