"""Which backups to keep: of days, weeks and months, the newest each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored backup, as far as this decision goes."""

    id: UUID
    at: datetime
    is_verified: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """How many days, weeks and months to go back, counted in those that have a backup."""

    days: int = 7
    weeks: int = 4
    months: int = 12


def to_delete(backups: Iterable[Kept], *, policy: Policy = Policy()) -> list[UUID]:  # frozen
    """Return the backups not to keep, oldest first.

    Of each day, week and month the newest verified one stays, else the newest. The newest
    verified one of all and the newest of all stay whatever the policy says.
    """
    found = sorted(backups, key=lambda one: (one.at, one.id), reverse=True)
    kept = {one.id for one in found[:1]}
    kept |= _first_verified(found)
    kept |= _newest(found, lambda at: at.date(), policy.days)
    kept |= _newest(found, lambda at: at.isocalendar()[:2], policy.weeks)
    kept |= _newest(found, lambda at: (at.year, at.month), policy.months)
    return [one.id for one in reversed(found) if one.id not in kept]


def _first_verified(found: Sequence[Kept]) -> set[UUID]:
    return {one.id for one in [one for one in found if one.is_verified][:1]}


def _newest(found: Sequence[Kept], bucket: Callable[[datetime], object], count: int) -> set[UUID]:
    chosen: dict[object, Kept] = {}
    for one in found:
        key = bucket(one.at.astimezone(UTC))
        if key not in chosen and len(chosen) == count:
            continue
        held = chosen.setdefault(key, one)
        if one.is_verified and not held.is_verified:
            chosen[key] = one
    return {one.id for one in chosen.values()}
