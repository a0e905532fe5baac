"""Rows to measure with: businesses with numbers, people who agreed, messages, Meta's bodies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection
from django.utils import timezone

from accounts import tenancy
from accounts.models import Business, WhatsAppAccount
from bench import place
from bench.wire import COMPONENTS, CONTENT, phone_number_id, phone_of
from config.lib.ids import new_id, new_ids
from messaging.senders.models import Sender
from templates_mgmt.models import Template

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
    """Empty every table of the last benchmark."""
    place.as_owner(f"TRUNCATE {', '.join(TABLES)} CASCADE")


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


def add_people(shop: Shop, count: int, *, first: int = 0) -> list[UUID]:
    """Write people of Spain who agreed to marketing; return their contact ids."""
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


def status_entry(message_id: UUID, person: int, status: str, at: datetime) -> dict[str, Any]:
    """Return one status of a message as Meta writes it."""
    return {
        "id": f"wamid.HBgLM{message_id.hex}",
        "status": status,
        "timestamp": str(int(at.timestamp())),
        "recipient_id": phone_of(person)[1:],
        "biz_opaque_callback_data": str(message_id),
        "pricing": {
            "billable": True,
            "pricing_model": "PMP",
            "type": "regular",
            "category": "marketing",
        },
    }


def status_body(shop: Shop, statuses: list[dict[str, Any]]) -> bytes:
    """Return the body of a webhook with these statuses."""
    sender = shop.senders[0]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": sender.phone[1:],
            "phone_number_id": sender.phone_number_id,
        },
        "contacts": [
            {"profile": {"name": "Ana"}, "wa_id": one["recipient_id"]} for one in statuses[:1]
        ],
        "statuses": statuses,
    }
    change = {"value": value, "field": "messages"}
    return orjson.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [{"id": shop.account.waba_id, "changes": [change]}],
        }
    )


def single_status_bodies(count: int) -> list[bytes]:
    """Return bodies of one status each, of messages nobody here knows."""
    now = timezone.now()
    business = Business(id=new_id(), name="Shop", slug="shop")
    account = WhatsAppAccount(business=business, waba_id="623456789000022")
    sender = Sender(business=business, phone_number_id="512345678900011", phone="+34911000100")
    shop = Shop(business, account, [sender], Template())
    return [
        status_body(shop, [status_entry(id_, one, "delivered", now + timedelta(seconds=one % 60))])
        for one, id_ in enumerate(new_ids(count))
    ]
