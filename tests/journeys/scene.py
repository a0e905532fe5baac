"""What a journey needs in the database of its own stack: `python -m tests.journeys.scene`.

`open` writes a business with an audience and launches a campaign; `state` prints what became of
its messages, as JSON. A program of its own, because the journey's servers come and go.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from typing import Any

import django

PAGE = 2000
# Shorter than an operator may choose, so that a journey need not wait a minute.
RECONCILE_SECONDS = 10


def open_scene(*, people: int, per_second: int, category: str) -> dict[str, Any]:
    """Write the business and launch; return the ids a journey asks about."""
    from django.utils import timezone

    from accounts import tenancy
    from accounts.models import Business
    from messaging.campaigns import run
    from messaging.senders.models import Sender
    from tests.messaging.pump import make_pump

    pump = make_pump()
    Business.objects.filter(pk=pump.business.pk).update(reconcile_after_seconds=RECONCILE_SECONDS)
    Sender.across_businesses.filter(pk=pump.sender.pk).update(
        per_second=per_second, throughput=Sender.Throughput.HIGH
    )
    if category != pump.template.category:
        pump.template.category = category
        pump.template.save(update_fields=["category", "updated_at"])
    sender = Sender.across_businesses.select_related("account").get(pk=pump.sender.pk)
    with tenancy.scope(pump.business):
        _write_people(pump.business.pk, people)
        now = timezone.now()
        plan = run.Plan(name="Crash", sender=sender, template=pump.template, audience={"all": True})
        campaign = run.create(plan, by=run.SYSTEM, now=now)
        run.launch(campaign, by=run.SYSTEM, now=now)
    return {"business": str(pump.business.pk), "campaign": str(campaign.pk)}


def _write_people(business_id: Any, count: int) -> None:
    from django.utils import timezone

    from compliance import consent
    from compliance.models import ConsentEvent, ConsentStatus
    from messaging.contacts.models import Contact

    now = timezone.now()
    for numbers in _pages(count):
        Contact.objects.bulk_create(
            Contact(business_id=business_id, name=f"P{n[-5:]}", phone=n, phone_key=n)
            for n in numbers
        )
        rows = [
            consent.ConsentRow(
                addresses=[number],
                scopes=consent.expand("utility"),
                status=ConsentStatus.OPTED_IN,
                occurred_at=now,
            )
            for number in numbers
        ]
        consent.record_many(rows, source=ConsentEvent.Source.IMPORT, now=now)


def _pages(count: int) -> Iterator[list[str]]:
    numbers = [f"+346{11_000_000 + index:08d}" for index in range(count)]
    for start in range(0, count, PAGE):
        yield numbers[start : start + PAGE]


def nudge(*, business_id: str) -> dict[str, Any]:
    """Send one more message, to somebody else: its statuses show that webhooks flow."""
    from uuid import UUID

    from accounts.models import Business
    from messaging.contacts.models import Contact
    from messaging.senders.models import Sender
    from templates_mgmt.models import Template
    from tests.messaging.pump import Pump

    business = Business.objects.get(pk=UUID(business_id))
    sender = Sender.across_businesses.select_related("account").get(business=business)
    pump = Pump(business, sender, Template.across_businesses.get(business=business))
    count = Contact.across_businesses.filter(phone__startswith="+3469").count()
    message = pump.ask(pump.person(f"+34690{count:04d}00"))
    return {"message": str(message.pk)}


def state(campaign_id: str) -> dict[str, Any]:
    """Return the campaign's state and every message with its address, status and error."""
    from messaging.campaigns.models import Campaign
    from messaging.messages.models import Message
    from messaging.sending.models import QueueItem, UnknownMessage

    campaign = Campaign.across_businesses.get(pk=campaign_id)
    rows = Message.across_businesses.filter(campaign_id=campaign_id).values_list(
        "id", "address", "status", "error_code", "wamid"
    )
    undecided = UnknownMessage.objects.filter(needs_decision=True)
    return {
        "undecided": [str(id_) for id_ in undecided.values_list("message_id", flat=True)],
        "status": campaign.status,
        "total": campaign.total,
        "skipped": campaign.skipped,
        "queued": QueueItem.objects.count(),
        "messages": [[str(id_), *rest] for id_, *rest in rows],
    }


def main() -> None:
    """Do one verb and print its result."""
    parser = ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    opening = verbs.add_parser("open")
    opening.add_argument("--people", type=int, required=True)
    opening.add_argument("--per-second", type=int, required=True)
    opening.add_argument("--category", default="utility")
    verbs.add_parser("nudge").add_argument("business_id")
    verbs.add_parser("state").add_argument("campaign_id")
    arguments = vars(parser.parse_args())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    known: dict[str, Callable[..., dict[str, Any]]] = {
        "open": open_scene,
        "nudge": nudge,
        "state": state,
    }
    json.dump(known[arguments.pop("verb")](**arguments), sys.stdout)


if __name__ == "__main__":
    main()
