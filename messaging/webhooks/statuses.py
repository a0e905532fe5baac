"""Statuses of our messages, of all businesses of a batch at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection

from accounts import tenancy
from compliance import optout
from compliance.models import ConsentEvent
from messaging.messages import status
from messaging.meta import errors, facts
from messaging.webhooks import people
from messaging.webhooks.batch import Item, last_instant
from messaging.webhooks.claims import Reason

logger = structlog.get_logger(__name__)

# The person turned marketing off; the person has no WhatsApp any more. Source: meta/errors.md.
_STOPPED_MARKETING: Final = 131050
_UNDELIVERABLE: Final = 131026

_ACTIVITY: Final = """
INSERT INTO messaging_senderactivity AS held
    (sender_id, business_id, last_status_message_id, last_status_at, last_inbound_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::timestamptz[])
    AS told (sender_id, business_id, message_id, status_at, inbound_at)
ORDER BY sender_id
ON CONFLICT (sender_id) DO UPDATE SET
    last_status_message_id =
        GREATEST(held.last_status_message_id, excluded.last_status_message_id),
    last_status_at = GREATEST(held.last_status_at, excluded.last_status_at),
    last_inbound_at = GREATEST(held.last_inbound_at, excluded.last_inbound_at)
"""


def apply_people(items: Sequence[Item], *, now: datetime) -> None:
    """Remember what statuses tell about people, and hold those who will be marked unreachable."""
    by_business: dict[UUID, list[Item]] = defaultdict(list)
    for item in items:
        if item.business_id and status.is_known(item.fact.status):
            by_business[item.business_id].append(item)
    for business_id, group in sorted(by_business.items()):
        with tenancy.scope(business_id):
            named = [one for one in group if one.fact.recipient_bsuid and one.fact.recipient_phone]
            people.learn([_seen(item) for item in named], now=now)
            _stop_marketing([one for one in group if _STOPPED_MARKETING in _codes(one)], now=now)
    _hold_recipients([item.fact for item in items if _UNDELIVERABLE in _codes(item)])


def apply(items: Sequence[Item], *, now: datetime) -> int:
    """Apply every status to its message; return how many messages moved.

    A status of a message that is not known is tried again later: it may have overtaken the
    record of its own send.
    """
    known = [item for item in items if status.is_known(item.fact.status)]
    if len(known) < len(items):
        logger.info("webhook_status_not_known", count=len(items) - len(known))
    updates = [_update(item) for item in known]
    done = status.apply_batch(updates, now=now)
    unmatched = set(done.unmatched)
    for item, update in zip(known, updates, strict=True):
        if update in unmatched:
            item.fail(
                Reason.UNKNOWN_MESSAGE, "No message of this number has this id.", may_pass=True
            )
    failed = [one for one in done.changes if one.error_code == _UNDELIVERABLE]
    _cannot_be_reached([one.message_id for one in failed])
    return len(done.changes)


def note_activity(items: Iterable[Item]) -> None:
    """Write when Meta last spoke about each number: statuses and people's messages."""
    seen: dict[UUID, _Activity] = defaultdict(_Activity)
    for item in items:
        if item.sender is None or item.outcome.problems:
            continue
        seen[item.sender.pk].add(item)
    rows = {sender_id: one for sender_id, one in seen.items() if one.is_news}
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _ACTIVITY,
            [
                list(rows),
                [one.business_id for one in rows.values()],
                [one.message_id for one in rows.values()],
                [one.status_at for one in rows.values()],
                [one.inbound_at for one in rows.values()],
            ],
        )


@dataclass(slots=True)
class _Activity:
    business_id: UUID | None = None
    message_id: UUID | None = None
    status_at: datetime | None = None
    inbound_at: datetime | None = None

    @property
    def is_news(self) -> bool:
        return bool(self.status_at or self.inbound_at)

    def add(self, item: Item) -> None:
        self.business_id = item.business_id
        if isinstance(item.fact, facts.StatusUpdate):
            # What moves no message was not looked up: its callback data may be anybody's.
            if not status.is_known(item.fact.status):
                return
            self.status_at = max(self.status_at or item.at, item.at)
            if message_id := _message_id(item.fact.callback_data):
                self.message_id = max(self.message_id or message_id, message_id)
        elif isinstance(item.fact, facts.InboundMessage):
            self.inbound_at = max(self.inbound_at or item.at, item.at)


def _update(item: Item) -> status.Update:
    fact: facts.StatusUpdate = item.fact
    if item.sender is None:
        raise ValueError("a status is routed by its sender")
    error = fact.errors[0] if fact.errors else None
    return status.Update(
        business_id=item.sender.business_id,
        sender_id=item.sender.pk,
        wamid=fact.wamid[:255],
        status=fact.status,
        at=item.at,
        message_id=_message_id(fact.callback_data),
        participant=fact.participant,
        **_error_of(error),
        **_pricing_of(fact.pricing),
    )


def _error_of(error: facts.MetaError | None) -> Mapping[str, Any]:
    if error is None:
        return {}
    return {
        "error_code": error.code,
        "error_reason": errors.describe(error.code).reason[:40],
        "error_title": error.title[:300],
        "error_details": error.details,
    }


def _pricing_of(pricing: facts.Pricing | None) -> Mapping[str, Any]:
    if pricing is None:
        return {}
    is_billable = pricing.type == "regular" if pricing.type else pricing.billable
    return {"pricing_category": pricing.category[:40], "is_billable": is_billable}


def _message_id(callback_data: str) -> UUID | None:
    """Return our message id; None for what another system put there."""
    if len(callback_data) != 36:
        return None
    try:
        return UUID(callback_data)
    except ValueError:
        return None


def _hold_recipients(updates: Sequence[facts.StatusUpdate]) -> None:
    """Lock the people these updates are about, in order."""
    if not updates:
        return
    ids = [_message_id(one.callback_data) for one in updates]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM messaging_contact WHERE id IN ("
            "  SELECT contact_id FROM messaging_message WHERE id = ANY(%s)"
            "  UNION SELECT contact_id FROM messaging_message"
            "  WHERE wamid = ANY(%s) AND direction = 'outbound') "
            "ORDER BY id FOR NO KEY UPDATE",
            [
                [id_ for id_ in ids if id_],
                [one.wamid for one, id_ in zip(updates, ids, strict=True) if not id_],
            ],
        )


def _codes(item: Item) -> set[int | None]:
    return {error.code for error in item.fact.errors} if item.fact.status == "failed" else set()


def _seen(item: Item) -> people.Seen:
    return people.seen(phone=item.fact.recipient_phone, bsuid=item.fact.recipient_bsuid, at=item.at)


def _stop_marketing(items: Sequence[Item], *, now: datetime) -> None:
    if not items:
        return
    seen = [(item, _seen(item)) for item in items]
    named = [(one, None if one.keys else _find_recipient(item)) for item, one in seen]
    for item, keys in zip(items, people.hold(named), strict=True):
        if keys:
            optout.stop_marketing(
                addresses=keys,
                source=ConsentEvent.Source.SEND_ERROR,
                occurred_at=last_instant(item.at, now=now),
                now=now,
                evidence={"wamid": item.fact.wamid, "code": _STOPPED_MARKETING},
            )


def _find_recipient(item: Item) -> UUID | None:
    """Return the contact the message of this status went to."""
    message_id = _message_id(item.fact.callback_data)
    if not message_id:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contact_id FROM messaging_message WHERE id = %s AND business_id = %s",
            [message_id, tenancy.current_id()],
        )
        found = cursor.fetchone()
    return found[0] if found else None


def _cannot_be_reached(message_ids: Sequence[UUID]) -> None:
    """Mark the people these messages could not reach, unless they wrote since."""
    if not message_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_contact AS contact SET undeliverable_at = failed.at "
            "FROM (SELECT contact_id, max(failed_at) AS at FROM messaging_message "
            "      WHERE id = ANY(%s) GROUP BY contact_id) AS failed "
            "WHERE contact.id = failed.contact_id "
            "AND (contact.undeliverable_at IS NULL OR contact.undeliverable_at < failed.at) "
            "AND NOT EXISTS (SELECT 1 FROM messaging_conversation thread "
            "    WHERE thread.contact_id = contact.id AND thread.last_inbound_at >= failed.at)",
            [list(message_ids)],
        )
