"""What apps tell about what they have approved: what it is like now, and whom it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from accounts.access import Access
from accounts.approvals import records
from accounts.models import Approval


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody a request is about, as far as its reader may know them.

    `name` is empty for who may not see names; `address` is without its middle.
    """

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class People:
    """Whom a request is about at this moment: the first of them and how many there are."""

    first: tuple[Person, ...]
    total: int
    remark: str = ""


NowOf = Callable[[str], Mapping[str, object] | None]
PeopleOf = Callable[[str, Access], People | None]

_watched: Final[dict[str, NowOf]] = {}
_peopled: Final[dict[str, PeopleOf]] = {}


def watch(subject_type: str, now_of: NowOf, *, people_of: PeopleOf | None = None) -> None:
    """Have what is asked compared with what is there before somebody approves it.

    `now_of` gives the parts of a subject of this type by its id, None when it is gone.
    `people_of` gives whom it is about to a reader, None when they may not know.
    """
    _watched[subject_type] = now_of
    if people_of is not None:
        _peopled[subject_type] = people_of


def find_watch(subject_type: str) -> NowOf | None:
    """Return what gives the parts of a subject of this type, if its app said."""
    return _watched.get(subject_type)


def find_people(approval: Approval, *, by: Access, now: datetime) -> People | None:
    """Return whom a request that waits or stands is about now, as the caller may see them."""
    people_of = _peopled.get(approval.subject_type)
    if people_of is None or records.state_of(approval, now) not in Approval.LIVE:
        return None
    return people_of(approval.subject_id, by)
