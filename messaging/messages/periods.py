"""Periods of time as ranges of message ids, so that the database reads only their partitions.

An id carries the instant a message was written here, or Meta's time of an incoming one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from config.lib import ids

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def first_id(at: datetime) -> UUID:
    """Return the smallest id at this instant; every earlier instant counts as 1970."""
    return ids.floor_of(max(at, _FIRST))
