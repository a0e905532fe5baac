"""The job of one campaign: from its audience to queued messages, a page at a time.

A page is one transaction under the campaign's row lock: verdicts, ledger, messages, queue,
counters and the cursor. One that dies leaves nothing; it is taken again. The ledger's unique key
(campaign, contact) decides who gets a message, whatever else goes wrong.

The same job brings queued rows in line with a pause, a resume or a cancellation (`holds`). It
looks at the state before every step, so it does not matter how often or when it runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from config.lib import ids
from messaging.campaigns import approval, holds, run, skips, verdicts
from messaging.campaigns.errors import Invalid
from messaging.campaigns.models import Campaign
from messaging.campaigns.verdicts import START, Verdict
from messaging.errors import Refusal
from messaging.messages import status, tallies
from messaging.sending import queue, wakeups
from messaging.signals import StatusChange
from templates_mgmt import catalog

Clock = Callable[[], datetime]
Status = Campaign.Status
_AT_REST: Final = frozenset({Status.PAUSED, Status.CANCELLED})


def advance(
    campaign_id: UUID, *, clock: Clock, seconds: float, size: int = verdicts.PAGE
) -> Counter[str]:
    """Work on a campaign of the business in scope until its rows fit its state.

    Takes `size` people a page. Returns counts; `more` is set when the time ended first.
    """
    until = clock() + timedelta(seconds=seconds)
    counts: Counter[str] = Counter()
    step = _Step("", START, size=size)
    while clock() < until:
        with transaction.atomic():
            campaign = _locked(campaign_id)
            if campaign is None:
                return counts
            step = _take(campaign, step, now=clock(), counts=counts)
        if step.is_last:
            return counts
    counts["more"] = 1
    return counts


class _Step:
    """Where the work stands: in which state, and past which row."""

    def __init__(self, state: str, after: UUID, *, size: int, is_last: bool = False) -> None:
        self.state = state
        self.size = size
        self.after = after
        self.is_last = is_last


def _locked(campaign_id: UUID) -> Campaign | None:
    rows: Any = Campaign.objects.select_for_update(no_key=True, of=("self",))
    found: Campaign | None = (
        rows.select_related("sender", "template").filter(pk=campaign_id).first()
    )
    return found


def _take(campaign: Campaign, last: _Step, *, now: datetime, counts: Counter[str]) -> _Step:
    state = campaign.status
    after = last.after if last.state == state else START
    match state:
        case Status.LAUNCHING:
            counts.update(_page(campaign, size=last.size, now=now))
            return _Step(state, START, size=last.size)
        case Status.PAUSED if campaign.launched_at:
            found = holds.hold(campaign, after=after)
            counts["held"] += len(found)
        case Status.RUNNING if campaign.paused_at:
            found = holds.release(campaign, after=after)
            counts["released"] += len(found)
            if found:
                wakeups.wake(campaign.sender_id)
        case Status.CANCELLED:
            found = holds.clear(campaign, now=now)
            counts["cancelled"] += len(found)
        case _:
            found = []
    if len(found) < holds.CHUNK and state in _AT_REST:
        skips.sort(campaign)
    after = found[-1] if found else after
    return _Step(state, after, size=last.size, is_last=len(found) < holds.CHUNK)


def _page(campaign: Campaign, *, size: int, now: datetime) -> Counter[str]:
    """Queue the next page of the audience, or stop the campaign with the reason why not."""
    if refusal := catalog.find_refusal(campaign.template):
        run.stop_by_system(campaign, reason=f"Template: {refusal.code}.", now=now)
        return Counter()
    try:
        judge = verdicts.judge(campaign, now=now)
    except Invalid as error:
        run.stop_by_system(campaign, reason=error.detail, now=now)
        return Counter()
    if campaign.approved is not None:
        size = verdicts.PAGE  # what was approved was hashed in pages of this size
    rows = judge.rows(after=campaign.cursor, limit=size)
    if objection := approval.find_objection(campaign, rows):
        run.stop_by_system(campaign, reason=objection, now=now)
        return Counter()
    people = [judge.verdict(row) for row in rows]
    counts = _write(campaign, people, now=now) if people else Counter()
    is_first = campaign.cursor is None
    if people:
        campaign.cursor = people[-1].contact_id
    if len(people) < size:
        _close(campaign, now=now)
    campaign.save(update_fields=["cursor", "skipped", "status", "fanned_out_at", "total"])
    if is_first or campaign.fanned_out_at:
        wakeups.wake(campaign.sender_id)
    return counts


def _close(campaign: Campaign, *, now: datetime) -> None:
    """Call the audience queued; recipients who are no contacts any more are skipped."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_campaignrecipient SET skip_code = %s "
            "WHERE campaign_id = %s AND message_id IS NULL AND skip_code = ''",
            [Refusal.INVALID_RECIPIENT.value, campaign.pk],
        )
        gone = cursor.rowcount
    skips.count(campaign, Counter({Refusal.INVALID_RECIPIENT.value: gone} if gone else {}))
    campaign.total = sum(tallies.of(campaign.pk).values())
    campaign.status, campaign.fanned_out_at = Status.RUNNING, now


_WRITE: Final = """
WITH page AS (
    SELECT * FROM ROWS FROM (
        unnest(%(ids)s::uuid[], %(contacts)s::uuid[], %(addresses)s::text[], %(codes)s::text[]),
        jsonb_array_elements(%(contents)s::jsonb)
    ) AS t(id, contact_id, address, code, content)
), decided AS (
    INSERT INTO messaging_campaignrecipient AS r (campaign_id, contact_id, message_id, skip_code)
    SELECT %(campaign)s, contact_id, id, code FROM page
    ON CONFLICT (campaign_id, contact_id) DO UPDATE
        SET message_id = excluded.message_id, skip_code = excluded.skip_code
        WHERE r.message_id IS NULL AND r.skip_code = ''
    RETURNING r.contact_id
), told AS (
    SELECT page.* FROM page JOIN decided USING (contact_id) WHERE page.id IS NOT NULL
), written AS (
    INSERT INTO messaging_message (id, business_id, direction, type, status, category, sender_id,
        contact_id, campaign_id, template_id, address, content, created_by_id, created_at)
    SELECT id, %(business)s, 'outbound', 'template', 'queued', %(category)s, %(sender)s,
        contact_id, %(campaign)s, %(template)s, address, COALESCE(content, %(shared)s::jsonb),
        %(by)s, %(now)s
    FROM told
), queued AS (
    INSERT INTO messaging_queueitem (message_id, business_id, sender_id, contact_id, campaign_id,
        priority, not_before)
    SELECT id, %(business)s, %(sender)s, contact_id, %(campaign)s, %(priority)s, %(now)s FROM told
)
SELECT contact_id FROM page WHERE contact_id NOT IN (SELECT contact_id FROM decided)
"""


def _write(campaign: Campaign, people: Sequence[Verdict], *, now: datetime) -> Counter[str]:
    """Write ledger, messages and queue rows of a page, and count them."""
    made = [ids.new_id() if one.content is not None else None for one in people]
    shared = next((one.content for one in people if one.content is not None), None)
    # Most campaigns say the same to everyone: then the text travels once.
    is_shared = all(one.content is None or one.content is shared for one in people)
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "ids": _array(made),
                "contacts": _array([one.contact_id for one in people]),
                "addresses": [one.address for one in people],
                "contents": None if is_shared else _json(people),
                "shared": shared if is_shared else None,
                "codes": [one.code for one in people],
                "campaign": campaign.pk,
                "business": campaign.business_id,
                "category": campaign.template.category,
                "sender": campaign.sender_id,
                "template": campaign.template_id,
                "by": campaign.created_by_id,
                "priority": queue.CAMPAIGN,
                "now": now,
            },
        )
        repeated = {contact_id for (contact_id,) in cursor.fetchall()}
    fresh = [
        (id_, one) for id_, one in zip(made, people, strict=True) if one.contact_id not in repeated
    ]
    codes = Counter(one.code for id_, one in fresh if id_ is None)
    skips.count(campaign, codes)
    changes = [_change(campaign, id_, one, now) for id_, one in fresh if id_ is not None]
    status.announce(changes)
    return Counter({"queued": len(changes), "skipped": codes.total()})


def _array(found: Sequence[UUID | None]) -> str:
    """Return ids as PostgreSQL writes an array: much faster than adapting each."""
    return f"{{{','.join(id_.hex if id_ else 'NULL' for id_ in found)}}}"


def _json(people: Sequence[Verdict]) -> str:
    """Return the contents as one JSON array; no content is null there, and no row is made of it."""
    return f"[{','.join(one.content or 'null' for one in people)}]"


def _change(campaign: Campaign, message_id: UUID, one: Verdict, now: datetime) -> StatusChange:
    return StatusChange(
        message_id=message_id,
        business_id=campaign.business_id,
        sender_id=campaign.sender_id,
        contact_id=one.contact_id,
        campaign_id=campaign.pk,
        template_id=campaign.template_id,
        category=campaign.template.category,
        direction="outbound",
        before=None,
        after="queued",
        error_code=None,
        error_reason="",
        queued_at=now,
        at=now,
    )
