"""What a status does to a message: a pure reducer, and its set-based application.

Statuses only climb: sent < failed < delivered < read. A late `sent` after `read` is logged, not
applied; `failed` may follow `sent`; delivery is evidence that beats a failure reported before or
after it (both stay in the log). The same updates in any order give the same message.

An update that was applied before (same event id in the log) changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from config.lib import ids
from messaging.messages import tallies
from messaging.signals import (
    MessageStatusesChanged,
    StatusChange,
    message_statuses_changed,
)

RANK: Final = {"sent": 1, "failed": 2, "delivered": 3, "read": 4}
# A voice message that was played was read.
_MEANING: Final = {"played": "read"}
_ERROR: Final = ("error_code", "error_reason", "error_title", "error_details")


@dataclass(frozen=True, slots=True)
class Update:
    """One status of Meta's. `message_id` comes from our callback data when Meta echoed it."""

    business_id: UUID
    sender_id: UUID
    wamid: str
    status: str
    at: datetime
    message_id: UUID | None = None
    error_code: int | None = None
    error_reason: str = ""
    error_title: str = ""
    error_details: str = ""
    pricing_category: str = ""
    is_billable: bool | None = None
    participant: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch did. `unmatched`: no message of this sender has that id or wamid (yet)."""

    changes: tuple[StatusChange, ...] = ()
    repeated: int = 0
    unmatched: tuple[Update, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """The columns of a message that statuses move."""

    status: str
    wamid: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failed_at: datetime | None = None
    error_code: int | None = None
    error_reason: str = ""
    error_title: str = ""
    error_details: str = ""
    pricing_category: str = ""
    is_billable: bool | None = None


def is_known(status: str) -> bool:
    """Say whether a status word of Meta's moves a message; others are only logged."""
    return _MEANING.get(status, status) in RANK


def reduce(state: State, update: Update) -> State:
    """Return the state after one update; order of updates does not matter."""
    if _is_of_an_earlier_attempt(state, update):
        return state
    status = _MEANING.get(update.status, update.status)
    state = _without_our_troubles(state)
    after = _seen(state, status, update.at)
    if not (state.status in RANK and state.wamid):
        after["wamid"] = update.wamid or state.wamid
    after["pricing_category"] = state.pricing_category or update.pricing_category
    if state.is_billable is None:
        after["is_billable"] = update.is_billable
    if status == "failed":
        after |= {name: getattr(update, name) for name in _ERROR}
    if RANK[status] > RANK.get(state.status, 0):
        after["status"] = status
    return replace(state, **after)


def _without_our_troubles(state: State) -> State:
    """Forget why an earlier try was put off: this one reached Meta."""
    if state.status in RANK:
        return state
    return replace(state, error_code=None, error_reason="", error_title="", error_details="")


def _priced(state: State, update: Update) -> State:
    """Take over the price, which Meta tells with some copies of a status and not with others."""
    if not update.pricing_category or state.pricing_category or update.wamid != state.wamid:
        return state
    return replace(state, pricing_category=update.pricing_category, is_billable=update.is_billable)


def _is_of_an_earlier_attempt(state: State, update: Update) -> bool:
    """Say whether the update belongs to a send that was since repeated.

    A repeated message waits or flies with the wamid of its earlier attempt; once the new attempt
    is recorded, any other wamid is the old one's.
    """
    if not state.wamid or not update.wamid:
        return False
    is_waiting = state.status in {"queued", "sending", "scheduled"}
    return (update.wamid == state.wamid) is is_waiting


def _seen(state: State, status: str, at: datetime) -> dict[str, Any]:
    """Return the instants an update proves, each the earliest known."""
    if status == "failed":
        return {"failed_at": _earliest(state.failed_at, at)}
    seen: dict[str, Any] = {"sent_at": _earliest(state.sent_at, at)}
    if status in {"delivered", "read"}:
        seen["delivered_at"] = _earliest(state.delivered_at, at)
    if status == "read":
        seen["read_at"] = _earliest(state.read_at, at)
    return seen


def _earliest(known: datetime | None, at: datetime) -> datetime:
    return min(known, at) if known else at


def apply_batch(updates: Iterable[Update], *, now: datetime) -> Applied:
    """Apply updates of any number of senders: log them, move their messages, announce.

    Runs in one transaction (the caller's, if one is open) and locks messages in order of id.
    """
    known = [update for update in updates if is_known(update.status)]
    if not known:
        return Applied()
    with transaction.atomic():
        matched, unmatched = _match(known)
        rows, matched, missing = _own(_locked(matched), matched)
        fresh = _log(rows, matched, now=now)
        moves = [_Move(row, row.state) for row in rows.values()]
        for move in moves:
            for update in sorted(fresh.get(move.row.id, ()), key=lambda one: one.at):
                move.after = reduce(move.after, update)
            for update in matched[move.row.id]:
                move.after = _priced(move.after, update)
        moved = [move for move in moves if move.after != move.row.state]
        _write(moved)
        changes = tuple(move.change(now) for move in moved if move.is_step)
        _leave_queue([change.message_id for change in changes])
        announce(changes)
    repeated = sum(map(len, matched.values())) - sum(map(len, fresh.values()))
    return Applied(changes, repeated, (*unmatched, *missing))


def announce(changes: Sequence[StatusChange]) -> None:
    """Count the changes in their campaigns and tell whoever listens, in this transaction."""
    if not changes:
        return
    tallies.add(changes)
    message_statuses_changed.send(
        sender=MessageStatusesChanged, fact=MessageStatusesChanged(changes=tuple(changes))
    )


@dataclass(frozen=True, slots=True)
class _Row:
    id: UUID
    business_id: UUID
    sender_id: UUID
    contact_id: UUID
    campaign_id: UUID | None
    template_id: UUID | None
    category: str
    created_at: datetime
    state: State


@dataclass(slots=True)
class _Move:
    row: _Row
    after: State

    @property
    def is_step(self) -> bool:
        return self.after.status != self.row.state.status

    def change(self, now: datetime) -> StatusChange:
        return StatusChange(
            message_id=self.row.id,
            business_id=self.row.business_id,
            sender_id=self.row.sender_id,
            contact_id=self.row.contact_id,
            campaign_id=self.row.campaign_id,
            template_id=self.row.template_id,
            category=self.row.category,
            direction="outbound",
            before=self.row.state.status,
            after=self.after.status,
            error_code=self.after.error_code,
            error_reason=self.after.error_reason,
            queued_at=self.row.created_at,
            at=now,
        )


_Groups = dict[UUID, list[Update]]


def _match(updates: Sequence[Update]) -> tuple[_Groups, list[Update]]:
    """Group updates by message id, looking wamids up where Meta echoed no callback data."""
    bare = sorted({update.wamid for update in updates if update.message_id is None})
    by_wamid = _ids_by_wamid(bare) if bare else {}
    matched: _Groups = defaultdict(list)
    unmatched = []
    for update in updates:
        message_id = update.message_id or by_wamid.get((update.sender_id, update.wamid))
        if message_id is None:
            unmatched.append(update)
        else:
            matched[message_id].append(update)
    return matched, unmatched


def _ids_by_wamid(wamids: list[str]) -> dict[tuple[UUID, str], UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sender_id, wamid, id FROM messaging_message "
            "WHERE wamid = ANY(%s) AND direction = 'outbound'",
            [wamids],
        )
        return {(sender, wamid): id_ for sender, wamid, id_ in cursor.fetchall()}


_COLUMNS: Final = (
    "status, wamid, sent_at, delivered_at, read_at, failed_at, error_code, error_reason, "
    "error_title, error_details, pricing_category, is_billable"
)


def _locked(matched: _Groups) -> dict[UUID, _Row]:
    """Lock the messages the updates name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, business_id, sender_id, contact_id, campaign_id, template_id, category, "  # noqa: S608  # columns of ours
            f"created_at, {_COLUMNS} FROM messaging_message "
            "WHERE id = ANY(%s) AND direction = 'outbound' ORDER BY id FOR UPDATE",
            [list(matched)],
        )
        return {row.id: row for row in map(_row, cursor.fetchall())}


def _own(
    rows: dict[UUID, _Row], matched: _Groups
) -> tuple[dict[UUID, _Row], _Groups, list[Update]]:
    """Return the updates that come from their message's own sender, with its rows; and the others.

    What is echoed as callback data may be anybody's: a program of another business may have named
    our message.
    """
    own: _Groups = defaultdict(list)
    others: list[Update] = []
    for message_id, group in matched.items():
        row = rows.get(message_id)
        for update in group:
            if row is not None and row.sender_id == update.sender_id:
                own[message_id].append(update)
            else:
                others.append(update)
    return {id_: rows[id_] for id_ in rows if id_ in own}, own, others


def _row(found: tuple[Any, ...]) -> _Row:
    values: list[Any] = [*found[:8], State(*found[8:])]
    return _Row(*values)


def _log(rows: dict[UUID, _Row], matched: _Groups, *, now: datetime) -> _Groups:
    """Write the updates to the log; return those it did not hold yet."""
    entries: dict[UUID, tuple[UUID, Update]] = {}
    for message_id in rows:
        for update in matched[message_id]:
            event_id = ids.derived_id(
                update.at, str(message_id), update.wamid, update.status, update.participant
            )
            entries[event_id] = (message_id, update)
    updates = [update for _, update in entries.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_messageevent (id, business_id, message_id, status, source, "
            "occurred_at, recorded_at, error, detail) "
            "SELECT id, business_id, message_id, status, 'webhook', occurred_at, %s, "
            "CASE WHEN code IS NULL AND title = '' THEN NULL ELSE "
            "jsonb_build_object('code', code, 'title', title, 'details', details) END, '' "
            "FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], "
            "%s::int[], %s::text[], %s::text[]) AS t(id, business_id, message_id, status, "
            "occurred_at, code, title, details) ON CONFLICT (id) DO NOTHING RETURNING id",
            [
                now,
                list(entries),
                [update.business_id for update in updates],
                [message_id for message_id, _ in entries.values()],
                [update.status for update in updates],
                [update.at for update in updates],
                [update.error_code for update in updates],
                [update.error_title for update in updates],
                [update.error_details for update in updates],
            ],
        )
        fresh: _Groups = defaultdict(list)
        for (event_id,) in cursor.fetchall():
            message_id, update = entries[event_id]
            fresh[message_id].append(update)
    return fresh


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: str


_WRITTEN: Final = [
    _Column("status", "text"),
    _Column("wamid", "text"),
    _Column("sent_at", "timestamptz"),
    _Column("delivered_at", "timestamptz"),
    _Column("read_at", "timestamptz"),
    _Column("failed_at", "timestamptz"),
    _Column("error_code", "int"),
    _Column("error_reason", "text"),
    _Column("error_title", "text"),
    _Column("error_details", "text"),
    _Column("pricing_category", "text"),
    _Column("is_billable", "boolean"),
]
_WRITE: Final = (
    "UPDATE messaging_message AS m SET "  # noqa: S608  # columns of ours
    + ", ".join(f"{column.name} = t.{column.name}" for column in _WRITTEN)
    + " FROM unnest(%s::uuid[], "
    + ", ".join(f"%s::{column.type}[]" for column in _WRITTEN)
    + ") AS t(id, "
    + ", ".join(column.name for column in _WRITTEN)
    + ") WHERE m.id = t.id"
)


def _write(moved: Sequence[_Move]) -> None:
    if not moved:
        return
    values: list[list[Any]] = [[move.row.id for move in moved]]
    values += [[getattr(move.after, column.name) for move in moved] for column in _WRITTEN]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)


def _leave_queue(message_ids: list[UUID]) -> None:
    """Take messages Meta spoke about out of the queue and off the list of unknown outcomes.

    A row that a worker is claiming just now is left to it.
    """
    if not message_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM messaging_queueitem WHERE message_id IN (SELECT message_id "
            "FROM messaging_queueitem WHERE message_id = ANY(%s) FOR UPDATE SKIP LOCKED)",
            [message_ids],
        )
        cursor.execute(
            "DELETE FROM messaging_unknownmessage WHERE message_id = ANY(%s)", [message_ids]
        )
