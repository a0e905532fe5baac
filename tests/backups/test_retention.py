"""Which backups stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from backups.retention import Kept, Policy, to_delete
from config.lib import ids

NOW = datetime(2026, 11, 18, 2, 30, tzinfo=UTC)


def nights(count: int, *, verified: bool = True) -> list[Kept]:
    """Return one backup a night, newest first."""
    made = []
    for night in range(count):
        at = NOW - timedelta(days=night)
        made.append(Kept(ids.derived_id(at, "night"), at, verified))
    return made


def test_days_weeks_and_months_keep_their_newest() -> None:
    history = nights(400)

    doomed = set(to_delete(history))

    kept = [one.at for one in history if one.id not in doomed]
    assert kept[:7] == [NOW - timedelta(days=night) for night in range(7)]
    assert {at.strftime("%Y-%m") for at in kept} == {
        f"{2025 + (month > 12)}-{(month - 1) % 12 + 1:02}" for month in range(12, 24)
    }
    assert len(kept) <= 7 + 4 + 12


def test_the_newest_verified_stays_however_many_failed_since() -> None:
    good = nights(1)[0]
    good = Kept(good.id, NOW - timedelta(days=900), is_verified=True)
    bad = nights(400, verified=False)

    assert good.id not in to_delete([good, *bad])
    assert bad[0].id not in to_delete([good, *bad])


def test_a_verified_one_stands_for_its_day_before_a_newer_that_is_not() -> None:
    day = NOW - timedelta(days=3)
    verified = Kept(ids.new_id(), day, is_verified=True)
    newer = Kept(ids.new_id(), day + timedelta(hours=5), is_verified=False)

    assert to_delete([verified, newer, nights(1)[0]], policy=Policy(2, 0, 0)) == [newer.id]


def test_nothing_is_deleted_of_nothing() -> None:
    empty: list[UUID] = to_delete([])

    assert empty == []
    assert to_delete(nights(1, verified=False)) == []
