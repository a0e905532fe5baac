"""People of a campaign who get no message, counted by reason."""

from __future__ import annotations

from collections import Counter
from typing import Final

from django.db import connection

from messaging.campaigns.models import Campaign
from messaging.messages import tallies

# Skipped just before leaving, and not yet looked at by `sort`.
UNSORTED: Final = "just_now"

_SORT: Final = """
WITH late AS (
    UPDATE messaging_campaignrecipient r SET skip_code = m.error_reason
    FROM messaging_message m
    WHERE m.campaign_id = %(campaign)s AND m.status = 'skipped' AND r.campaign_id = %(campaign)s
      AND r.contact_id = m.contact_id AND r.message_id = m.id AND r.skip_code = ''
    RETURNING r.skip_code
)
SELECT skip_code, count(*) FROM late GROUP BY skip_code
"""
_DUPLICATES: Final = """
SELECT count(*) FROM messaging_message
WHERE campaign_id = %(campaign)s AND status = 'skipped' AND error_reason = 'duplicate_person'
"""


def count(campaign: Campaign, codes: Counter[str]) -> None:
    """Count people refused at the door; the caller saves the campaign's `skipped`."""
    if not codes:
        return
    campaign.skipped = dict(Counter(campaign.skipped) + codes)
    tallies.open_with(campaign.pk, {"skipped": codes.total()})


def sort(campaign: Campaign) -> None:
    """Find the reasons of messages the gate turned away just before they would have left.

    Reads the campaign's messages, but only when the counters say that there are such. Under the
    caller's lock of the row.
    """
    if not unsorted(campaign, tallies.of(campaign.pk)):
        return
    with connection.cursor() as cursor:
        cursor.execute(_SORT, {"campaign": campaign.pk})
        late = Counter({code or "skipped": number for code, number in cursor.fetchall()})
        # Two contacts that proved to be one share a line of the ledger: it is the other message's.
        cursor.execute(_DUPLICATES, {"campaign": campaign.pk})
        known = campaign.skipped.get("duplicate_person", 0)
        late["duplicate_person"] = cursor.fetchone()[0] - known
    late = +late
    if late:
        campaign.skipped = dict(Counter(campaign.skipped) + late)
        campaign.save(update_fields=["skipped"])


def unsorted(campaign: Campaign, counts: dict[str, int]) -> int:
    """Return how many were skipped for a reason not looked up yet."""
    known: int = sum(campaign.skipped.values())
    return max(0, counts.get("skipped", 0) - known)
