"""Which events are due, and what becomes of them.

due > applied: the pending row goes
   |> not yet: due again later, each time after a longer wait
   |> given up: a dead letter with its reason
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from config.lib.ids import new_id
from messaging.webhooks.models import DeadLetter

Reason = DeadLetter.Reason

MAX_EVENTS: Final = 500
# Of bodies with hundreds of statuses each: a second of work, and locks, for some 1,500 of them.
MAX_BYTES: Final = 1024 * 1024
MAX_ATTEMPTS: Final = 8
# A status may overtake the record of its own send, by seconds: 2, 4, 8 … 256 in all 8 minutes.
_FIRST_WAIT: Final = timedelta(seconds=2)

# The window adds up sizes without reading the bodies; only those that fit are fetched.
_CLAIM: Final = """
WITH due AS (
    SELECT event_id, attempts FROM messaging_pendingevent
    WHERE not_before <= %s ORDER BY not_before, event_id LIMIT %s
    FOR UPDATE SKIP LOCKED
), sized AS (
    SELECT due.event_id, due.attempts, raw.body,
           sum(coalesce(octet_length(raw.body), 0)) OVER (ORDER BY due.event_id) AS total,
           row_number() OVER (ORDER BY due.event_id) AS place
    FROM due LEFT JOIN messaging_rawevent raw ON raw.id = due.event_id
)
SELECT event_id, attempts, body FROM sized
WHERE total <= %s OR place = 1 ORDER BY event_id
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A claimed raw event. `body` is empty when the raw event was archived meanwhile."""

    id: UUID
    attempts: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something in an event was not applied; `may_pass`: it is worth trying again."""

    reason: DeadLetter.Reason
    detail: str
    business_id: UUID | None = None
    may_pass: bool = False


@dataclass(slots=True)
class Outcome:
    """What became of an event; no problem means it was applied."""

    event: Event
    problems: list[Problem] = field(default_factory=list)
    # By business, what stands for people who were erased and have to be cut out of the body.
    erased: dict[UUID, set[str]] = field(default_factory=dict)

    @property
    def is_retried(self) -> bool:
        """Whether the event will be tried once more."""
        is_early = self.event.attempts + 1 < MAX_ATTEMPTS
        return is_early and any(problem.may_pass for problem in self.problems)

    @property
    def final_problems(self) -> list[Problem]:
        """The problems no further try will solve."""
        return [one for one in self.problems if not (one.may_pass and self.is_retried)]


def claim(*, now: datetime) -> list[Event]:
    """Lock the next due events until the transaction ends, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [now, MAX_EVENTS, MAX_BYTES])
        return [Event(id_, attempts, bytes(body or b"")) for id_, attempts, body in cursor]


def settle(outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write what became of claimed events, in the transaction that applied them."""
    again = [outcome for outcome in outcomes if outcome.is_retried]
    done = [outcome.event.id for outcome in outcomes if not outcome.is_retried]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM messaging_pendingevent WHERE event_id = ANY(%s)", [done])
        if again:
            cursor.execute(
                "UPDATE messaging_pendingevent AS pending "
                "SET attempts = attempts + 1, not_before = told.not_before "
                "FROM unnest(%s::uuid[], %s::timestamptz[]) AS told (event_id, not_before) "
                "WHERE pending.event_id = told.event_id",
                [
                    [outcome.event.id for outcome in again],
                    [now + wait(outcome.event.attempts) for outcome in again],
                ],
            )
    _bury(outcomes, now)


def wait(attempts: int) -> timedelta:
    """Return how long to wait after this many tries."""
    return _FIRST_WAIT * (1 << attempts)


def put_back(event_ids: Sequence[UUID], *, now: datetime) -> int:
    """Make events due again from the start; return how many still had their raw bytes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_pendingevent (event_id, not_before, attempts) "
            "SELECT id, %s, 0 FROM messaging_rawevent WHERE id = ANY(%s) "
            "ON CONFLICT (event_id) DO UPDATE SET not_before = excluded.not_before, attempts = 0",
            [now, list(event_ids)],
        )
        stored: int = cursor.rowcount
        return stored


def _bury(outcomes: Sequence[Outcome], now: datetime) -> None:
    """Keep dead letters of what failed for good; close those of a replay that worked."""
    dead: dict[tuple[UUID, UUID | None], tuple[Outcome, Problem]] = {}
    for outcome in outcomes:
        for problem in outcome.final_problems:
            dead.setdefault((outcome.event.id, problem.business_id), (outcome, problem))
    for outcome, problem in dead.values():
        _keep(outcome, problem, now)
    settled = [outcome.event.id for outcome in outcomes if not outcome.is_retried]
    replayed = DeadLetter.objects.filter(
        event_id__in=settled, replayed_at__isnull=False, resolved_at=None
    )
    cured = [one.pk for one in replayed if (one.event_id, one.business_id) not in dead]
    if cured:
        DeadLetter.objects.filter(pk__in=cured).update(resolved_at=now)


def _keep(outcome: Outcome, problem: Problem, now: datetime) -> None:
    """Write a dead letter, or open the one there is again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_deadletter AS held "
            "(id, event_id, business_id, reason, detail, attempts, created_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (event_id, business_id) DO UPDATE SET reason = excluded.reason, "
            "detail = excluded.detail, attempts = excluded.attempts, resolved_at = NULL",
            [
                new_id(),
                outcome.event.id,
                problem.business_id,
                problem.reason,
                problem.detail[:500],
                outcome.event.attempts + 1,
                now,
            ],
        )
