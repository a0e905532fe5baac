"""What the first page of the admin answers at a glance, to this reader.

Numbers come from the hourly roll-ups, the state of things from small tables; the queue is looked
at through its index and never counted beyond `MOST_COUNTED`. Parts the reader may not see are
left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone

from accounts import tenancy
from accounts.access import Access
from accounts.models import Business, WhatsAppAccount
from analytics import queries
from analytics.periods import Granularity, Period
from config.lib import ids
from messaging.campaigns import progress, settle
from messaging.campaigns.models import Campaign
from messaging.contacts.models import Contact
from messaging.senders.models import Sender, SenderActivity
from messaging.sending.models import QueueItem
from messaging.webhooks.models import DeadLetter
from templates_mgmt.models import Template

MOST_COUNTED: Final = 10_000
MOST_SENDERS: Final = 12
MOST_CAMPAIGNS: Final = 8
MOST_FAILURES: Final = 6
ALIVE: Final = ("launching", "running", "paused")
_LINES: Final = (
    ("sent", "Sent", "--color-primary-600"),
    ("delivered", "Delivered", "--sb-blue"),
    ("read", "Read", "--sb-violet"),
    ("received", "Received", "--sb-amber"),
    ("failed", "Failed", "--sb-red"),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """How much waits to leave, and since when. `is_more` when counting stopped."""

    size: int
    is_more: bool
    oldest_at: datetime | None
    oldest_seconds: int

    @property
    def tone(self) -> str:
        """Return how worrying the age is."""
        if self.oldest_seconds < 120:
            return "success"
        return "warning" if self.oldest_seconds < 1800 else "danger"


@dataclass(frozen=True, slots=True)
class SenderCard:
    """One number: what an operator asks about first."""

    sender: Sender
    state: str
    tone: str
    detail: str
    last_webhook_at: datetime | None
    sent_today: int


@dataclass(frozen=True, slots=True)
class Running:
    """A campaign under way: how many people have an outcome, how fast, what holds it up."""

    campaign: Campaign
    done: int
    total: int
    rate_per_second: float
    eta_seconds: int | None
    stalled: str


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One thing to do before the first campaign."""

    title: str
    text: str
    url_name: str
    is_done: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything the page shows. None stands for a part the reader may not see."""

    business: Business
    now: datetime
    zone: str
    counts: queries.Counts | None
    chart: str
    failures: list[queries.Failure] | None
    queue: Queue | None
    senders: list[SenderCard] | None
    campaigns: list[Running] | None
    last_webhook_at: datetime | None
    dead_letters: int | None
    setup: list[SetupStep]

    @property
    def delivery_rate(self) -> float | None:
        """Return delivered of sent."""
        return self.counts.delivery_rate if self.counts else None

    @property
    def read_rate(self) -> float | None:
        """Return read of delivered."""
        return self.counts.read_rate if self.counts else None

    @property
    def is_set_up(self) -> bool:
        """Tell whether every step to the first campaign is done."""
        return all(step.is_done for step in self.setup)


def read(caller: Access) -> Dashboard:
    """Return what the reader may see of the business in scope, now."""
    return at(caller, now=timezone.now())


def at(caller: Access, *, now: datetime) -> Dashboard:
    """Return what the reader may see of the business in scope at this instant."""
    business = caller.business
    if business is None:
        raise tenancy.NoBusinessInScope("a dashboard is of one business")
    today = today_of(business, now)
    sees_numbers = caller.allows("analytics.view") or caller.allows("messages.view")
    sees_senders = caller.allows("senders.view")
    senders = _senders() if sees_senders or sees_numbers else []
    return Dashboard(
        business=business,
        now=now,
        zone=business.time_zone,
        counts=queries.totals(today) if sees_numbers else None,
        chart=_chart(today) if sees_numbers else "",
        failures=queries.failures(today, limit=MOST_FAILURES) if sees_numbers else None,
        queue=_queue(senders, now) if caller.allows("messages.view") else None,
        senders=_cards(senders, today, now) if sees_senders else None,
        campaigns=_running(now) if caller.allows("messages.view") else None,
        last_webhook_at=_last_webhook(senders),
        dead_letters=_dead_letters() if caller.allows("dead_letters.view") else None,
        setup=_setup(caller),
    )


def today_of(business: Business, now: datetime) -> Period:
    """Return the business's local day, in hours."""
    zone = ZoneInfo(business.time_zone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone).astimezone(UTC)
    start = midnight.replace(minute=0, second=0, microsecond=0)
    return Period(start, start + timedelta(hours=24), zone, Granularity.HOUR)


def _chart(today: Period) -> str:
    """Return the day by the hour as Chart.js wants it."""
    buckets = queries.series(today)
    datasets = [
        {
            "label": label,
            "data": [bucket.counts[metric] for bucket in buckets],
            "borderColor": f"var({colour})",
            "backgroundColor": f"var({colour})",
            "maxBarThickness": 14,
        }
        for metric, label, colour in _LINES
    ]
    labels = [f"{bucket.at:%H:%M}" for bucket in buckets]
    return json.dumps({"labels": labels, "datasets": datasets})


def _senders() -> list[Sender]:
    rows: QuerySet[Sender] = Sender.objects.select_related("account", "activity")
    return list(rows.order_by("-is_default", "id")[:MOST_SENDERS])


def _cards(senders: list[Sender], today: Period, now: datetime) -> list[SenderCard]:
    sent = {row.id: row.counts["sent"] for row in queries.by_sender(today)}
    return [_card(sender, sent.get(sender.pk, 0), now) for sender in senders]


def _card(sender: Sender, sent_today: int, now: datetime) -> SenderCard:
    state, tone, detail = _state(sender, now)
    return SenderCard(sender, state, tone, detail, _last_of(_activity(sender)), sent_today)


def _state(sender: Sender, now: datetime) -> tuple[str, str, str]:
    if sender.meta_status not in {"CONNECTED", "FLAGGED"}:
        word = sender.meta_status.replace("_", " ").lower()
        return "Not connected", "danger", f"Meta says: {word}. Check the number in WhatsApp Manager"
    if sender.is_paused_at(now):
        return "Paused", "danger", sender.pause_reason
    if sender.is_cooling_at(now):
        return "Cooling down", "warning", "Meta asked for a rest; it goes on by itself"
    if sender.meta_status == "FLAGGED":
        return "Flagged", "warning", "People block or report it: write to fewer, write better"
    return "Sending", "success", ""


def _activity(sender: Sender) -> SenderActivity | None:
    return getattr(sender, "activity", None)


def _last_of(activity: SenderActivity | None) -> datetime | None:
    if activity is None:
        return None
    known = [at for at in (activity.last_status_at, activity.last_inbound_at) if at]
    return max(known, default=None)


def _last_webhook(senders: list[Sender]) -> datetime | None:
    known = [at for sender in senders if (at := _last_of(_activity(sender)))]
    return max(known, default=None)


def _queue(senders: list[Sender], now: datetime) -> Queue:
    waiting, oldest = 0, None
    for sender in senders:
        rows = QueueItem.objects.filter(sender=sender, is_held=False)
        room = MOST_COUNTED + 1 - waiting
        waiting += rows.order_by()[:room].count()
        # The smallest key of each priority is the first row of the claim's index.
        for priority in (0, 5, 9):
            first = rows.filter(priority=priority, lease_until=None).order_by("message_id").first()
            if first is not None and (oldest is None or first.message_id < oldest):
                oldest = first.message_id
    oldest_at = ids.time_of(oldest) if oldest else None
    seconds = max(0, int((now - oldest_at).total_seconds())) if oldest_at else 0
    return Queue(min(waiting, MOST_COUNTED), waiting > MOST_COUNTED, oldest_at, seconds)


def _running(now: datetime) -> list[Running]:
    rows: QuerySet[Campaign] = Campaign.objects.filter(status__in=ALIVE)
    campaigns = rows.select_related("template", "sender").order_by("-id")[:MOST_CAMPAIGNS]
    return [_progress(campaign, now) for campaign in campaigns]


def _progress(campaign: Campaign, now: datetime) -> Running:
    told = progress.of(campaign, now=now)
    return Running(
        campaign=campaign,
        done=settle.settled(told.counts),
        total=told.total,
        rate_per_second=told.rate_per_second,
        eta_seconds=told.eta_s,
        stalled=told.stalled.detail if told.stalled else "",
    )


def _dead_letters() -> int:
    rows = DeadLetter.objects.filter(business_id=tenancy.current_id(), resolved_at=None)
    return rows.order_by()[:100].count()


def _setup(caller: Access) -> list[SetupStep]:
    facts: tuple[tuple[str, str, str, QuerySet[Any], str], ...] = (
        (
            "Connect a WhatsApp account",
            "Its id and an access token; numbers and templates are read from Meta at once.",
            "admin:accounts_whatsappaccount_connect",
            WhatsAppAccount.objects.all(),
            "senders.manage",
        ),
        (
            "Import contacts",
            "A CSV or Excel file with consent. You see every row's verdict before it is written.",
            "admin:messaging_contactimport_add",
            Contact.objects.all(),
            "contacts.manage",
        ),
        (
            "Have an approved template",
            "Write it in WhatsApp Manager, then sync: only what Meta approved may be sent.",
            "admin:templates_mgmt_template_changelist",
            Template.objects.filter(status=Template.Status.APPROVED),
            "templates.view",
        ),
        (
            "Create a campaign",
            "Choose people and a template, preview, try it dry, launch.",
            "admin:messaging_campaign_add",
            Campaign.objects.all(),
            "messages.bulk_send",
        ),
    )
    return [
        SetupStep(title, text, url_name, rows.exists(), caller.allows(permission))
        for title, text, url_name, rows, permission in facts
    ]
