"""Identifiers: UUIDv7, so that ids sort by time and partitions are ranges of ids."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta

import uuid_utils.compat

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62
_MILLISECOND = timedelta(milliseconds=1)


def new_id() -> uuid.UUID:
    """Make an id of this instant; ids of one process never go backwards."""
    made: uuid.UUID = uuid_utils.compat.uuid7()
    return made


def new_ids(count: int) -> list[uuid.UUID]:
    """Make `count` ids, in ascending order."""
    return [new_id() for _ in range(count)]


def floor_of(at: datetime) -> uuid.UUID:
    """Return the smallest id of the millisecond `at` (aware): a boundary for ranges."""
    return uuid.UUID(int=_milliseconds(at) << 80 | _VERSION | _VARIANT)


def time_of(id_: uuid.UUID) -> datetime:
    """Return the instant an id carries, to the millisecond, in UTC."""
    return _EPOCH + (id_.int >> 80) * _MILLISECOND


def derived_id(at: datetime, *parts: str) -> uuid.UUID:
    """Return the id that belongs to these facts: the same facts always give the same id.

    It carries the instant `at` and 74 bits of a hash of `parts`, so a primary key alone
    makes storing the same fact twice impossible.
    """
    framed = b"".join(len(raw).to_bytes(4) + raw for raw in (part.encode() for part in parts))
    bits = int.from_bytes(hashlib.sha256(framed).digest()[:10])
    high = (bits >> 62 & 0xFFF) << 64
    low = bits & (1 << 62) - 1
    return uuid.UUID(int=_milliseconds(at) << 80 | _VERSION | high | _VARIANT | low)


def _milliseconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError("an id needs an aware datetime")
    return (at - _EPOCH) // _MILLISECOND
