"""How often work crossed businesses and why: a counter, a line in the log, hours for the trail.

Counting costs no statement. The log names a door when a process first opens it and once an hour
from then on, with how often it was opened since. Redis adds up the hour of all processes: each
tells it of a door at once, then at most once a minute; `compliance.audit.doors` makes entries of
the hours that are over.
"""

from __future__ import annotations

import atexit
import os
from collections import Counter as Counts
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

import redis as redis_py
import structlog
from prometheus_client import Counter

from config.lib import redis

logger = structlog.get_logger(__name__)

LOG_SECONDS: Final = 3600.0
TELL_SECONDS: Final = 60.0
# An hour waits for clocks that lag behind, and for beat if that stood still.
GRACE: Final = timedelta(minutes=2)
KEPT: Final = timedelta(hours=72)
OPENED: Final = Counter(
    "switchboard_doors_opened",
    "Times work crossed businesses, by reason.",
    ["door"],
)
_HOUR: Final = "%Y-%m-%dT%H:00Z"


@dataclass(slots=True)
class Tally:
    """Openings by door that were not told yet, and when each door last was."""

    every_seconds: float
    _counts: Counts[str] = field(default_factory=Counts)
    _told: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, door: str, *, now: float) -> int:
        """Count one; return how many are to be told now, 0 while it is not time.

        `now` is in seconds of a clock that is never set back.
        """
        with self._lock:
            self._counts[door] += 1
            last = self._told.get(door)
            if last is not None and now - last < self.every_seconds:
                return 0
            self._told[door] = now
            return self._counts.pop(door)

    def give_back(self, door: str, count: int) -> None:
        """Count what could not be told; it is with the next."""
        with self._lock:
            self._counts[door] += count

    def take(self) -> Mapping[str, int]:
        """Return all that was not told, to be told now."""
        with self._lock:
            found = dict(self._counts)
            self._counts.clear()
            return found

    def forget(self) -> None:
        """Start anew."""
        self._lock = Lock()
        self._counts.clear()
        self._told.clear()


_of_log: Final = Tally(LOG_SECONDS)
_of_hour: Final = Tally(TELL_SECONDS)


def note(door: str, *, now: float) -> None:
    """Count one opening at this second of the monotonic clock; tell log and Redis when due."""
    OPENED.labels(door).inc()
    if count := _of_log.add(door, now=now):
        logger.info("door_opened", door=str(door), count=count)
    if count := _of_hour.add(door, now=now):
        _tell({door: count})


def hours_over(now: datetime) -> Iterator[tuple[str, dict[str, int]]]:
    """Yield each hour that is over and was not forgotten: its name, and its count by door."""
    last = now.astimezone(UTC) - GRACE - timedelta(hours=1)
    back = range(int(KEPT / timedelta(hours=1)), -1, -1)
    hours = [(last - timedelta(hours=hour)).strftime(_HOUR) for hour in back]
    pipeline = redis.client().pipeline(transaction=False)
    for hour in hours:
        pipeline.hgetall(_key(hour))
    for hour, counts in zip(hours, pipeline.execute(), strict=True):
        if counts:
            yield hour, {door: int(count) for door, count in counts.items()}


def forget_hour(hour: str) -> None:
    """Drop an hour that is in the trail."""
    redis.client().delete(_key(hour))


def _tell(counts: Mapping[str, int]) -> None:
    key = _key(datetime.now(UTC).strftime(_HOUR))
    try:
        pipeline = redis.client().pipeline(transaction=False)
        for door, count in counts.items():
            pipeline.hincrby(key, str(door), count)
        pipeline.expire(key, KEPT)
        pipeline.execute()
    except redis_py.RedisError:
        logger.warning("doors_not_told")
        for door, count in counts.items():
            _of_hour.give_back(door, count)


def _key(hour: str) -> str:
    return redis.key("doors", hour)


@atexit.register
def tell_rest() -> None:
    """Tell Redis what it has not heard yet, as the last thing a process does."""
    if counts := _of_hour.take():
        _tell(counts)


def _start_anew() -> None:
    for tally in (_of_log, _of_hour):
        tally.forget()


# What the parent counted, the parent tells.
os.register_at_fork(after_in_child=_start_anew)
