"""What time brings about in campaigns; beat runs it every few seconds.

Starts what is due, finishes what is done, takes the pulse of what runs, and sends workers to
campaigns whose job was lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q

from accounts import tenancy
from accounts.models import Business
from compliance import audit
from config.lib.apart import apart
from messaging import jobs
from messaging.campaigns import run, skips
from messaging.campaigns.models import Campaign
from messaging.messages import tallies
from messaging.messages.models import CampaignTally

Status = Campaign.Status

# How far back the rate looks, and how often it is noted.
_SAMPLES: Final = 13
_EVERY: Final = timedelta(seconds=5)
_SORT_SECONDS: Final = 60
_LEFTOVERS: Final = timedelta(days=1)


@tenancy.across(tenancy.Door.SWEEP)
def sweep(*, now: datetime) -> dict[str, int]:
    """Do all of it once for every business; return counts."""
    started, paused = _start_due(now)
    completed, watched = _watch(now)
    return {
        "started": started,
        "paused": paused,
        "completed": completed,
        "watched": watched,
        "leftovers": _clear_leftovers(now),
    }


def _start_due(now: datetime) -> tuple[int, int]:
    """Start campaigns whose time has come. Of two sweeps at once, one gets each campaign."""
    latest = now - timedelta(seconds=settings.CAMPAIGN_LATE_START_SECONDS)
    due = Q(status=Status.SCHEDULED, scheduled_at__lte=now, business__status=Business.Status.ACTIVE)
    started = paused = 0
    rows = (
        Campaign.across_businesses.filter(due)
        .order_by("scheduled_at", "pk")
        .values_list("pk", "business_id")
    )
    for campaign_id, business_id in list(rows):
        with _one("start campaign", campaign_id, business_id):
            campaign = _free(campaign_id, due)
            if campaign is None:
                continue
            if run.start_or_pause(campaign, latest=latest, now=now):
                started += 1
            else:
                paused += 1
    return started, paused


@contextmanager
def _one(work: str, campaign_id: UUID, business_id: UUID) -> Iterator[None]:
    """Do something about one campaign; where that fails, the others have their turn."""
    with tenancy.scope(business_id), apart(work, campaign_id=str(campaign_id)):
        yield


def _watch(now: datetime) -> tuple[int, int]:
    """Look after every campaign under way; return how many are completed and how many run on."""
    alive = Q(status__in=run.UNDER_WAY)
    completed = watched = 0
    rows = Campaign.across_businesses.filter(alive).order_by("pk")
    for campaign_id, business_id in list(rows.values_list("pk", "business_id")):
        with _one("watch campaign", campaign_id, business_id):
            campaign = _free(campaign_id, alive)
            if campaign is None:
                continue
            if look_after(campaign, now=now):
                completed += 1
            else:
                watched += 1
    return completed, watched


def _free(campaign_id: UUID, asked: Q) -> Campaign | None:
    """Return the campaign locked; None when somebody works on it just now, or it moved on.

    All that it was listed for is asked again: it may have been put off meanwhile.
    """
    rows: Any = Campaign.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    rows = rows.select_related("sender", "template").filter(asked, pk=campaign_id)
    found: Campaign | None = rows.first()
    return found


def look_after(campaign: Campaign, *, now: datetime) -> bool:
    """Finish a campaign whose messages all have an outcome, else note how far it is.

    A message of unknown outcome counts as settled: it is shown as unknown, and may still move.
    Says whether it is completed. Under the caller's lock of the row.
    """
    counts = tallies.of(campaign.pk)
    if not counts.get("queued") or _is_time_to_sort(campaign, now):
        skips.sort(campaign)
    campaign.pulse = _pulse(campaign.pulse, settled(counts), now)
    if campaign.status == Status.LAUNCHING:
        _send_worker(campaign)
    elif not counts.get("queued"):
        campaign.status, campaign.finished_at = Status.COMPLETED, now
        audit.record(
            action="campaign.completed",
            resource="campaign",
            resource_id=str(campaign.pk),
            details=dict(counts),
            actor_name=run.SYSTEM.name,
        )
    elif campaign.paused_at and _has_held(campaign.pk):
        # A worker that still saw the pause set rows aside after the resume let them go.
        _send_worker(campaign)
    campaign.save(update_fields=["status", "finished_at", "pulse"])
    return bool(campaign.status == Status.COMPLETED)


def _is_time_to_sort(campaign: Campaign, now: datetime) -> bool:
    """Say whether reasons are looked up in this round: it reads the campaign's messages."""
    launched_at = campaign.launched_at or now
    return int((now - launched_at).total_seconds()) % _SORT_SECONDS < _EVERY.total_seconds()


def settled(counts: Mapping[str, int]) -> int:
    """Return how many people of these counts have an outcome."""
    return sum(count for status, count in counts.items() if status != "queued")


def _pulse(before: Mapping[str, Any], done: int, now: datetime) -> dict[str, Any]:
    """Add a sample `[unix time, settled]`; `moved_at` is when the number last changed."""
    samples = [list(one) for one in before.get("samples", ())]
    if samples and now.timestamp() - samples[-1][0] < _EVERY.total_seconds() * 0.8:
        return dict(before)
    has_moved = not samples or samples[-1][1] != done
    samples = [*samples, [round(now.timestamp(), 1), done]][-_SAMPLES:]
    moved_at = now.isoformat() if has_moved else before.get("moved_at", now.isoformat())
    return {"samples": samples, "moved_at": moved_at}


def _has_held(campaign_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM messaging_queueitem "
            "WHERE campaign_id = %s AND is_held AND held_until IS NULL)",
            [campaign_id],
        )
        return bool(cursor.fetchone()[0])


def _send_worker(campaign: Campaign) -> None:
    jobs.FAN_OUT.enqueue(business_id=str(campaign.business_id), campaign_id=str(campaign.pk))


def _clear_leftovers(now: datetime) -> int:
    """Send workers to cancelled campaigns with messages still queued."""
    waiting = CampaignTally.objects.filter(status="queued", count__gt=0)
    rows = Campaign.across_businesses.filter(
        status=Status.CANCELLED,
        finished_at__gt=now - _LEFTOVERS,
        pk__in=waiting.values("campaign_id"),
    )
    for campaign in rows:
        _send_worker(campaign)
    return len(rows)
