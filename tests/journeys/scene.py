"""What a journey needs in the database of its own stack: `python -m tests.journeys.scene`.

`open` gives the demo business an audience and launches a campaign; `state` tells what became of the
campaign's messages and of those sent one by one, `optouts` when people's opt-outs were committed,
as JSON. A program of its own, because the journey's servers come and go.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

import django

PAGE = 2000
PORTFOLIO = "734567890000033"  # of the demo account: config/dev/sandbox/seed.json


def open_scene(*, people: int, per_second: int) -> dict[str, Any]:
    """Write people with phone and user id, launch a campaign to them; return all their ids."""
    from django.utils import timezone

    from accounts import tenancy
    from messaging.campaigns import run

    pump = _pump()
    _make_fast(pump, per_second)
    with tenancy.scope(pump.business):
        written = _write_people(pump.business.pk, people)
        now = timezone.now()
        plan = run.Plan(
            name="Journey", sender=pump.sender, template=pump.template, audience={"all": True}
        )
        campaign = run.create(plan, by=run.SYSTEM, now=now)
        run.launch(campaign, by=run.SYSTEM, now=now)
    return {"business": str(pump.business.pk), "campaign": str(campaign.pk), "people": written}


def _pump() -> Any:
    """Return the demo business's first number with a template that asks for no variables."""
    from accounts.models import Business
    from config.dev.demo_business import NAME
    from messaging.senders.models import Sender
    from templates_mgmt.models import Template
    from tests.messaging.pump import PHONE_NUMBER_ID, TEMPLATE, Pump

    business = Business.objects.get(name=NAME)
    sender = Sender.across_businesses.select_related("account").get(
        business=business, phone_number_id=PHONE_NUMBER_ID
    )
    return Pump(business, sender, Template.across_businesses.get(business=business, name=TEMPLATE))


def _make_fast(pump: Any, per_second: int) -> None:
    from accounts.businesses import SHORTEST_RECONCILIATION_SECONDS
    from accounts.models import Business
    from messaging.senders.models import Sender

    shortest = {"reconcile_after_seconds": SHORTEST_RECONCILIATION_SECONDS}
    Business.objects.filter(pk=pump.business.pk).update(**shortest)
    Sender.across_businesses.filter(pk=pump.sender.pk).update(
        per_second=per_second, throughput=Sender.Throughput.HIGH
    )


def _write_people(business_id: Any, count: int) -> list[dict[str, str]]:
    from django.utils import timezone

    from compliance import consent
    from compliance.models import ConsentEvent, ConsentStatus
    from messaging.contacts.models import Contact

    now = timezone.now()
    people = [_person(index) for index in range(count)]
    for start in range(0, count, PAGE):
        page = people[start : start + PAGE]
        Contact.objects.bulk_create(
            Contact(
                business_id=business_id,
                name=f"P{one['phone'][-5:]}",
                phone=one["phone"],
                phone_key=one["phone"],
                bsuid=one["user_id"],
            )
            for one in page
        )
        rows = [
            consent.ConsentRow(
                addresses=[one["phone"]],
                scopes=consent.expand("utility"),
                status=ConsentStatus.OPTED_IN,
                occurred_at=now,
            )
            for one in page
        ]
        consent.record_many(rows, source=ConsentEvent.Source.IMPORT, now=now)
    return people


def _person(index: int) -> dict[str, str]:
    """Return a person's addresses, the user id as the sandbox gives it."""
    from config.dev.sandbox.addresses import user_id_for

    phone = f"+346{11_000_000 + index:08d}"
    return {"phone": phone, "user_id": user_id_for(phone[1:], PORTFOLIO)}


def state(campaign_id: str) -> dict[str, Any]:
    """Return the campaign's state and what became of every message of it."""
    from messaging.campaigns.models import Campaign
    from messaging.messages.models import Message
    from messaging.sending.models import QueueItem, UnknownMessage

    campaign = Campaign.across_businesses.get(pk=campaign_id)
    columns = ("id", "address", "status", "error_code", "error_reason")
    rows = Message.across_businesses.filter(campaign_id=campaign_id).values_list(*columns)
    singles = Message.across_businesses.filter(
        campaign=None, direction="outbound", type="template"
    ).values_list(*columns)
    undecided = UnknownMessage.objects.filter(needs_decision=True)
    return {
        "undecided": [str(id_) for id_ in undecided.values_list("message_id", flat=True)],
        "status": campaign.status,
        "total": campaign.total,
        "skipped": campaign.skipped,
        "queued": QueueItem.objects.count(),
        "messages": [[str(id_), *rest] for id_, *rest in rows],
        "singles": [[str(id_), *rest] for id_, *rest in singles],
    }


def optouts(business_id: str) -> dict[str, Any]:
    """Return each opt-out's address and the instant of its commit, as PostgreSQL noted it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT address, pg_xact_commit_timestamp(xmin) FROM compliance_consentevent "
            "WHERE business_id = %s AND status = 'opted_out'",
            [business_id],
        )
        return {"commits": [[address, at.isoformat()] for address, at in cursor.fetchall()]}


def agent() -> dict[str, Any]:
    """Return the demo business's agent, who is made one again when a journey changed that."""
    from accounts import tenancy
    from accounts.models import Membership, Role, User

    pump = _pump()
    user = User.objects.get(email="agent@example.com")
    with tenancy.scope(pump.business):
        Membership.objects.update_or_create(
            business=pump.business, user=user, defaults={"role": Role.AGENT}
        )
    return {"agent": user.pk}


def rights(prefix: str) -> dict[str, Any]:
    """Return when tags of this name were committed, and when somebody last lost a right."""
    from accounts import tenancy
    from compliance.models import AuditEntry
    from messaging.contacts.models import Tag

    pump = _pump()
    actions = ["member.role_changed", "api_key.revoked"]
    with tenancy.scope(pump.business):
        tags = Tag.objects.filter(name__startswith=prefix)
        entries = AuditEntry.objects.filter(business=pump.business, action__in=actions)
        return {"uses": _commits(tags), "taken": _commits(entries.order_by("-id")[:1])}


def _commits(rows: Any) -> list[str]:
    from django.db.models import DateTimeField
    from django.db.models.expressions import RawSQL

    table = rows.model._meta.db_table
    at = RawSQL(f'pg_xact_commit_timestamp("{table}".xmin)', (), output_field=DateTimeField())  # noqa: S611
    return [moment.isoformat() for moment in rows.annotate(at=at).values_list("at", flat=True)]


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "open": open_scene,
    "state": state,
    "optouts": optouts,
    "agent": agent,
    "rights": rights,
}


def main() -> None:
    """Do one verb and print its result."""
    parser = ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    opening = verbs.add_parser("open")
    opening.add_argument("--people", type=int, required=True)
    opening.add_argument("--per-second", type=int, required=True)
    verbs.add_parser("state").add_argument("campaign_id")
    verbs.add_parser("agent")
    verbs.add_parser("rights").add_argument("prefix")
    verbs.add_parser("optouts").add_argument("business_id")
    arguments = vars(parser.parse_args())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from accounts import tenancy

    with tenancy.across(tenancy.Door.COMMAND):
        json.dump(VERBS[arguments.pop("verb")](**arguments), sys.stdout)


if __name__ == "__main__":
    main()
