"""The loop that turns raw events into what they mean.

A batch is claimed and applied in one transaction. When something in it fails, its halves are
applied apart, and so on, until the one event that fails stands alone: nobody waits for it. A
deadlock is nobody's fault: the whole batch lets go of what it holds and is applied again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from psycopg.errors import DeadlockDetected

from accounts.tenancy import Door, across
from messaging.jobs import APPLY_WEBHOOKS
from messaging.webhooks import batch, claims, dispatch, erased, wakeups
from messaging.webhooks.claims import Event, Outcome, Problem, Reason

logger = structlog.get_logger(__name__)

Counts = Counter[str]

_TRIES = 5


def run(*, clock: Callable[[], datetime], time_slice: timedelta) -> Counts:
    """Apply what is due until nothing is or the time is over; return counts.

    Asks for another run when events are left.
    """
    wakeups.take_down()
    counts: Counts = Counter()
    end = clock() + time_slice
    while done := apply_due(now=clock()):
        counts += done
        if clock() >= end:
            APPLY_WEBHOOKS.enqueue_now()
            break
    return counts


@across(Door.ROUTING)
def apply_due(*, now: datetime) -> Counts:
    """Apply one batch of due events; the counts are empty when none was due."""
    for _ in range(_TRIES - 1):
        try:
            return _apply_due(now)
        except OperationalError as error:
            if not _is_deadlock(error):
                raise
        except IntegrityError:
            # Its person was erased just now: the next look makes somebody new of them.
            logger.info("webhook_batch_again")
    return _apply_due(now)


@transaction.atomic
def _apply_due(now: datetime) -> Counts:
    events = claims.claim(now=now)
    if not events:
        return Counter()
    outcomes = _apply(events, now=now)
    claims.settle(outcomes, now=now)
    erased.cut_settled(outcomes)
    return _counts(outcomes)


def _apply(events: Sequence[Event], *, now: datetime) -> list[Outcome]:
    try:
        with transaction.atomic():
            return dispatch.apply(events, now=now)
    except InterfaceError:
        raise
    except Exception as error:
        if connection.connection is None or connection.connection.closed or _is_deadlock(error):
            raise
        if len(events) > 1:
            middle = len(events) // 2
            return _apply(events[:middle], now=now) + _apply(events[middle:], now=now)
        return [_failed(events[0], error)]


def _is_deadlock(error: Exception) -> bool:
    return isinstance(error.__cause__, DeadlockDetected)


def _failed(event: Event, error: Exception) -> Outcome:
    logger.exception("webhook_event_failed", event_id=str(event.id), attempts=event.attempts)
    problem = Problem(Reason.ERROR, type(error).__name__, _owner(event), may_pass=True)
    return Outcome(event, [problem])


def _owner(event: Event) -> UUID | None:
    """Return whose event it is; nobody's when reading it is what fails."""
    try:
        with transaction.atomic():
            return batch.find_owner(event)
    except Exception:
        if connection.connection is None or connection.connection.closed:
            raise
        return None


def _counts(outcomes: Sequence[Outcome]) -> Counts:
    counts: Counts = Counter(events=len(outcomes))
    counts["again"] = sum(outcome.is_retried for outcome in outcomes)
    counts["dead"] = sum(bool(outcome.final_problems) for outcome in outcomes)
    return counts
