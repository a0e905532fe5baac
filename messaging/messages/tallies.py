"""How many messages of a campaign stand at each status: small rows moved with each batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from django.db import connection

from messaging.messages.models import CampaignTally
from messaging.signals import StatusChange

# Being sent is a moment of being queued: it is not counted apart.
_SHOWN_AS: Final = {"sending": "queued"}


def add(changes: Iterable[StatusChange]) -> None:
    """Move the counts of the campaigns these changes belong to, in order of their keys."""
    deltas: Counter[tuple[UUID, str]] = Counter()
    for change in changes:
        if change.campaign_id is None:
            continue
        if change.before is not None:
            deltas[change.campaign_id, _SHOWN_AS.get(change.before, change.before)] -= 1
        deltas[change.campaign_id, _SHOWN_AS.get(change.after, change.after)] += 1
    _add(deltas)


def open_with(campaign_id: UUID, counts: Mapping[str, int]) -> None:
    """Count messages and refusals a launch has just made."""
    _add(Counter({(campaign_id, status): count for status, count in counts.items()}))


def of(campaign_id: UUID) -> dict[str, int]:
    """Return the count of every status that has messages."""
    rows = CampaignTally.objects.filter(campaign_id=campaign_id, count__gt=0)
    return dict(rows.values_list("status", "count"))


def _add(deltas: Counter[tuple[UUID, str]]) -> None:
    moved = sorted((key, delta) for key, delta in deltas.items() if delta)
    if not moved:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_campaigntally AS t (campaign_id, status, count) "
            "SELECT * FROM unnest(%s::uuid[], %s::text[], %s::bigint[]) "
            "ON CONFLICT (campaign_id, status) DO UPDATE SET count = t.count + excluded.count",
            [
                [campaign_id for (campaign_id, _), _ in moved],
                [status for (_, status), _ in moved],
                [delta for _, delta in moved],
            ],
        )
