"""Meta's sample bodies, the tenants they speak of, and what the database holds after them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from django.db import connection

from accounts.models import Business
from config.lib.ids import new_id
from messaging.senders.models import Sender
from messaging.webhooks import apply
from messaging.webhooks.models import PendingEvent, RawEvent
from templates_mgmt.models import Template
from tests.factories.accounts import BusinessFactory, WhatsAppAccountFactory
from tests.factories.messaging import ContactFactory, MessageFactory, SenderFactory

PAYLOADS = Path(__file__).resolve().parent.parent / "payloads"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def names() -> list[str]:
    """Every sample there is."""
    return sorted(path.stem for path in PAYLOADS.glob("*.json"))


def body(name: str) -> bytes:
    """A sample as Meta puts it on the wire: compact, ASCII only, slashes escaped."""

    parsed = json.loads((PAYLOADS / f"{name}.json").read_text())
    return json.dumps(parsed, separators=(",", ":")).replace("/", "\\/").encode()


def make_tenants() -> tuple[Sender, Sender]:
    """Write the two businesses the samples speak of, and the messages whose statuses come."""
    first = _tenant("623456789000022", "512345678900011", "+34911000100")
    second = _tenant("623456789000099", "512345678900099", "+525500000200")
    _send_what_statuses_come_for(first)
    for name in {name for path in names() for name in _templates(path)}:
        Template.across_businesses.create(
            business=first.business, account=first.account, **_template(name)
        )
    return first, second


def _tenant(waba_id: str, phone_number_id: str, phone: str) -> Sender:
    business: Business = BusinessFactory.create()
    account = WhatsAppAccountFactory.create(business=business, waba_id=waba_id, portfolio_id="")
    sender: Sender = SenderFactory.create(
        business=business,
        account=account,
        phone_number_id=phone_number_id,
        phone=phone,
        verified_name="Shop",
    )
    return sender


def _send_what_statuses_come_for(sender: Sender) -> None:
    contact = ContactFactory.create(business=sender.business, name="Lucía", phone="+34622000701")
    wamids = {
        status["id"]
        for name in names()
        for change in _changes(name)
        for status in (change.get("value") or {}).get("statuses", [])
        if "unknown" not in name
    }
    for wamid in sorted(wamids):
        MessageFactory.create(
            business=sender.business,
            sender=sender,
            contact=contact,
            wamid=wamid,
            sent_at=datetime(2026, 10, 26, tzinfo=UTC),
        )


def _changes(name: str) -> Iterable[dict[str, Any]]:
    parsed = orjson.loads((PAYLOADS / f"{name}.json").read_bytes())
    for entry in parsed.get("entry", []):
        yield from entry.get("changes", [])


def _templates(name: str) -> Iterable[tuple[str, str, str]]:
    for change in _changes(name):
        value = change.get("value") or {}
        if isinstance(value, dict) and value.get("message_template_id"):
            yield (
                str(value["message_template_id"]),
                value["message_template_name"],
                value["message_template_language"].replace("-", "_"),
            )


def _template(key: tuple[str, str, str]) -> dict[str, Any]:
    meta_id, name, language = key
    return {
        "meta_id": meta_id,
        "name": name,
        "language": language,
        "category": "utility",
        "status": "approved",
        "meta_status": "APPROVED",
        "components": [{"type": "BODY", "text": "Hello"}],
    }


def keep(*bodies: bytes) -> list[RawEvent]:
    """Store bodies as the intake does."""
    events = [RawEvent(id=new_id(), body=one) for one in bodies]
    RawEvent.objects.bulk_create(events)
    PendingEvent.objects.bulk_create(
        [PendingEvent(event_id=event.id, not_before=NOW) for event in events]
    )
    return events


def settle(now: datetime = NOW) -> None:
    """Apply until nothing is left, with all the waiting that retries need."""
    PendingEvent.objects.update(not_before=now)
    while PendingEvent.objects.exists():
        apply.run(clock=partial(_same, now), time_slice=timedelta(hours=1))
        now += timedelta(hours=1)


def _same(now: datetime) -> datetime:
    return now


# Left out is what differs between two runs that mean the same: our own ids and clocks.
_QUERIES = {
    "messages": """
        SELECT m.wamid, s.phone_number_id, m.direction, m.type, m.status, m.category, m.address,
               m.content::text, m.reply_to_wamid, m.metadata::text, m.occurred_at, m.sent_at,
               m.delivered_at, m.read_at, m.failed_at, m.error_code, m.error_reason,
               m.error_title, m.error_details, m.pricing_category, m.is_billable,
               c.phone_key, c.bsuid
        FROM messaging_message m JOIN messaging_sender s ON s.id = m.sender_id
        JOIN messaging_contact c ON c.id = m.contact_id""",
    "log": """
        SELECT m.wamid, e.status, e.occurred_at, e.error::text
        FROM messaging_messageevent e JOIN messaging_message m ON m.id = e.message_id""",
    "contacts": """
        SELECT name, phone, phone_key, bsuid, username, country, undeliverable_at
        FROM messaging_contact""",
    "conversations": """
        SELECT s.phone_number_id, c.phone_key, c.bsuid, v.status, v.last_inbound_at,
               v.last_message_at, v.unread, v.is_standby
        FROM messaging_conversation v JOIN messaging_sender s ON s.id = v.sender_id
        JOIN messaging_contact c ON c.id = v.contact_id""",
    "consent": """
        SELECT a.address, a.scope, a.status, a.changed_at FROM compliance_consent a
        WHERE EXISTS (SELECT 1 FROM messaging_contact c WHERE a.address IN (c.phone_key, c.bsuid))
        """,
    "files": """
        SELECT m.wamid, f.meta_media_id, f.mime_type, f.filename, f.sha256, f.status
        FROM messaging_mediafile f JOIN messaging_message m ON m.id = f.message_id""",
    "templates": """
        SELECT meta_id, name, language, category, status, meta_status, quality, pending_category,
               rejection_reason, components::text FROM templates_mgmt_template""",
    "senders": """
        SELECT phone_number_id, verified_name, meta_status, throughput, paused_until, pause_reason,
               paused_by_meta FROM messaging_sender""",
    "accounts": """
        SELECT waba_id, messaging_limit, restricted_at, restriction
        FROM accounts_whatsappaccount""",
    "activity": """
        SELECT s.phone_number_id, a.last_status_at, a.last_inbound_at
        FROM messaging_senderactivity a JOIN messaging_sender s ON s.id = a.sender_id""",
    "told": """
        SELECT s.phone_number_id, e.kind, e.detail, e.created_at
        FROM messaging_senderevent e JOIN messaging_sender s ON s.id = e.sender_id""",
    "dead": """
        SELECT encode(r.body, 'hex'), d.reason FROM messaging_deadletter d
        JOIN messaging_rawevent r ON r.id = d.event_id""",
    "tallies": "SELECT status, count FROM messaging_campaigntally",
}


def final_state() -> dict[str, list[tuple[Any, ...]]]:
    """Return what the events mean, without what may differ between runs."""
    state = {}
    with connection.cursor() as cursor:
        for name, query in _QUERIES.items():
            cursor.execute(f"SELECT DISTINCT * FROM ({query}) AS row")  # noqa: S608  # our own
            state[name] = sorted(cursor.fetchall(), key=repr)
    return state


def differences(
    one: dict[str, list[tuple[Any, ...]]], other: dict[str, list[tuple[Any, ...]]]
) -> dict[str, set[tuple[Any, ...]]]:
    """Return the rows only one of two states has, by table."""
    found = {name: set(one[name]) ^ set(other[name]) for name in one}
    return {name: rows for name, rows in found.items() if rows}
