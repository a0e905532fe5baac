"""Hourly sums: a batch of facts added in its transaction, and a day counted afresh.

What is counted is messages, each at most once a metric, in the hour it got there:

- `queued` when it was first accepted to be sent; a retry is not another message.
- `sent`, `delivered`, `read` when first reached; a later one counts those that were passed over.
- `failed`, `unknown` while they stand. A message that leaves them (tried again, or a status
  proved otherwise) is taken out of the hour it was counted in. One that is tried again is taken
  out of `sent` too, and counts there in the hour it is sent anew.

Live counting goes by when a fact was applied, `recompute_day` by when Meta says it happened; they
differ for what crosses an hour on its way here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from accounts import tenancy
from config.lib import ids
from messaging.signals import InboundReceived, StatusChange

# The steps a message climbs, and which of them each status has passed.
_CLIMB: Final = ("sent", "delivered", "read")
_PASSED: Final = {"sent": 1, "delivered": 2, "read": 3}
_COUNTED_AS_THEY_ARE: Final = frozenset({"failed", "unknown", "skipped", "cancelled"})
_TAKEN_BACK: Final = frozenset({"failed", "unknown"})
_EXPLAINED: Final = frozenset({"failed", "skipped"})
_NOT_YET_QUEUED: Final = frozenset({None, "scheduled"})

# A message may be read, or leave by schedule, long after it was made.
LOOK_BACK: Final = timedelta(days=62)


class HourKey(NamedTuple):
    """One row of `MessageHour`."""

    business_id: UUID
    hour: datetime
    sender_id: UUID
    template_id: UUID | None
    category: str
    metric: str


class FailureKey(NamedTuple):
    """One row of `FailureHour`."""

    business_id: UUID
    hour: datetime
    sender_id: UUID
    status: str
    error_code: int | None
    error_reason: str


class _Earlier(NamedTuple):
    """When a message that leaves a status came to it, and when it had been sent."""

    counted_at: datetime | None
    sent_at: datetime | None


def add(changes: Sequence[StatusChange]) -> None:
    """Add status changes to their hours: one upsert a table, keys in order."""
    outbound = [change for change in changes if change.direction == "outbound"]
    earlier = _find_earlier([one for one in outbound if one.before in _TAKEN_BACK])
    hours: Counter[HourKey] = Counter()
    failures: Counter[FailureKey] = Counter()
    for change in outbound:
        for metric in _reached(change):
            hours[_hour_key(change, metric, change.at)] += 1
        if change.after in _EXPLAINED:
            failures[_failure_key(change, change.after, change.at)] += 1
        if change.before in _TAKEN_BACK:
            _take_back(change, earlier.get(change.message_id), hours, failures)
    _upsert_hours(hours)
    _upsert_failures(failures)


def add_inbound(fact: InboundReceived) -> None:
    """Add an incoming message to its hour."""
    key = HourKey(fact.business_id, _hour_of(fact.at), fact.sender_id, None, "service", "received")
    _upsert_hours(Counter({key: 1}))


def recompute_day(day: date) -> None:
    """Count one day (UTC) of the business in scope afresh from its messages; repeatable.

    Writers of the roll-ups wait meanwhile, so nothing is counted twice or lost: what they have
    not committed is not in the messages read here either.
    """
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    values: dict[str, Any] = {
        "business": tenancy.current_id(),
        "start": start,
        "end": end,
        "first": ids.floor_of(start - LOOK_BACK),
        "last": ids.floor_of(end),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("analytics_messagehour", "analytics_failurehour"):
            cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(
                f"DELETE FROM {table} WHERE business_id = %(business)s "  # noqa: S608  # ours
                "AND hour >= %(start)s AND hour < %(end)s",
                values,
            )
        cursor.execute(_RECOUNT, values)
        cursor.execute(_RECOUNT_FAILURES, values)


def _reached(change: StatusChange) -> Iterable[str]:
    """Return the metrics a change adds to."""
    if change.after == "queued":
        return ("queued",) if change.before in _NOT_YET_QUEUED else ()
    if change.after in _COUNTED_AS_THEY_ARE:
        return (change.after,)
    # Delivery after a failure: Meta had taken the message, so it was counted as sent.
    passed = 1 if change.before == "failed" else _PASSED.get(change.before or "", 0)
    return _CLIMB[passed : _PASSED.get(change.after, 0)]


def _take_back(
    change: StatusChange,
    earlier: _Earlier | None,
    hours: Counter[HourKey],
    failures: Counter[FailureKey],
) -> None:
    if earlier is None or earlier.counted_at is None:
        return
    before = change.before or ""
    hours[_hour_key(change, before, earlier.counted_at)] -= 1
    if before in _EXPLAINED:
        failures[_failure_key(change, before, earlier.counted_at)] -= 1
    if change.after == "queued" and earlier.sent_at is not None:
        hours[_hour_key(change, "sent", earlier.sent_at)] -= 1


def _find_earlier(changes: Sequence[StatusChange]) -> dict[UUID, _Earlier]:
    """Look up in the log when these messages came to the status they leave; they are few."""
    if not changes:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.id, (SELECT e.recorded_at FROM messaging_messageevent e "
            "WHERE e.message_id = t.id AND e.status = t.status ORDER BY e.id DESC LIMIT 1), "
            "m.sent_at FROM unnest(%s::uuid[], %s::text[]) AS t(id, status) "
            "JOIN messaging_message m ON m.id = t.id",
            [[one.message_id for one in changes], [one.before for one in changes]],
        )
        return {row[0]: _Earlier(*row[1:]) for row in cursor.fetchall()}


def _hour_key(change: StatusChange, metric: str, at: datetime) -> HourKey:
    return HourKey(
        change.business_id,
        _hour_of(at),
        change.sender_id,
        change.template_id,
        change.category,
        metric,
    )


def _failure_key(change: StatusChange, status: str, at: datetime) -> FailureKey:
    return FailureKey(
        change.business_id,
        _hour_of(at),
        change.sender_id,
        status,
        change.error_code,
        change.error_reason,
    )


def _hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


_UPSERT_HOURS: Final = """
INSERT INTO analytics_messagehour AS t
    (business_id, hour, sender_id, template_id, category, metric, count)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::uuid[], %s::uuid[], %s::text[],
    %s::text[], %s::bigint[])
ON CONFLICT (business_id, hour, sender_id, template_id, category, metric)
DO UPDATE SET count = t.count + excluded.count
"""
_UPSERT_FAILURES: Final = """
INSERT INTO analytics_failurehour AS t
    (business_id, hour, sender_id, status, error_code, error_reason, count)
SELECT * FROM unnest(%s::uuid[], %s::timestamptz[], %s::uuid[], %s::text[], %s::int[],
    %s::text[], %s::bigint[])
ON CONFLICT (business_id, hour, sender_id, status, error_code, error_reason)
DO UPDATE SET count = t.count + excluded.count
"""


def _upsert_hours(deltas: Counter[HourKey]) -> None:
    _upsert(_UPSERT_HOURS, deltas)


def _upsert_failures(deltas: Counter[FailureKey]) -> None:
    _upsert(_UPSERT_FAILURES, deltas)


def _upsert(statement: str, deltas: Counter[HourKey] | Counter[FailureKey]) -> None:
    rows = sorted(
        ((*key, delta) for key, delta in deltas.items() if delta),
        key=lambda row: [str(value) for value in row[:-1]],
    )
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])


# Echoes of what the business wrote elsewhere, and history from before us, are not our sending.
_OURS: Final = """
    m.business_id = %(business)s AND m.id >= %(first)s AND m.id < %(last)s
    AND (m.metadata IS NULL OR NOT m.metadata ?| ARRAY['is_echo', 'is_history'])
"""
# Statuses without a column of their own: when the log says.
_STOOD_AT: Final = """
    COALESCE((SELECT e.recorded_at FROM messaging_messageevent e
              WHERE e.message_id = m.id AND e.status = m.status ORDER BY e.id DESC LIMIT 1),
             m.created_at)
"""
_RECOUNT: Final = f"""
INSERT INTO analytics_messagehour
    (business_id, hour, sender_id, template_id, category, metric, count)
SELECT m.business_id, date_trunc('hour', f.at, 'UTC'), m.sender_id, m.template_id, m.category,
       f.metric, count(*)
FROM messaging_message m CROSS JOIN LATERAL (VALUES
    ('queued', CASE WHEN m.status <> 'scheduled' AND m.direction = 'outbound'
               THEN GREATEST(m.created_at, m.scheduled_at) END),
    ('sent', CASE WHEN m.status <> 'queued' THEN m.sent_at END),
    ('delivered', m.delivered_at),
    ('read', m.read_at),
    ('failed', CASE WHEN m.status = 'failed' THEN m.failed_at END),
    ('received', CASE WHEN m.direction = 'inbound' THEN COALESCE(m.occurred_at, m.created_at) END),
    (m.status, CASE WHEN m.status IN ('unknown', 'skipped', 'cancelled') THEN {_STOOD_AT} END)
) AS f(metric, at)
WHERE {_OURS} AND f.at >= %(start)s AND f.at < %(end)s
GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608  # statements of ours
_RECOUNT_FAILURES: Final = f"""
INSERT INTO analytics_failurehour
    (business_id, hour, sender_id, status, error_code, error_reason, count)
SELECT m.business_id, date_trunc('hour', f.at, 'UTC'), m.sender_id, m.status, m.error_code,
       m.error_reason, count(*)
FROM messaging_message m CROSS JOIN LATERAL (
    SELECT CASE m.status WHEN 'failed' THEN m.failed_at ELSE {_STOOD_AT} END AS at
) AS f
WHERE {_OURS} AND m.status IN ('failed', 'skipped') AND f.at >= %(start)s AND f.at < %(end)s
GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608  # statements of ours
