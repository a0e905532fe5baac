"""The background work of messaging: one thin function a job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts import tenancy
from accounts.models import WhatsAppAccount
from config.lib import locks, partitions
from config.lib.tasks import Counts, task
from messaging import jobs
from messaging.campaigns import fanout, settle
from messaging.contacts import imports
from messaging.media import inbound
from messaging.messages.models import Message, MessageEvent
from messaging.senders import numbers
from messaging.sending import deliver, queue, reconcile, sweep, wakeups
from messaging.webhooks import apply
from messaging.webhooks.models import RawEvent

PARTITIONED = (Message, MessageEvent, RawEvent)
FAN_OUT_SLICE_SECONDS = 15
APPLY_SLICE = timedelta(seconds=15)


@task(jobs.DELIVER)
def deliver_bulk(*, sender_id: str, **_: Any) -> Counts:
    """Send what is due for a sender; ask for another turn when work is left."""
    return _deliver(UUID(sender_id), priority=queue.CAMPAIGN)


@task(jobs.DELIVER_REPLY)
def deliver_replies(*, sender_id: str, **_: Any) -> Counts:
    """Send the replies and single messages that are due for a sender."""
    return _deliver(UUID(sender_id), priority=queue.SINGLE)


def _deliver(sender_id: UUID, *, priority: int) -> Counts:
    is_reply = priority < queue.CAMPAIGN
    wakeups.take_down(sender_id, is_reply=is_reply)
    counts = deliver.run(
        sender_id, clock=timezone.now, seconds=settings.SEND_SLICE_SECONDS, priority=priority
    )
    if counts.pop("more", 0):
        wakeups.wake(sender_id, is_reply=is_reply)
    return dict(counts)


@task(jobs.APPLY_WEBHOOKS, time_limit_seconds=120)
def apply_webhooks(**_: Any) -> Counts:
    """Apply webhook events that are due; ask for another turn when work is left."""
    return dict(apply.run(clock=timezone.now, time_slice=APPLY_SLICE))


@task(jobs.SWEEP, time_limit_seconds=60)
def sweep_due(**_: Any) -> Counts:
    """Queue what is due, free what a dead worker held, wake workers, resume imports."""
    with locks.single_flight("messaging.sweep", ttl_seconds=60) as is_mine:
        if not is_mine:
            return {}
        now = timezone.now()
        return sweep.run(now=now) | {"imports": imports.resume_stalled(now=now)}


@task(jobs.RECONCILE, time_limit_seconds=120)
def reconcile_unknown(**_: Any) -> Counts:
    """Settle messages whose outcome stayed unknown."""
    with locks.single_flight("messaging.reconcile", ttl_seconds=120) as is_mine:
        return reconcile.run(now=timezone.now()) if is_mine else {}


@task(jobs.MAKE_PARTITIONS)
def make_partitions(**_: Any) -> Counts:
    """Make the partitions of the coming months."""
    now = timezone.now()
    tables = [model._meta.db_table for model in PARTITIONED]
    made = [partitions.ensure_partitions(table=table, now=now) for table in tables]
    return {"made": sum(map(len, made))}


@task(jobs.FAN_OUT, time_limit_seconds=120)
def fan_out(*, business_id: str, campaign_id: str, **_: Any) -> Counts:
    """Bring a campaign's messages in line with its state; ask for another turn if time ends."""
    with locks.single_flight(f"messaging.fan_out.{campaign_id}", ttl_seconds=120) as is_mine:
        if not is_mine:
            return {}
        with tenancy.scope(UUID(business_id)):
            counts = fanout.advance(
                UUID(campaign_id), clock=timezone.now, seconds=FAN_OUT_SLICE_SECONDS
            )
    if counts.pop("more", 0):
        jobs.FAN_OUT.enqueue(business_id=business_id, campaign_id=campaign_id)
    return dict(counts)


@task(jobs.SETTLE_CAMPAIGNS, time_limit_seconds=60)
def settle_campaigns(**_: Any) -> Counts:
    """Start campaigns that are due, finish those that are done, take the pulse of the others."""
    with locks.single_flight("messaging.settle_campaigns", ttl_seconds=60) as is_mine:
        return settle.sweep(now=timezone.now()) if is_mine else {}


@task(jobs.IMPORT_CONTACTS, time_limit_seconds=3600)
def import_contacts(*, business_id: str, import_id: str, **_: Any) -> Counts:
    """Read a file of contacts for its preview, or write its pages."""
    with tenancy.scope(UUID(business_id)):
        return imports.run(import_id=UUID(import_id), now=timezone.now())


@task(jobs.FETCH_MEDIA)
def fetch_media(**_: Any) -> Counts:
    """Fetch incoming files that are due."""
    return inbound.fetch_due(now=timezone.now())


@task(jobs.SYNC_NUMBERS)
def sync_numbers(*, business_id: str, account_id: str, **_: Any) -> Counts:
    """Pull the phone numbers of a WhatsApp account and subscribe to its webhooks."""
    with tenancy.scope(UUID(business_id)):
        account = WhatsAppAccount.objects.get(pk=account_id)
        numbers.subscribe(account)
        synced = numbers.sync(account, now=timezone.now())
    return {"new": synced.new, "changed": synced.changed, "gone": synced.gone}


@task(jobs.CHECK_ACCOUNTS)
def check_accounts(**_: Any) -> Counts:
    """Order a look at the numbers of every account."""
    with tenancy.across(tenancy.Door.SWEEP):
        accounts = list(WhatsAppAccount.across_businesses.values_list("business_id", "pk"))
    for business_id, account_id in accounts:
        jobs.SYNC_NUMBERS.enqueue_now(business_id=str(business_id), account_id=str(account_id))
    return {"accounts": len(accounts)}
