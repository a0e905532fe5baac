"""The consent ledger and the state it adds up to; `consent` is the way in.

The state of an address in one scope is the highest event of its ledger: dated before undated, then
by when it happened, and an opt-out wins a tie. A block stands beside that state: the newest
counts, until it ends or a later opt-in lifts it. One conditional upsert compares exactly this, so
the state equals a replay whatever the order of arrival and whoever else writes at the same time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Q, QuerySet

from accounts import tenancy
from compliance import evidence
from compliance.models import Consent, ConsentEvent, ConsentStatus
from config.lib import ids

CONSENT: Final = Consent._meta.db_table
_EVENT: Final = ConsentEvent._meta.db_table

_ADD: Final = f"""
WITH told AS (
    SELECT * FROM unnest(
        %(id)s::uuid[], %(address)s::text[], %(scope)s::text[], %(status)s::text[],
        %(source)s::text[], %(reason)s::text[], %(wording)s::text[], %(language)s::text[],
        %(evidence)s::text[], %(ip_address)s::inet[], %(occurred_at)s::timestamptz[],
        %(until)s::timestamptz[], %(is_dated)s::boolean[]
    ) AS t(id, address, scope, status, source, reason, wording, language, evidence, ip_address,
           occurred_at, until, is_dated)
), added AS (
    INSERT INTO {_EVENT} (id, business_id, address, scope, status, source, reason, wording,
                          language, evidence, ip_address, actor_id, occurred_at, until, is_dated)
    SELECT id, %(business)s, address, scope, status, source, reason, wording, language,
           evidence::jsonb, ip_address, %(actor)s, occurred_at, until, is_dated
    FROM told
    ON CONFLICT (id) DO NOTHING
    RETURNING id, address, scope, status, occurred_at, until, is_dated
)"""  # noqa: S608  # table names of ours

# Rank, lowest to highest: undated, earlier, opt-in before opt-out, smaller id. The last says
# nothing about consent, it only makes the order total.
_MOVE: Final = f"""
, newest AS (
    SELECT DISTINCT ON (address, scope) *
    FROM added
    ORDER BY address, scope, is_dated DESC, occurred_at DESC, status = 'opted_out' DESC, id DESC
), moved AS (
    INSERT INTO {CONSENT} AS held (business_id, address, scope, status, changed_at, is_dated,
                                    event_id)
    SELECT %(business)s, address, scope, status, occurred_at, is_dated, id FROM newest
    ORDER BY address, scope
    ON CONFLICT (business_id, address, scope) DO UPDATE
    SET status = excluded.status, changed_at = excluded.changed_at,
        is_dated = excluded.is_dated, event_id = excluded.event_id
    WHERE held.status IS NULL
       OR (excluded.is_dated, excluded.changed_at, excluded.status = 'opted_out',
           excluded.event_id)
        > (held.is_dated, held.changed_at, held.status = 'opted_out', held.event_id)
    RETURNING 1
)"""  # noqa: S608  # table names of ours

# Blocks rank by when they were set, then by their end. Where nothing else is known of an address,
# the row is of the block; what is known is left as it is.
_BLOCK: Final = f"""
, newest AS (
    SELECT DISTINCT ON (address, scope) *
    FROM added
    ORDER BY address, scope, occurred_at DESC, until DESC, id DESC
), moved AS (
    INSERT INTO {CONSENT} AS held (business_id, address, scope, status, changed_at, event_id,
                                    blocked_at, blocked_until)
    SELECT %(business)s, address, scope, NULL, occurred_at, id, occurred_at, until FROM newest
    ORDER BY address, scope
    ON CONFLICT (business_id, address, scope) DO UPDATE
    SET blocked_at = excluded.blocked_at, blocked_until = excluded.blocked_until,
        changed_at = CASE WHEN held.status IS NULL THEN excluded.changed_at
                          ELSE held.changed_at END,
        event_id = CASE WHEN held.status IS NULL THEN excluded.event_id ELSE held.event_id END
    WHERE held.blocked_at IS NULL
       OR (excluded.blocked_at, excluded.blocked_until) > (held.blocked_at, held.blocked_until)
    RETURNING 1
)"""  # noqa: S608  # table names of ours

_COUNT: Final = " SELECT (SELECT count(*) FROM moved), ARRAY(SELECT id FROM added)"
_WRITE: Final = _ADD + _MOVE + _COUNT
_WRITE_BLOCKS: Final = _ADD + _BLOCK + _COUNT

_ARRAYS: Final = (
    "id",
    "address",
    "scope",
    "status",
    "source",
    "reason",
    "wording",
    "language",
    "ip_address",
    "occurred_at",
    "until",
    "is_dated",
)


COLUMNS: Final = (
    "id",
    "address",
    "scope",
    "status",
    "source",
    "reason",
    "wording",
    "language",
    "evidence",
    "ip_address",
    "actor_id",
    "is_dated",
    "occurred_at",
    "until",
    "recorded_at",
)
PAGE: Final = 2000
# What a person said just when they left an address may be recorded a little later.
_LATE: Final = timedelta(hours=1)
_BEFORE_ALL: Final = UUID(int=0)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: the events that were new, the number of states that moved."""

    event_ids: frozenset[Any]
    changed: int


def event(**values: Any) -> ConsentEvent:
    """Build an event whose id is made of its facts, so that telling it twice writes it once."""
    made = ConsentEvent(business_id=tenancy.current_id(), **values)
    told: tuple[Any, ...] = (made.evidence, made.reason, made.wording, made.is_dated)
    if made.until:
        told = (*told, made.until.isoformat())
    made.id = ids.derived_id(
        made.occurred_at,
        str(made.business_id),
        made.address,
        made.scope,
        made.status,
        made.source,
        made.occurred_at.isoformat(),
        orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=str).decode(),
    )
    return made


def write(events: Sequence[ConsentEvent]) -> Written:
    """Add the events to the ledger and move the states they outrank, in one statement.

    All events are of the business in scope and of one actor, all blocks or none. Locks states in
    the order of their addresses.
    """
    if not events:
        return Written(frozenset(), 0)
    columns: dict[str, Any] = {
        name: [_plain(getattr(event, name)) for event in events] for name in _ARRAYS
    }
    columns["evidence"] = [orjson.dumps(event.evidence, default=str).decode() for event in events]
    columns |= {"business": events[0].business_id, "actor": events[0].actor_id}
    with connection.cursor() as cursor:
        is_block = events[0].status == ConsentStatus.BLOCKED
        cursor.execute(_WRITE_BLOCKS if is_block else _WRITE, columns)
        changed, event_ids = cursor.fetchone()
    return Written(frozenset(event_ids), changed)


def _plain(value: Any) -> Any:
    """Return a choice as its stored word."""
    return getattr(value, "value", value)


def list_events(addresses: Sequence[str]) -> QuerySet[ConsentEvent]:
    """Return the ledger of a person, newest first."""
    rows: QuerySet[ConsentEvent] = ConsentEvent.objects.filter(address__in=addresses)
    return rows.order_by("-occurred_at", "-id")


@dataclass(frozen=True, slots=True)
class History:
    """All a person said, newest first, also under addresses they left, until they left them.

    `origins` are the ids of what was repeated when they did.
    """

    events: QuerySet[ConsentEvent]
    origins: frozenset[str]


def history(addresses: Sequence[str]) -> History:
    """Return all that the person who has these addresses now ever said."""
    said, origins = Q(address__in=addresses), set[str]()
    looked_at, here = set(addresses), list(addresses)
    while here:
        left: dict[str, datetime] = {}
        for origin, address, at in _carried(here):
            origins.add(origin)
            left[address] = max(at, left.get(address, at))
        here = sorted(left.keys() - looked_at)
        looked_at |= left.keys()
        for address in here:
            said |= Q(address=address, recorded_at__lte=left[address] + _LATE)
    events: QuerySet[ConsentEvent] = ConsentEvent.objects.filter(said)
    return History(events.order_by("-occurred_at", "-id"), frozenset(origins))


def _carried(addresses: Sequence[str]) -> Iterator[tuple[str, str, datetime]]:
    """Yield what was repeated here: its id, its address, and when it was repeated."""
    rows = ConsentEvent.objects.filter(address__in=addresses, evidence__kind=evidence.CARRIED)
    told = rows.values_list("evidence__carried_from_event", "recorded_at")
    moved = {origin: at for origin, at in told if origin}
    found = ConsentEvent.objects.filter(pk__in=moved).values_list("pk", "address")
    for id_, address in found:
        yield str(id_), address, moved[str(id_)]


@dataclass(frozen=True, slots=True)
class Statement:
    """What was said at once: lines of the ledger that differ in scope and address alone."""

    event: ConsentEvent
    scopes: tuple[str, ...]


def statements(events: Iterable[ConsentEvent]) -> list[Statement]:
    """Put lines together that were said at once, in the order of the first of each."""
    groups: dict[tuple[Any, ...], list[ConsentEvent]] = {}
    for event in events:
        same = (event.occurred_at, event.status, event.source, event.reason, event.wording)
        groups.setdefault((*same, event.until, event.is_dated), []).append(event)
    return [
        Statement(lines[0], tuple(dict.fromkeys(line.get_scope_display() for line in lines)))
        for lines in groups.values()
    ]


def csv_lines() -> Iterator[str]:
    """Yield the ledger of the business in scope as CSV, oldest first, in bounded memory.

    A cell a spreadsheet would run as a formula is put in words by an apostrophe. The business is
    read now: a stream is sent when its request, and the scope, are over.
    """
    return _csv_lines(tenancy.current_id())


def _csv_lines(business_id: UUID) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for row in _every_row(business_id):
        yield writer.writerow([_cell(value) for value in row])


def _every_row(business_id: UUID) -> Iterator[Sequence[Any]]:
    """Yield the rows by id, page by page: no cursor stays open while a client takes its time."""
    rows = ConsentEvent.across_businesses.filter(business_id=business_id).order_by("id")
    after = _BEFORE_ALL
    while page := list(rows.filter(id__gt=after).values_list(*COLUMNS)[:PAGE]):
        yield from page
        after = page[-1][0]


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    text = "" if value is None else str(value)
    is_phone = text[:1] == "+" and text[1:].isdigit()
    return f"'{text}" if text[:1] in _FORMULA and not is_phone else text


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line
