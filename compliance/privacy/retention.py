"""How long each kind of data is kept, and the nightly work that keeps to it.

Every app registers the kinds it keeps. A business sets the days of each; what has no rule keeps
its default. Old data goes in batches, a transaction each, and every run says what it removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final, Protocol
from uuid import UUID

from django.db import transaction

from accounts import tenancy
from accounts.access import Access
from accounts.models import Business
from accounts.tenancy import Door
from compliance import audit
from compliance.privacy.models import RetentionRule, RetentionRun
from config.lib import ids
from config.lib.apart import going_on
from config.lib.errors import InvalidInput

LONGEST_DAYS: Final = 36_500
# Previews count no further.
MOST_COUNTED: Final = 100_000
# Rows may be dated into the past when they come late: so much is looked at again each night.
_OVERLAP: Final = timedelta(days=3)
# Ids of rows kept in mind because they could not go yet. With more of them the next nights begin
# at the first that found no place, and read all since again.
MOST_LEFT: Final = 10_000

# Ids carry no time before it, and nothing is as old.
_FIRST_DAY: Final = datetime(1970, 1, 2, tzinfo=UTC)

Clock = Callable[[], datetime]


class Kind(Protocol):
    """A kind of data with an age. `default_days` None: kept for ever unless a rule says less."""

    name: str
    title: str
    explanation: str
    default_days: int | None
    least_days: int

    def count(self, before: datetime) -> int:
        """Return how many rows of the business in scope would go, at most `MOST_COUNTED`."""

    def remove(self, after: datetime | None, before: datetime) -> Iterator[int]:
        """Remove what is older than `before`, a batch each time; nothing is left before `after`."""

    def find_left(
        self, after: datetime | None, before: datetime, known: Collection[UUID]
    ) -> list[UUID]:
        """Return the first ids, `MOST_LEFT` and one more, of rows that cannot go yet.

        Between the two times, or among the `known` ones; ids carry their time.
        """
        return []

    def remove_left(self, known: Collection[UUID], before: datetime) -> Iterator[int]:
        """Remove what can go by now of these older rows, a batch each time."""
        yield from ()


class SharedKind(Protocol):
    """A kind whose rows may belong to several businesses at once: cleared for all together."""

    name: str
    title: str
    explanation: str
    default_days: int | None
    least_days: int

    def count(self, before: datetime) -> int:
        """Return how many rows of the business in scope would go."""

    def remove_shared(
        self, cutoffs: Mapping[UUID, datetime | None], *, unowned: datetime
    ) -> Iterator[Mapping[UUID, int]]:
        """Remove each business's part by its own cutoff, a batch each time."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a kind now."""

    kind: Kind | SharedKind
    days: int | None
    is_default: bool


@dataclass(frozen=True, slots=True)
class Fixed:
    """A kind whose time no rule changes, and why."""

    title: str
    kept: str
    explanation: str


FIXED: Final = (
    Fixed(
        "Copies made for people",
        "7 days",
        "A copy somebody asked for can be downloaded for a week, then it is deleted.",
    ),
    Fixed(
        "Stored answers of the API",
        "1 day",
        "The first answer to a request with an Idempotency-Key, sealed, to answer repeats alike.",
    ),
    Fixed(
        "Files of consents not imported yet",
        "30 minutes",
        "A file that was looked at waits sealed for the yes of who chose it, then it is gone.",
    ),
    Fixed(
        "Consent ledger",
        "until erased",
        "It proves who agreed to what, and is what keeps an opt-out. It goes with the person.",
    ),
    Fixed(
        "Audit trail",
        "for ever",
        "Entries are chained, so none can be taken out. They hold no name, text or whole number of "
        "the people written to.",
    ),
)

_kinds: dict[str, Kind] = {}
_shared: dict[str, SharedKind] = {}


def register(kind: Kind) -> None:
    """Add a kind."""
    _kinds[kind.name] = kind


def register_shared(kind: SharedKind) -> None:
    """Add a kind that is cleared for all businesses together."""
    _shared[kind.name] = kind


def kinds() -> dict[str, Kind | SharedKind]:
    """Return every kind by name."""
    return {**_kinds, **_shared}


def rules() -> list[Rule]:
    """Return what holds in the business in scope, for every kind."""
    own = {row.kind: row.days for row in RetentionRule.objects.all()}
    held = {name: own.get(name, kind.default_days) for name, kind in kinds().items()}
    return [
        Rule(kind, held[name], held[name] == kind.default_days) for name, kind in kinds().items()
    ]


def set_days(*, kind: str, days: int | None, by: Access, now: datetime) -> None:
    """Change how long a kind is kept; None keeps it for ever. Raises `InvalidInput`."""
    found = kinds().get(kind)
    if found is None:
        raise InvalidInput("There is no such kind of data.", attr="kind")
    if days is not None and not found.least_days <= days <= LONGEST_DAYS:
        raise InvalidInput(
            f"{found.title}: at least {found.least_days} days, at most {LONGEST_DAYS}.",
            attr=kind,
        )
    before = next(rule.days for rule in rules() if rule.kind is found)
    if before == days and RetentionRule.objects.filter(kind=kind).exists():
        return
    with transaction.atomic():
        RetentionRule.objects.update_or_create(
            kind=kind,
            business_id=tenancy.current_id(),
            defaults={"days": days, "changed_by": by.user, "changed_at": now},
        )
        audit.record(
            action="retention.changed",
            resource="retention_rule",
            resource_id=kind,
            details={"days": days, "days_before": before},
            actor=by.user,
            actor_name=by.actor_name,
        )


def preview(*, now: datetime, days: Mapping[str, int | None] | None = None) -> dict[str, int]:
    """Return how many rows of each kind would go now, by the rules or by other days."""
    chosen = {rule.kind.name: rule.days for rule in rules()} | dict(days or {})
    return {
        name: 0 if chosen[name] is None else kind.count(_ago(now, chosen[name] or 0))
        for name, kind in kinds().items()
    }


def apply_all(*, clock: Clock, until: datetime) -> dict[str, int]:
    """Apply the rules of every business until the time is over; return rows removed by kind."""
    with tenancy.across(Door.SWEEP):
        businesses = list(Business.objects.order_by("pk").values_list("pk", flat=True))
    shared = _apply_shared(businesses, clock=clock, until=until)
    total: Counter[str] = Counter()
    for business_id in businesses:
        with going_on("retention", business=str(business_id)), tenancy.scope(business_id):
            run = apply(shared.get(business_id, {}), clock=clock, until=until)
            total.update(run.removed)
    return dict(total)


def apply(removed: Mapping[str, int], *, clock: Clock, until: datetime) -> RetentionRun:
    """Apply the rules of the business in scope; note after each batch what went."""
    run = RetentionRun(business_id=tenancy.current_id(), removed=dict(removed))
    run.started_at = clock()
    run.save(force_insert=True)
    for rule in rules():
        kind = _kinds.get(rule.kind.name)
        if kind is None or rule.days is None or clock() >= until:
            continue
        with going_on("retention", business=str(run.business_id), kind=kind.name):
            _apply_rule(kind, rule.days, run, clock=clock, until=until)
    if clock() < until:
        run.finished_at = clock()
        run.save(update_fields=["finished_at"])
    if run.removed:
        audit.record(
            action="retention.applied",
            resource="retention_run",
            resource_id=str(run.pk),
            details=run.removed,
            actor_name="Retention",
        )
    return run


def _apply_rule(kind: Kind, days: int, run: RetentionRun, *, clock: Clock, until: datetime) -> None:
    before = _ago(clock(), days)
    row, _ = RetentionRule.objects.get_or_create(
        kind=kind.name, business_id=run.business_id, defaults={"days": days}
    )
    after = row.done_before - _OVERLAP if row.done_before else None
    left = kind.find_left(after, before, row.left)
    done_before = ids.time_of(left[MOST_LEFT]) if len(left) > MOST_LEFT else before
    batches = chain(kind.remove_left(row.left, before), kind.remove(after, before))
    while clock() < until:
        with transaction.atomic():
            count = next(batches, None)
            if count:
                if kind.name not in run.removed:
                    _record_begin(kind, days)
                run.removed[kind.name] = run.removed.get(kind.name, 0) + count
                run.save(update_fields=["removed"])
        if count is None:
            RetentionRule.objects.filter(pk=row.pk).update(
                done_before=done_before, left=left[:MOST_LEFT]
            )
            return


def _record_begin(kind: Kind | SharedKind, days: int | None) -> None:
    """Record with the first batch that data goes: a run that is killed never tells its counts."""
    audit.record(
        action="retention.begun",
        resource="retention_rule",
        resource_id=kind.name,
        details={"days": days} if days else {},
        actor_name="Retention",
    )


def _apply_shared(
    businesses: list[UUID], *, clock: Clock, until: datetime
) -> dict[UUID, dict[str, int]]:
    removed: dict[UUID, dict[str, int]] = {}
    for kind in _shared.values():
        with going_on("retention", kind=kind.name):
            for counts in _batches(kind, businesses, clock=clock, until=until):
                for business_id, count in counts.items():
                    mine = removed.setdefault(business_id, {})
                    mine[kind.name] = mine.get(kind.name, 0) + count
    return removed


def _batches(
    kind: SharedKind, businesses: list[UUID], *, clock: Clock, until: datetime
) -> Iterator[Mapping[UUID, int]]:
    cutoffs, now = _cutoffs(kind, businesses, clock()), clock()
    unowned = _ago(now, kind.default_days or LONGEST_DAYS)
    batches = kind.remove_shared(cutoffs, unowned=unowned)
    begun: set[UUID] = set()
    while clock() < until:
        with tenancy.across(Door.SWEEP), transaction.atomic():
            counts = next(batches, None)
            for business_id in (counts or {}).keys() - begun:
                with tenancy.scope(business_id):
                    _record_begin(kind, None)
                begun.add(business_id)
        if counts is None:
            return
        yield counts


def _cutoffs(
    kind: SharedKind, businesses: list[UUID], now: datetime
) -> dict[UUID, datetime | None]:
    with tenancy.across(Door.SWEEP):
        rows = RetentionRule.across_businesses.filter(kind=kind.name)
        own = dict(rows.values_list("business_id", "days"))
    days = {one: own.get(one, kind.default_days) for one in businesses}
    return {one: _ago(now, kept) if kept is not None else None for one, kept in days.items()}


def _ago(now: datetime, days: int) -> datetime:
    return max(now - timedelta(days=days), _FIRST_DAY)
