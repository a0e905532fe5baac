"""Read many rows in memory that does not grow with them.

`iterator()` reads the whole answer here (see `config.lib.postgres.base`). Pages are asked for one
by one, each by the key the one before ended with, so rows that come or go in between move none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet

PAGE: Final = 500


def by_key(rows: QuerySet[Any, Any], *, key: str = "id", size: int = PAGE) -> Iterator[Any]:
    """Yield every row in the order of a unique key.

    `rows` are models, `values()` that name the key, or the flat list of the key itself.
    """
    rows = rows.order_by(key)
    page = list(rows[:size])
    while page:
        yield from page
        if len(page) < size:
            return
        page = list(rows.filter(**{f"{key}__gt": _key_of(page[-1], key)})[:size])


def values_by_key(
    rows: QuerySet[Any, Any], *fields: str, key: str = "id", size: int = PAGE
) -> Iterator[dict[str, Any]]:
    """Yield the values of these fields in the order of a unique key, which they need not name."""
    for row in by_key(rows.values(*{*fields, key}), key=key, size=size):
        yield {field: row[field] for field in fields}


def _key_of(row: Any, key: str) -> Any:
    if isinstance(row, dict):
        return row[key]
    return getattr(row, key, row)
