"""What apps tell about what they have approved: what it is like now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

NowOf = Callable[[str], Mapping[str, object] | None]

_watched: Final[dict[str, NowOf]] = {}


def watch(subject_type: str, now_of: NowOf) -> None:
    """Have what is asked compared with what is there before somebody approves it.

    `now_of` gives the parts of a subject of this type by its id, None when it is gone.
    """
    _watched[subject_type] = now_of


def find_watch(subject_type: str) -> NowOf | None:
    """Return what gives the parts of a subject of this type, if its app said."""
    return _watched.get(subject_type)
