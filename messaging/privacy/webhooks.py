"""What Meta posted, byte for byte: the person's part is cut out of every body it is in.

A body may hold several people and several businesses; only what belongs to the business in scope is
touched. Bodies are found by the person's addresses, which every message and status carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from accounts import tenancy
from compliance.privacy.registry import File, Person, Rows, Step
from config.lib import ids, paging
from messaging.meta.reading import object_of, objects_of
from messaging.webhooks.cutting import FRAME, Owner, cut_out, delete, lock
from messaging.webhooks.models import DeadLetter, PendingEvent, RawEvent
from messaging.webhooks.pruning import ERASED, Pruner

PAGE: Final = 2000
# Bodies are looked through in the database; only those that name the person are fetched.
_FIND: Final = """
SELECT id, CASE WHEN EXISTS (SELECT FROM unnest(%(needles)s::bytea[]) AS needle
                             WHERE position(needle IN body) > 0) THEN body END
FROM (SELECT id, body FROM messaging_rawevent
      WHERE id > %(after)s AND id < %(before)s ORDER BY id LIMIT %(limit)s) AS page
ORDER BY id
"""


class WebhooksHolder:
    """Raw webhook bodies, what of them is still to be applied, and dead letters."""

    name = "webhooks"
    title = "Raw events from Meta"
    explanation = "The person's part is cut out; events about nobody else are deleted."

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield the parts of events that are about the person."""
        if person.needles:
            yield Rows(self.name, _parts(person))

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Look through a page of events a step, up to the moment this began."""
        if not person.needles:
            return
        after, _, before = cursor.partition("|")
        after = after or str(UUID(int=0))
        before = before or str(ids.floor_of(now))
        if not cursor:
            yield Step({}, f"{after}|{before}")
        owner = Owner.of_scope()
        while page := _find(person, UUID(after), UUID(before)):
            after = str(page[-1][0])
            yield Step(_cut(page, person, owner), f"{after}|{before}")
        if letters := _clear_letters(person):
            yield Step({"dead_letters": letters})


def _find(person: Person, after: UUID, before: UUID) -> list[tuple[UUID, bytes | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _FIND,
            {
                "needles": [one.encode() for one in sorted(person.needles)],
                "after": after,
                "before": before,
                "limit": PAGE,
            },
        )
        return [(id_, bytes(body) if body is not None else None) for id_, body in cursor]


def _cut(page: list[tuple[UUID, bytes | None]], person: Person, owner: Owner) -> dict[str, int]:
    counts = {"events": 0, "parts": 0, "deleted": 0}
    for event_id, body in page:
        if body is None:
            continue
        # Whoever applies the event holds this row until it is done.
        list(PendingEvent.objects.select_for_update().filter(pk=event_id))
        held = lock(event_id)
        if held is None:
            continue
        pruned, removed, is_empty = cut_out(held, person.needles, owner)
        if not removed:
            continue
        counts["events"] += 1
        counts["parts"] += removed
        if is_empty:
            counts["deleted"] += delete(event_id)
        else:
            RawEvent.objects.filter(pk=event_id).update(body=pruned)
    return {name: count for name, count in counts.items() if count}


def _clear_letters(person: Person) -> int:
    letters = DeadLetter.objects.filter(business_id=tenancy.current_id())
    named = [
        row["id"]
        for row in paging.values_by_key(letters, "id", "detail")
        if any(one in row["detail"] for one in person.needles)
    ]
    return letters.filter(pk__in=named).update(detail=ERASED)


def _parts(person: Person) -> Iterator[Mapping[str, Any]]:
    """Yield the elements of events of this business that name the person."""
    owner, after = Owner.of_scope(), UUID(int=0)
    pruner = Pruner(person.needles)
    while page := _find(person, after, UUID(int=(1 << 128) - 1)):
        after = page[-1][0]
        for event_id, body in page:
            if body is not None:
                for part in _named_parts(body, owner, pruner):
                    yield {"received_at": ids.time_of(event_id), "event": part}


def _named_parts(body: bytes, owner: Owner, pruner: Pruner) -> Iterator[Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    for entry in objects_of(object_of(told).get("entry")):
        for change in objects_of(entry.get("changes")):
            if owner.owns(entry, change):
                yield from _elements(change.get("value"), pruner)


def _elements(value: Any, pruner: Pruner) -> Iterator[Any]:
    if isinstance(value, dict):
        if pruner.names({name: one for name, one in value.items() if name not in FRAME}):
            yield value
            return
        for one in value.values():
            yield from _elements(one, pruner)
    elif isinstance(value, list):
        for one in value:
            yield from _elements(one, pruner)
