"""Requests of one lane that are under way: started a batch at a time, collected as answered.

The requests run on the process's event loop; the lane, in its own thread, waits for answers. It
is woken for a group of them rather than for each.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import orjson
import structlog

from config.lib import loop
from messaging.meta import errors, payloads
from messaging.senders import connection
from messaging.sending import outcomes
from messaging.sending.gate import Candidate
from messaging.sending.outcomes import Outcome

logger = structlog.get_logger(__name__)

# Answers that are worth a transaction of their own; fewer wait a moment for company.
GROUP: Final = 100
_COMPANY_SECONDS: Final = 0.02


class Flight:
    """What one lane has under way. `under_way` counts until the outcome is collected."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.under_way = 0
        self._clock = clock
        self._rng = random.Random()  # noqa: S311  # jitter, not a secret
        self._answered: deque[Outcome] = deque()
        self._bell = threading.Event()
        self._wanted = 1

    def start(self, candidates: Sequence[Candidate], *, phone_number_id: str, token: str) -> None:
        """Let requests leave; their outcomes are collected later."""
        if candidates:
            self.under_way += len(candidates)
            loop.submit(self._leave(candidates, phone_number_id, token))

    def collect(self, seconds: float) -> list[Outcome]:
        """Return what was answered, waiting up to `seconds` for the first answer.

        Without waiting, a group too small for a transaction is left for the next time.
        """
        group = min(GROUP, self.under_way)
        if not seconds:
            return self._taken() if len(self._answered) >= group else []
        if self._wait_for(1, seconds):
            self._wait_for(group, _COMPANY_SECONDS)
        return self._taken()

    def _wait_for(self, count: int, seconds: float) -> bool:
        self._wanted = count
        self._bell.clear()
        # Whoever is answered after this look rings the bell.
        return len(self._answered) >= count or self._bell.wait(seconds)

    def _taken(self) -> list[Outcome]:
        found = [self._answered.popleft() for _ in range(len(self._answered))]
        self.under_way -= len(found)
        return found

    async def _leave(
        self, candidates: Sequence[Candidate], phone_number_id: str, token: str
    ) -> None:
        requests = (self._request(one, phone_number_id, token) for one in candidates)
        await asyncio.gather(*requests)

    async def _request(self, candidate: Candidate, phone_number_id: str, token: str) -> None:
        try:
            answer = await connection.client().send(phone_number_id, token, body_of(candidate))
            outcome = outcomes.accepted(candidate, answer, at=self._clock())
        except errors.SendError as error:
            outcome = outcomes.refused(candidate, error, at=self._clock(), rng=self._rng)
        except BaseException:
            logger.exception("send_broke", message_id=str(candidate.message_id))
            outcome = outcomes.broken(candidate, at=self._clock())
        self._answered.append(outcome)
        if len(self._answered) >= self._wanted:
            self._bell.set()


def body_of(candidate: Candidate) -> bytes:
    """Return the JSON body of a message, its id as callback data."""
    return payloads.encode(
        payloads.Outgoing(
            type=candidate.type,
            content=orjson.Fragment(candidate.content),
            phone=candidate.phone,
            bsuid=candidate.bsuid,
            callback_data=str(candidate.message_id),
            reply_to_wamid=candidate.reply_to_wamid,
        )
    )
