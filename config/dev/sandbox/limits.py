"""Rates a number may send at, and how often a person was refused."""

import time
from collections import Counter, deque

from config.dev.sandbox.errors import MetaError
from config.dev.sandbox.faults import Faults
from config.dev.sandbox.rule import Outcome

PAIR_SECONDS = 6.0
PAIR_BURST = 45


class Limits:
    """What was used of each limit; everything here is forgotten on reset."""

    def __init__(self) -> None:
        self._refused: Counter[tuple[str, str, str | None]] = Counter()
        self._second: dict[str, deque[float]] = {}
        self._pairs: dict[tuple[str, str], float] = {}

    def reset(self) -> None:
        """Forget what was used."""
        self._refused.clear()
        self._second.clear()
        self._pairs.clear()

    def refuse_first(self, outcome: Outcome, key: tuple[str, str, str | None]) -> None:
        """Refuse the first tries of a message if the rule for its recipient says so."""
        if outcome.refusal_code is None:
            return
        if self._refused[key] < outcome.refusals:
            self._refused[key] += 1
            raise MetaError(outcome.refusal_code)
        del self._refused[key]

    def take(self, faults: Faults, phone_number_id: str, address: str) -> None:
        """Count a send against the number and the pair, or refuse it."""
        now = time.monotonic()
        if faults.throughput_per_second:
            recent = self._second.setdefault(phone_number_id, deque())
            while recent and recent[0] <= now - 1:
                recent.popleft()
            if len(recent) >= faults.throughput_per_second:
                raise MetaError(130429)
            recent.append(now)
        if faults.pair_limit:
            pair = (phone_number_id, address)
            due = max(self._pairs.get(pair, 0.0), now)
            if due - now > PAIR_SECONDS * (PAIR_BURST - 1):
                raise MetaError(131056)
            self._pairs[pair] = due + PAIR_SECONDS
