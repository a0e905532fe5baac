"""Write what became of messages: the only place that records an outcome of the pump.

One transaction: messages, queue, unknown outcomes, log, usage, counters and listeners' rows.
A message whose status came by webhook meanwhile is left as it is; its queue row goes all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from messaging.messages import history, status
from messaging.senders.models import Sender
from messaging.sending import throttle
from messaging.sending.models import UnknownMessage
from messaging.sending.outcomes import Outcome
from messaging.signals import StatusChange


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose rows these are: the sender and the owner of the lease."""

    sender: Sender
    owner: UUID


def outcomes(found: Sequence[Outcome], *, claim: Claim, now: datetime) -> Counter[str]:
    """Write outcomes of claimed messages; return how many came to each status."""
    if not found:
        return Counter()
    found = sorted(found, key=lambda one: one.candidate.message_id)
    with transaction.atomic():
        written = _write_messages(found)
        _catch_up([one for one in found if one.is_sent and not _is_in(written, one)])
        _write_queue(found, claim)
        _write_unknown(found, claim, now)
        history.append([_entry(one, claim) for one in found if not one.is_sent])
        _count_usage(found, claim.sender, now)
        _forget_unknown([id_ for id_, before in written.items() if before == "unknown"])
        status.announce([_change(one, claim, written) for one in found if _moved(one, written)])
    return Counter(one.status for one in found)


_WRITE: Final = """
WITH told AS (
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[],
        %s::timestamptz[], %s::smallint[], %s::timestamptz[], %s::int[], %s::text[], %s::text[],
        %s::text[]) AS t(id, status, wamid, sent_at, failed_at, attempts, next_attempt_at,
        error_code, error_reason, error_title, error_details)
), locked AS (
    SELECT m.id, m.status AS before FROM messaging_message m JOIN told ON told.id = m.id
    WHERE m.status IN ('queued', 'sending')
       OR (m.status = 'unknown' AND told.status IN ('sent', 'failed'))
    ORDER BY m.id FOR UPDATE OF m
)
UPDATE messaging_message m SET
    status = told.status, wamid = COALESCE(told.wamid, m.wamid),
    sent_at = COALESCE(told.sent_at, m.sent_at), failed_at = told.failed_at,
    attempts = told.attempts, next_attempt_at = told.next_attempt_at,
    error_code = told.error_code, error_reason = told.error_reason,
    error_title = told.error_title, error_details = told.error_details
FROM told JOIN locked ON locked.id = told.id WHERE m.id = told.id
RETURNING m.id, locked.before
"""


def _write_messages(found: Sequence[Outcome]) -> dict[UUID, str]:
    """Write the messages; return what the written ones were before.

    An answer that comes after its lease ran out still settles a message called unknown.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                [one.candidate.message_id for one in found],
                [one.status for one in found],
                [one.wamid for one in found],
                [one.at if one.is_sent else None for one in found],
                [one.at if one.status == "failed" else None for one in found],
                [one.attempts for one in found],
                [one.not_before for one in found],
                [one.error_code for one in found],
                [one.error_reason for one in found],
                [one.error_title[:300] for one in found],
                [one.error_details for one in found],
            ],
        )
        return dict(cursor.fetchall())


def _is_in(written: Mapping[UUID, str], one: Outcome) -> bool:
    return one.candidate.message_id in written


def _catch_up(overtaken: Sequence[Outcome]) -> None:
    """Note the try on messages whose status came by webhook before the answer was written."""
    if not overtaken:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_message m SET attempts = GREATEST(m.attempts, t.attempts), "
            "sent_at = LEAST(m.sent_at, t.sent_at), wamid = COALESCE(m.wamid, t.wamid) "
            "FROM unnest(%s::uuid[], %s::smallint[], %s::timestamptz[], %s::text[]) "
            "AS t(id, attempts, sent_at, wamid) WHERE m.id = t.id",
            [
                [one.candidate.message_id for one in overtaken],
                [one.attempts for one in overtaken],
                [one.at for one in overtaken],
                [one.wamid for one in overtaken],
            ],
        )


def _write_queue(found: Sequence[Outcome], claim: Claim) -> None:
    again = [one for one in found if one.status == "queued"]
    done = [one.candidate.message_id for one in found if one.status != "queued"]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM messaging_queueitem WHERE message_id = ANY(%s) AND lease_owner = %s",
            [done, claim.owner],
        )
        if again:
            cursor.execute(
                "UPDATE messaging_queueitem q SET lease_until = NULL, lease_owner = NULL, "
                "is_in_flight = false, not_before = t.not_before, attempts = t.attempts "
                "FROM unnest(%s::uuid[], %s::timestamptz[], %s::smallint[]) "
                "AS t(id, not_before, attempts) WHERE q.message_id = t.id AND q.lease_owner = %s",
                [
                    [one.candidate.message_id for one in again],
                    [one.not_before for one in again],
                    [one.attempts for one in again],
                    claim.owner,
                ],
            )


def _write_unknown(found: Sequence[Outcome], claim: Claim, now: datetime) -> None:
    lost = [one.candidate.message_id for one in found if one.status == "unknown"]
    if lost:
        note_unknown(lost, business_id=claim.sender.business_id, sender_id=claim.sender.pk, now=now)


def note_unknown(
    message_ids: Sequence[UUID], *, business_id: UUID, sender_id: UUID, now: datetime
) -> None:
    """Remember messages whose outcome is unknown, until a status or the reconciliation."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_unknownmessage "
            "(message_id, business_id, sender_id, since, was_resent, needs_decision) "
            "SELECT id, %s, %s, %s, false, false FROM unnest(%s::uuid[]) AS t(id) "
            "WHERE EXISTS (SELECT 1 FROM messaging_message m "
            "WHERE m.id = t.id AND m.status = 'unknown') ON CONFLICT (message_id) DO NOTHING",
            [business_id, sender_id, now, list(message_ids)],
        )


def _entry(one: Outcome, claim: Claim) -> history.Entry:
    error = None
    if one.error_title:
        error = {"code": one.error_code, "title": one.error_title, "details": one.error_details}
    return history.Entry(
        business_id=claim.sender.business_id,
        message_id=one.candidate.message_id,
        status=one.status,
        source="pump",
        at=one.at,
        detail=f"next try {one.not_before:%H:%M:%S} UTC" if one.not_before else one.error_reason,
        error=error,
    )


def _count_usage(found: Iterable[Outcome], sender: Sender, now: datetime) -> None:
    left = [one.candidate for one in found if one.status in {"sent", "unknown"}]
    people = {one.contact_id for one in left if one.needs_unique}
    count_usage(sender, messages=len(left), people=people, now=now)


def count_usage(sender: Sender, *, messages: int, people: Iterable[UUID], now: datetime) -> None:
    """Add to the hour's count whatever may have reached Meta, and to the portfolio's people."""
    if not messages:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_senderusage AS u "
            "(sender_id, business_id, hour, sent, last_sent_at) "
            "VALUES (%s, %s, date_trunc('hour', %s::timestamptz, 'UTC'), %s, %s) "
            "ON CONFLICT (sender_id, hour) DO UPDATE "
            "SET sent = u.sent + excluded.sent, last_sent_at = excluded.last_sent_at",
            [sender.pk, sender.business_id, now, messages, now],
        )
        counted = sorted(people)
        if counted and throttle.portfolio_limit(sender.account) is not None:
            cursor.execute(
                "INSERT INTO messaging_portfoliorecipient (portfolio, contact_id, last_at) "
                "SELECT %s, contact_id, %s FROM unnest(%s::uuid[]) AS t(contact_id) "
                "ON CONFLICT (portfolio, contact_id) DO UPDATE SET last_at = excluded.last_at",
                [throttle.portfolio_of(sender.account), now, counted],
            )


def _forget_unknown(message_ids: Sequence[UUID]) -> None:
    if message_ids:
        UnknownMessage.objects.filter(message_id__in=message_ids).delete()


def _moved(one: Outcome, written: Mapping[UUID, str]) -> bool:
    return one.status != "queued" and _is_in(written, one)


def _change(one: Outcome, claim: Claim, written: Mapping[UUID, str]) -> StatusChange:
    candidate = one.candidate
    return StatusChange(
        message_id=candidate.message_id,
        business_id=claim.sender.business_id,
        sender_id=claim.sender.pk,
        contact_id=candidate.contact_id,
        campaign_id=candidate.campaign_id,
        template_id=candidate.template_id,
        category=candidate.category,
        direction="outbound",
        before=written[one.candidate.message_id],
        after=one.status,
        error_code=one.error_code,
        error_reason=one.error_reason,
        queued_at=candidate.created_at,
        at=one.at,
    )
