"""The loop of one sender: claim, gate, throttle, send, record, until nothing is due.

    claim     rows of the queue, leased; one a contact
    gate      a verdict for each, in one query; refusals are recorded, the rest goes on
    throttle  how many may leave now; the others go back with the time they become due
    mark      in flight, in a transaction that an opt-out excludes
    send      concurrently, no transaction open
    record    whatever has been answered since the last round, in one transaction

Several workers may run it for one sender at once: leases keep their rows apart and the throttle
their sum within the limits.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django import db
from django.db import InterfaceError, OperationalError
from django.db.models import Manager
from redis.exceptions import RedisError

from accounts import tenancy
from compliance import policy
from compliance.policy import Policy
from config.lib.ids import new_id
from messaging.senders.models import Sender
from messaging.sending import followups, gate, outcomes, queue, record, throttle
from messaging.sending.flight import Flight
from messaging.sending.gate import Candidate
from messaging.sending.outcomes import Outcome
from messaging.sending.pace import Pace

logger = structlog.get_logger(__name__)

Clock = Callable[[], datetime]

# Requests of one loop under way at once; at 300 ms a request this carries 1,000 a second.
IN_FLIGHT: Final = 320
# Rows a round claims at most.
BATCH: Final = 100
# A round that is due this soon is waited for; a later one is left to the sweep.
PATIENCE_SECONDS: Final = 2.0
# A database that restarts is back by then; the lease outlives it.
DATABASE_PATIENCE_SECONDS: Final = 20.0


def run(
    sender_id: UUID, *, clock: Clock, seconds: float, priority: int = queue.CAMPAIGN
) -> Counter[str]:
    """Send what is due for a sender, for at most `seconds`; return outcomes by status.

    The count `more` is set when work was left for another run.
    """
    sender = _sender(sender_id)
    with tenancy.scope(sender.business_id):
        return _Lane(sender, clock=clock, priority=priority).run(seconds)


@tenancy.across(tenancy.Door.ROUTING)
def _sender(sender_id: UUID) -> Sender:
    return _read(Sender.across_businesses, sender_id)


def _read(senders: Manager[Any], sender_id: UUID) -> Sender:
    found: Sender = senders.select_related("account", "business").get(pk=sender_id)
    return found


class _Lane:
    """One run for one sender: what it holds, and what is under way."""

    def __init__(self, sender: Sender, *, clock: Clock, priority: int) -> None:
        self.sender = sender
        self.clock = clock
        self.priority = priority
        self.owner = new_id()
        self.flight = Flight(clock)
        self.pace = Pace()
        self.rules: Policy | None = None
        self.counts: Counter[str] = Counter()

    def run(self, seconds: float) -> Counter[str]:
        """Send until nothing is due or the time is over; see all that left land, come what may."""
        try:
            self._run(until=self.clock() + timedelta(seconds=seconds))
        finally:
            while self.flight.under_way:
                self._record(PATIENCE_SECONDS)
        return self.counts

    def _run(self, *, until: datetime) -> None:
        wait = 0.0
        while self.clock() < until:
            if wait or self.flight.under_way >= IN_FLIGHT - BATCH:
                self._record(wait or PATIENCE_SECONDS)
            else:
                self._record(0)
            next_wait = self._round()
            if next_wait is None and not self.flight.under_way:
                break
            wait = PATIENCE_SECONDS if next_wait is None else next_wait
        else:
            self.counts["more"] = 1

    def _round(self) -> float | None:
        """Send what may leave now; return seconds to the next round, None when nothing is due."""
        if pause := self.pace.wait_seconds(self.sender):
            return pause
        now = self.clock()
        self.rules = None
        self.sender = _read(Sender.objects, self.sender.pk)
        if not self._may_send(now):
            return None
        limit = min(BATCH, IN_FLIGHT - self.flight.under_way, self.pace.room(self.sender))
        if limit < 1:
            return PATIENCE_SECONDS
        claimed = queue.claim(
            sender_id=self.sender.pk, owner=self.owner, limit=limit, now=now, priority=self.priority
        )
        if not claimed:
            return self._seconds_to_next_due(now)
        candidates = self._judged([row.message_id for row in claimed], now)
        leaving, wait = self._throttled(candidates, now)
        self._send(leaving, now)
        return None if wait is None else max(wait, self.pace.wait_seconds(self.sender))

    def _policy(self) -> Policy:
        """Return the contact policy as it was when this round first asked."""
        if self.rules is None:
            self.rules = policy.current()
        return self.rules

    def _may_send(self, now: datetime) -> bool:
        sender = self.sender
        is_resting = sender.is_paused_at(now) or sender.is_cooling_at(now)
        return sender.business.is_active and not is_resting

    def _seconds_to_next_due(self, now: datetime) -> float | None:
        by = now + timedelta(seconds=PATIENCE_SECONDS)
        due_at = queue.next_due_at(self.sender.pk, by=by, priority=self.priority)
        return max(0.02, (due_at - now).total_seconds()) if due_at else None

    def _judged(self, message_ids: Sequence[UUID], now: datetime) -> list[Candidate]:
        """Return the candidates that may go on; settle the others."""
        candidates = gate.judge(message_ids, now=now, rules=self._policy)
        going, refused, held = [], [], []
        asleep: dict[datetime | None, list[UUID]] = {}
        settled = list(set(message_ids) - {one.message_id for one in candidates})
        for candidate in candidates:
            match candidate.verdict:
                case None:
                    going.append(candidate)
                case gate.HELD:
                    held.append(candidate.message_id)
                case gate.SETTLED:
                    settled.append(candidate.message_id)
                case gate.ASLEEP:
                    asleep.setdefault(candidate.not_before, []).append(candidate.message_id)
                case _:
                    refused.append(outcomes.skipped(candidate, at=now))
        if held:
            queue.hold(held, owner=self.owner)
        for morning, ids in asleep.items():
            queue.hold_until(ids, owner=self.owner, until=morning)
        if settled:
            queue.drop(settled, owner=self.owner)
        self._write(refused, now)
        return going

    def _throttled(
        self, candidates: list[Candidate], now: datetime
    ) -> tuple[list[Candidate], float | None]:
        """Return who may leave now and the seconds until the sender's next token.

        None when its hour, its day or the portfolio is used up: the rest need not be asked now.
        """
        if not candidates:
            return [], 0.0
        wishes = [throttle.Wish(one.contact_id, one.needs_unique) for one in candidates]
        try:
            answer = throttle.take(self.sender, wishes, now=now)
        except RedisError:
            logger.warning("throttle_unavailable", sender_id=str(self.sender.pk))
            self._give_back(candidates, now + timedelta(seconds=1))
            return [], 1.0
        self.pace.learn(answer)
        late: dict[datetime, list[Candidate]] = {}
        for candidate, verdict in zip(candidates, answer.verdicts, strict=True):
            if verdict != throttle.GO:
                due = throttle.due_at(verdict, wait_seconds=answer.wait_seconds, now=now)
                late.setdefault(due, []).append(candidate)
        for due, group in late.items():
            self._give_back(group, due)
        pairs = zip(candidates, answer.verdicts, strict=True)
        is_used_up = answer.verdicts[-1] in (throttle.HOUR, throttle.DAY) or all(
            verdict == throttle.PORTFOLIO for verdict in answer.verdicts
        )
        going = [one for one, verdict in pairs if verdict == throttle.GO]
        return going, None if is_used_up else answer.wait_seconds

    def _give_back(self, candidates: Sequence[Candidate], due: datetime) -> None:
        ids = [one.message_id for one in candidates]
        queue.release(ids, owner=self.owner, not_before=due)

    def _send(self, candidates: list[Candidate], now: datetime) -> None:
        if not candidates:
            return
        offers = {
            one.message_id: one.contact_id for one in candidates if one.category == gate.MARKETING
        }
        leaving = queue.mark_leaving(
            [one.message_id for one in candidates],
            owner=self.owner,
            now=self.clock(),
            capped=offers,
            cap=self._policy().cap if offers else None,
        )
        turned_away = [one for one in candidates if one.message_id not in leaving]
        self._give_back(turned_away, now + timedelta(milliseconds=200))
        self.flight.start(
            [one for one in candidates if one.message_id in leaving],
            phone_number_id=self.sender.phone_number_id,
            token=self.sender.account.access_token,
        )

    def _record(self, seconds: float) -> None:
        """Write what was answered, waiting up to `seconds` for it, or for tokens."""
        if not self.flight.under_way:
            time.sleep(seconds)
            return
        found = self.flight.collect(seconds)
        if found:
            self._write_in_spite(found)
            followups.act(found, sender=self.sender, now=self.clock())

    def _write_in_spite(self, found: Sequence[Outcome]) -> None:
        """Write outcomes though the database may be away for a moment.

        Forgetting an answer would leave its message unknown; nothing is written twice.
        """
        deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
        while True:
            try:
                self._write(found, self.clock())
                return
            except (OperationalError, InterfaceError):
                if time.monotonic() > deadline:
                    raise
                logger.warning("record_waits_for_database", outcomes=len(found))
                db.close_old_connections()
                time.sleep(0.5)

    def _write(self, found: Sequence[Outcome], now: datetime) -> None:
        claim = record.Claim(sender=self.sender, owner=self.owner)
        self.counts += record.outcomes(found, claim=claim, now=now)
