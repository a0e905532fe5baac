"""Of facts about one thing, only the newest counts, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

_CLAIM = """
INSERT INTO messaging_latestfact AS held (key, occurred_at, digest)
SELECT * FROM unnest(%s::text[], %s::timestamptz[], %s::text[])
ON CONFLICT (key) DO UPDATE SET occurred_at = excluded.occurred_at, digest = excluded.digest
WHERE (excluded.occurred_at, excluded.digest) > (held.occurred_at, held.digest)
RETURNING key
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A fact about the thing `key`. `digest` decides between two of the same second."""

    key: str
    at: datetime
    digest: str


def newest(told: Iterable[Told]) -> set[Told]:
    """Return the facts that are newer than all told before, at most one a key; remember them."""
    best: dict[str, Told] = {}
    for one in told:
        held = best.get(one.key)
        if held is None or (one.at, one.digest) > (held.at, held.digest):
            best[one.key] = one
    if not best:
        return set()
    rows = sorted(best.values(), key=lambda one: one.key)
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            [[one.key for one in rows], [one.at for one in rows], [one.digest for one in rows]],
        )
        return {best[key] for (key,) in cursor.fetchall()}
