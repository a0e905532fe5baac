"""Rows to measure with: businesses with numbers, people who agreed, messages, Meta's bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business, WhatsAppAccount
from bench import place
from bench.wire import COMPONENTS, CONTENT, phone_number_id, phone_of
from config.lib import redis
from config.lib.ids import new_ids
from messaging.campaigns import run
from messaging.campaigns.models import Campaign
from messaging.senders.models import Sender
from templates_mgmt.models import Template

PAGE: Final = 10_000
TABLES: Final = (
    "accounts_business",
    "messaging_message",
    "messaging_messageevent",
    "messaging_rawevent",
    "messaging_pendingevent",
    "messaging_queueitem",
    "messaging_unknownmessage",
    "messaging_portfoliorecipient",
    "messaging_deadletter",
)


@dataclass(frozen=True)
class Shop:
    """A business with one account, its numbers and a marketing template."""

    business: Business
    account: WhatsAppAccount
    senders: list[Sender]
    template: Template


def forget_everything() -> None:
    """Empty every table of the last benchmark, and what Redis counted in it."""
    place.as_owner(f"TRUNCATE {', '.join(TABLES)} CASCADE")
    if keys := list(redis.client().scan_iter(match=redis.key("*"), count=1_000)):
        redis.client().unlink(*keys)


def settle() -> None:
    """Bring statistics and visibility up to date, as autovacuum does in time."""
    place.as_owner("VACUUM ANALYZE")


def make_shop(number: int = 0, *, senders: int = 1, tier: str = "TIER_100K") -> Shop:
    """Write a business whose numbers have high throughput and hourly and daily limits."""
    business = Business.objects.create(name=f"Shop {number}", slug=f"shop-{number}")
    with tenancy.scope(business):
        account = WhatsAppAccount.objects.create(
            business=business,
            name="Shop",
            waba_id=f"6234567890{number:05d}",
            portfolio_id=f"7345678900{number:05d}",
            access_token="bench-token",  # noqa: S106  # the sandbox takes any
            messaging_limit=tier,
        )
        made = [
            Sender.objects.create(
                business=business,
                account=account,
                phone_number_id=phone_number_id(number, one),
                phone=f"+34911{number:03d}{one:03d}",
                throughput=Sender.Throughput.HIGH,
                per_hour=3_000_000,
                per_day=50_000_000,
            )
            for one in range(senders)
        ]
        template = Template.objects.create(
            business=business,
            account=account,
            meta_id=f"1902000{number:05d}",
            name="bench_offer",
            language="en_US",
            category=Template.Category.MARKETING,
            status=Template.Status.APPROVED,
            meta_status="APPROVED",
            components=COMPONENTS,
        )
    return Shop(business, account, made, template)


def shop_of(business_id: str) -> Shop:
    """Return a shop that was made before."""
    business = Business.objects.get(pk=business_id)
    with tenancy.scope(business):
        return Shop(
            business,
            WhatsAppAccount.objects.get(),
            list(Sender.objects.order_by("phone_number_id")),
            Template.objects.get(),
        )


def add_people(shop: Shop, count: int, *, first: int = 0) -> list[UUID]:
    """Write people of Spain who agreed to marketing; return their contact ids."""
    if count > PAGE:
        pages = (range(one, min(one + PAGE, count)) for one in range(0, count, PAGE))
        return [
            id_ for page in pages for id_ in add_people(shop, len(page), first=first + page.start)
        ]
    contacts, events = new_ids(count), new_ids(count)
    phones = [phone_of(first + one) for one in range(count)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_contact (id, business_id, name, phone, phone_key, wa_id, "
            "username, language, country, time_zone, attributes, updated_at) "
            "SELECT id, %s, 'Ana', phone, phone, '', '', 'es', 'ES', '', "
            '\'{"city": "Madrid"}\', now() FROM unnest(%s::uuid[], %s::text[]) AS t(id, phone)',
            [shop.business.pk, contacts, phones],
        )
        cursor.execute(
            "INSERT INTO compliance_consentevent (id, business_id, address, scope, status, "
            "source, reason, wording, language, evidence, occurred_at) "
            "SELECT id, %s, phone, 'marketing', 'opted_in', 'import', '', '', '', '{}', now() "
            "FROM unnest(%s::uuid[], %s::text[]) AS t(id, phone)",
            [shop.business.pk, events, phones],
        )
        cursor.execute(
            "INSERT INTO compliance_consent (business_id, address, scope, status, changed_at, "
            "event_id) SELECT %s, phone, 'marketing', 'opted_in', now(), id "
            "FROM unnest(%s::uuid[], %s::text[]) AS t(id, phone)",
            [shop.business.pk, events, phones],
        )
    return contacts


def add_queue(shop: Shop, sender: Sender, contacts: list[UUID], *, first: int = 0) -> None:
    """Write a queued message of this sender to each of these people."""
    messages = new_ids(len(contacts))
    phones = [phone_of(first + one) for one in range(len(contacts))]
    _insert_messages(shop, sender, messages, contacts, phones, status="queued")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_queueitem (message_id, business_id, sender_id, contact_id, "
            "priority, not_before) SELECT m, %s, %s, c, 9, now() - interval '1 second' "
            "FROM unnest(%s::uuid[], %s::uuid[]) AS t(m, c)",
            [shop.business.pk, sender.pk, messages, contacts],
        )


def add_sent(shop: Shop, contacts: list[UUID], *, campaign_id: UUID | None = None) -> list[UUID]:
    """Write a message Meta took to each of these people; return the message ids."""
    messages = new_ids(len(contacts))
    phones = [phone_of(one) for one in range(len(contacts))]
    _insert_messages(
        shop, shop.senders[0], messages, contacts, phones, status="sent", campaign_id=campaign_id
    )
    return messages


def _insert_messages(
    shop: Shop,
    sender: Sender,
    messages: list[UUID],
    contacts: list[UUID],
    phones: list[str],
    *,
    status: str,
    campaign_id: UUID | None = None,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_message (id, business_id, direction, type, status, category, "
            "sender_id, contact_id, campaign_id, template_id, address, content, wamid, sent_at) "
            "SELECT id, %(business)s, 'outbound', 'template', %(status)s, 'marketing', "
            "%(sender)s, contact, %(campaign)s, %(template)s, phone, %(content)s::jsonb, "
            "CASE WHEN %(status)s = 'sent' THEN 'wamid.HBgLM' || replace(id::text, '-', '') END, "
            "CASE WHEN %(status)s = 'sent' THEN now() END "
            "FROM unnest(%(messages)s::uuid[], %(contacts)s::uuid[], %(phones)s::text[]) "
            "AS t(id, contact, phone)",
            {
                "business": shop.business.pk,
                "status": status,
                "sender": sender.pk,
                "campaign": campaign_id,
                "template": shop.template.pk,
                "content": orjson.dumps(CONTENT).decode(),
                "messages": messages,
                "contacts": contacts,
                "phones": phones,
            },
        )


def add_raw_events(bodies: list[bytes]) -> None:
    """Write webhook bodies as the door does, in the order given."""
    events = new_ids(len(bodies))
    for first in range(0, len(bodies), 1_000):
        page = slice(first, first + 1_000)
        with connection.cursor() as cursor:
            cursor.execute(
                "WITH stored AS (INSERT INTO messaging_rawevent (id, body) "
                "SELECT * FROM unnest(%(ids)s::uuid[], %(bodies)s::bytea[])) "
                "INSERT INTO messaging_pendingevent (event_id) SELECT unnest(%(ids)s::uuid[])",
                {"ids": events[page], "bodies": bodies[page]},
            )


def forget_messages() -> None:
    """Empty the tables of messages, and keep the people."""
    place.as_owner("TRUNCATE messaging_message, messaging_queueitem, messaging_campaign CASCADE")


def make_campaign(shop: Shop) -> Campaign:
    """Write the draft of a campaign to everyone, with a name and a code for each."""
    with tenancy.scope(shop.business):
        return run.create(
            run.Plan(
                name="Spring",
                sender=shop.senders[0],
                template=shop.template,
                audience={"all": True},
                variables={
                    "1": {"field": "name", "default": "friend"},
                    "2": {"value": "SPRING10"},
                },
            ),
            by=run.SYSTEM,
            now=timezone.now(),
        )


BARE_LAUNCH: Final = """
WITH made AS (
    SELECT c.id AS contact, c.phone, m.id AS message
    FROM (SELECT id, phone, row_number() OVER (ORDER BY id) AS place
          FROM messaging_contact WHERE business_id = %(business)s) AS c
    JOIN unnest(%(messages)s::uuid[]) WITH ORDINALITY AS m(id, place) USING (place)
), written AS (
    INSERT INTO messaging_message (id, business_id, direction, type, status, category, sender_id,
        contact_id, campaign_id, template_id, address, content, created_at)
    SELECT message, %(business)s, 'outbound', 'template', 'queued', 'marketing', %(sender)s,
        contact, %(campaign)s, %(template)s, phone, %(content)s::jsonb, now() FROM made
), queued AS (
    INSERT INTO messaging_queueitem (message_id, business_id, sender_id, contact_id, campaign_id,
        priority, not_before)
    SELECT message, %(business)s, %(sender)s, contact, %(campaign)s, 9, now() FROM made
)
INSERT INTO messaging_campaignrecipient (campaign_id, business_id, contact_id, message_id)
SELECT %(campaign)s, %(business)s, contact, message FROM made
"""


def bare_launch_values(shop: Shop, campaign: Campaign, messages: list[UUID]) -> dict[str, Any]:
    """Return what `BARE_LAUNCH` takes."""
    return {
        "business": shop.business.pk,
        "sender": shop.senders[0].pk,
        "campaign": campaign.pk,
        "template": shop.template.pk,
        "content": orjson.dumps(CONTENT).decode(),
        "messages": messages,
    }
