"""How many tokens a sender probably has, so that no more is claimed than may leave.

Only a guess: the throttle decides, and other workers of the sender take tokens too. A lane that
has run dry waits until a batch is worth the round, not for the next single token.
"""

from __future__ import annotations

import time

from messaging.senders.models import Sender
from messaging.sending import throttle


class Pace:
    """What the throttle last said about a sender's tokens, and how they refill."""

    def __init__(self) -> None:
        self._tokens = float("inf")
        self._at = time.monotonic()

    def learn(self, answer: throttle.Answer) -> None:
        """Take over what the throttle said."""
        self._tokens, self._at = answer.tokens, time.monotonic()

    def room(self, sender: Sender) -> int:
        """Return how many messages a round should claim."""
        return int(min(throttle.burst(sender), self._now(sender)))

    def wait_seconds(self, sender: Sender) -> float:
        """Return the time until a round is worth it; 0 when it is now."""
        worth_it = max(1, throttle.burst(sender) * 3 // 4)
        return max(0.0, (worth_it - self._now(sender)) / sender.rate_per_second)

    def _now(self, sender: Sender) -> float:
        return self._tokens + (time.monotonic() - self._at) * sender.rate_per_second
