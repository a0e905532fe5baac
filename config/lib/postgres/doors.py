"""How often work crossed businesses and why: a counter, and a line in the log each hour.

Counting costs no statement. The log names a door when a process first opens it and once an hour
from then on, with how often it was opened since.
"""

from __future__ import annotations

from collections import Counter as Counts
from time import monotonic
from typing import Final

import structlog
from prometheus_client import Counter

logger = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 3600.0
OPENED: Final = Counter(
    "switchboard_doors_opened",
    "Times work crossed businesses, by reason.",
    ["door"],
)

_since: Counts[str] = Counts()
_last_told: dict[str, float] = {}


def note(door: str) -> None:
    """Count one opening; tell the log when it is time."""
    OPENED.labels(door).inc()
    _since[door] += 1
    now = monotonic()
    last = _last_told.get(door)
    if last is None or now - last >= EVERY_SECONDS:
        _last_told[door] = now
        logger.info("door_opened", door=str(door), count=_since.pop(door))
