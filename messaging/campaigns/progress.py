"""How far a campaign is: small rows only, no message is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Min, QuerySet, Sum

from config.lib import moments
from messaging.campaigns import estimate, skips
from messaging.campaigns.dryrun import SKIPPED, Skipped
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.campaigns.settle import settled
from messaging.contacts.models import Contact
from messaging.messages import tallies
from messaging.senders.models import Sender
from messaging.sending import throttle
from messaging.sending.models import PortfolioRecipient, QueueItem, SenderUsage

STILL: Final = timedelta(seconds=60)
STATUSES: Final = (
    "queued",
    "sent",
    "delivered",
    "read",
    "failed",
    "skipped",
    "cancelled",
    "unknown",
)


@dataclass(frozen=True, slots=True)
class Stalled:
    """Why nothing moves although messages wait: a code and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A campaign as it stands. `counts` has every status; `waiting` have no message yet."""

    campaign: Campaign
    total: int
    counts: Mapping[str, int]
    waiting: int
    skipped: Mapping[str, int]
    percent: int
    rate_per_second: float
    eta_s: int | None
    stalled: Stalled | None
    skipped_sample: tuple[Skipped, ...]
    estimated_cost: None = None

    @property
    def accepted(self) -> int:
        """People who have a message, or will."""
        return max(0, self.total - sum(self.skipped.values()))


def of(campaign: Campaign, *, now: datetime) -> Progress:
    """Return the progress of a campaign."""
    found = tallies.of(campaign.pk)
    counts = dict.fromkeys(STATUSES, 0) | found
    total = max(campaign.total, sum(found.values()))
    done = settled(found)
    late = skips.unsorted(campaign, found)
    rate = _rate(campaign, done)
    is_moving = campaign.status in ("launching", "running")
    return Progress(
        campaign=campaign,
        total=total,
        counts=counts,
        waiting=max(0, total - sum(found.values())),
        skipped=campaign.skipped | ({skips.UNSORTED: late} if late else {}),
        percent=100 * done // total if total else 0,
        rate_per_second=rate,
        eta_s=_eta(campaign, total - done, rate) if is_moving else None,
        stalled=_stalled(campaign, counts["queued"], now) if is_moving else None,
        skipped_sample=skipped_sample(campaign),
    )


def skipped_sample(campaign: Campaign) -> tuple[Skipped, ...]:
    """Return the first people who get no message, with the reason."""
    refused = [Skipped(one["to"], one["code"]) for one in campaign.refused[:SKIPPED]]
    lines = CampaignRecipient.objects.filter(campaign=campaign).exclude(skip_code="")
    rows = list(lines.order_by("id").values_list("contact_id", "skip_code")[:SKIPPED])
    people = Contact.objects.in_bulk([contact_id for contact_id, _ in rows])
    known = [
        Skipped(_address(people.get(contact_id)), code, contact_id=contact_id)
        for contact_id, code in rows
    ]
    return tuple([*refused, *known][:SKIPPED])


def _address(contact: Contact | None) -> str:
    return contact.address if contact else ""


def _rate(campaign: Campaign, done: int) -> float:
    """Return people settled a second: lately, or over the whole run of one that is over."""
    if campaign.finished_at and campaign.launched_at:
        seconds = (campaign.finished_at - campaign.launched_at).total_seconds()
        return round(done / seconds, 1) if seconds > 0 else 0.0
    samples = campaign.pulse.get("samples", [])
    if len(samples) < 2 or samples[-1][0] <= samples[0][0]:
        return 0.0
    (since, before), (until, after) = samples[0], samples[-1]
    rate: float = max(0.0, (after - before) / (until - since))
    return round(rate, 1)


def _eta(campaign: Campaign, left: int, rate: float) -> int | None:
    """Return the seconds left at the present rate, or at the sender's when there is none yet."""
    if rate > 0:
        return round(left / rate)
    return estimate.duration_seconds(campaign.sender, left)


def _stalled(campaign: Campaign, queued: int, now: datetime) -> Stalled | None:
    """Say why nothing has moved for a minute although messages wait."""
    moved_at = campaign.pulse.get("moved_at")
    since = datetime.fromisoformat(moved_at) if moved_at else campaign.launched_at
    if not queued or since is None or now - since < STILL:
        return None
    sender = campaign.sender
    if not campaign.business.is_active:
        return Stalled("business_suspended", "The business is suspended: nothing is sent.")
    if sender.is_paused_at(now):
        why = sender.pause_reason or sender.meta_status
        return Stalled("sender_paused", f"The sending number is paused: {why}.")
    if sender.is_cooling_at(now):
        return Stalled("sender_cooldown", "Meta asked the sending number to slow down.")
    if limit := _limit_reached(sender, now):
        return Stalled("limit_reached", limit)
    if morning := _morning(campaign):
        return Stalled(
            "quiet_hours",
            "It is quiet hours where the people left are; sending goes on from "
            f"{moments.text(morning)}.",
        )
    return Stalled("no_worker", "Nothing was sent for a minute: is a worker running?")


def _morning(campaign: Campaign) -> datetime | None:
    """Return when the first messages go on that wait for the morning."""
    waiting = QueueItem.objects.filter(campaign_id=campaign.pk, held_until__isnull=False)
    first: datetime | None = waiting.aggregate(at=Min("held_until"))["at"]
    return first


def _limit_reached(sender: Sender, now: datetime) -> str:
    hour = now.replace(minute=0, second=0, microsecond=0)
    usage = SenderUsage.objects.filter(sender=sender)
    if sender.per_hour and _sent(usage, hour) >= sender.per_hour:
        return "The number's messages of this hour are used up."
    if sender.per_day and _sent(usage, hour.replace(hour=0)) >= sender.per_day:
        return "The number's messages of this day are used up."
    people = throttle.portfolio_limit(sender.account)
    if people is None:
        return ""
    written = PortfolioRecipient.objects.filter(
        portfolio=throttle.portfolio_of(sender.account),
        last_at__gt=now - throttle.UNIQUE_WINDOW,
    )
    is_full = written[: people + 1].count() >= people
    return "Meta's limit of people in 24 hours is used up." if is_full else ""


def _sent(usage: QuerySet[SenderUsage], since: datetime) -> int:
    return usage.filter(hour__gte=since).aggregate(sent=Sum("sent"))["sent"] or 0
