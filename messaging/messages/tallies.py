"""How many messages of a campaign stand at each status: small rows moved with each batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection

from accounts import tenancy
from messaging.messages.models import CampaignTally
from messaging.signals import StatusChange

# Being sent is a moment of being queued: it is not counted apart.
_SHOWN_AS: Final = {"sending": "queued"}


class _Key(NamedTuple):
    """One row of `CampaignTally`; the business follows from the campaign."""

    campaign_id: UUID
    status: str
    business_id: UUID


def add(changes: Iterable[StatusChange]) -> None:
    """Move the counts of the campaigns these changes belong to, in order of their keys."""
    deltas: Counter[_Key] = Counter()
    for change in changes:
        if change.campaign_id is None:
            continue
        if change.before is not None:
            deltas[_key(change, change.before)] -= 1
        deltas[_key(change, change.after)] += 1
    _add(deltas)


def open_with(campaign_id: UUID, counts: Mapping[str, int]) -> None:
    """Count messages and refusals a launch has just made."""
    business_id = tenancy.current_id()
    _add(Counter({_Key(campaign_id, status, business_id): n for status, n in counts.items()}))


def of(campaign_id: UUID) -> dict[str, int]:
    """Return the count of every status that has messages."""
    rows = CampaignTally.objects.filter(campaign_id=campaign_id, count__gt=0)
    return dict(rows.values_list("status", "count"))


def _key(change: StatusChange, status: str) -> _Key:
    if change.campaign_id is None:
        raise ValueError("only messages of campaigns are counted")
    return _Key(change.campaign_id, _SHOWN_AS.get(status, status), change.business_id)


def _add(deltas: Counter[_Key]) -> None:
    moved = sorted((key, delta) for key, delta in deltas.items() if delta)
    if not moved:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_campaigntally AS t (campaign_id, status, business_id, count) "
            "SELECT * FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::bigint[]) "
            "ON CONFLICT (campaign_id, status) DO UPDATE SET count = t.count + excluded.count",
            [
                [key.campaign_id for key, _ in moved],
                [key.status for key, _ in moved],
                [key.business_id for key, _ in moved],
                [delta for _, delta in moved],
            ],
        )
