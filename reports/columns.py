"""What a column of a report holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Cell = str | int | float | datetime | None
Row = tuple[Cell, ...]
Pages = Iterator[Sequence[Row]]


class Kind(StrEnum):
    """How a column's values are written."""

    TEXT = "text"
    NUMBER = "number"
    PERCENT = "percent"
    INSTANT = "instant"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and the kind of value below it."""

    title: str
    kind: Kind = Kind.TEXT


def text(*titles: str) -> tuple[Column, ...]:
    """Return columns of words."""
    return tuple(Column(title) for title in titles)


def numbers(*titles: str) -> tuple[Column, ...]:
    """Return columns of whole numbers."""
    return tuple(Column(title, Kind.NUMBER) for title in titles)


def percents(*titles: str) -> tuple[Column, ...]:
    """Return columns of parts of one, shown as percentages."""
    return tuple(Column(title, Kind.PERCENT) for title in titles)


def instants(*titles: str) -> tuple[Column, ...]:
    """Return columns of times."""
    return tuple(Column(title, Kind.INSTANT) for title in titles)
