"""What Meta tells about our numbers, accounts, templates, and who holds a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import structlog

from accounts.models import WhatsAppAccount
from compliance import optout
from compliance.models import ConsentEvent
from config.lib import alerts
from messaging.conversations import threads
from messaging.meta import facts
from messaging.senders import accounts, quality, routing
from messaging.senders.models import Sender
from messaging.webhooks import latest, people
from messaging.webhooks.batch import Item, last_instant
from messaging.webhooks.claims import Reason
from messaging.webhooks.latest import Told
from templates_mgmt import sync

logger = structlog.get_logger(__name__)

_PARTS: Final = {
    "HEADER": "message_template_title",
    "BODY": "message_template_element",
    "FOOTER": "message_template_footer",
}
_AI_AGENT: Final = "ai_agent"


def apply_preferences(items: Sequence[Item], *, now: datetime) -> None:
    """Follow what people chose under "Offers and announcements"."""
    chosen: list[tuple[Item, people.Seen]] = []
    for item in items:
        fact: facts.UserPreference = item.fact
        seen = people.seen(phone=fact.phone, bsuid=fact.bsuid, at=item.at)
        if not seen.keys:
            item.fail(Reason.ERROR, "The preference names nobody.")
            continue
        if fact.category != "marketing_messages" or fact.value not in {"stop", "resume"}:
            logger.info("webhook_preference_noted", value=fact.value)
            continue
        chosen.append((item, seen))
    chosen.sort(key=lambda one: one[0].at)
    _choose(chosen, now=now)


def _choose(chosen: Sequence[tuple[Item, people.Seen]], *, now: datetime) -> None:
    if not chosen:
        return
    contact_ids = people.contact_ids([seen for _, seen in chosen], now=now)
    named = [(seen, id_) for (_, seen), id_ in zip(chosen, contact_ids, strict=True)]
    for (item, _), keys in zip(chosen, people.hold(named), strict=True):
        fact: facts.UserPreference = item.fact
        is_stop = fact.value == "stop"
        change = optout.stop_marketing if is_stop else optout.resume_marketing
        change(
            addresses=keys,
            source=ConsentEvent.Source.META,
            occurred_at=last_instant(item.at, now=now) if is_stop else item.at,
            now=now,
            evidence={"detail": fact.detail[:200], "value": fact.value},
        )


def apply_holders(items: Sequence[Item], *, now: datetime) -> None:
    """Note which conversations Meta's agent holds: said by a handover, shown by its traffic."""
    held = [(item, seen) for item in items if (seen := _held_by_whom(item)) and item.sender]
    if not held:
        return
    contact_ids = people.contact_ids([seen for _, seen in held], now=now)
    told: dict[Told, tuple[Sender, Item, int]] = {}
    for index, (item, _) in enumerate(held):
        if item.sender:
            key = f"holder:{item.sender.pk}:{contact_ids[index]}"
            told[Told(key, item.at, item.digest())] = (item.sender, item, index)
    for one in latest.newest(told):
        sender, item, index = told[one]
        threads.set_standby(
            sender_id=sender.pk,
            contact_id=contact_ids[index],
            is_standby=_is_standby(item),
        )


def apply_app_contacts(items: Sequence[Item], *, now: datetime) -> None:
    """Take over people from the address book of the WhatsApp Business app; forget nobody."""
    added = [
        people.seen(phone=item.fact.phone, bsuid="", at=item.at, name=item.fact.full_name)
        for item in items
        if item.fact.action == "add" and item.fact.phone
    ]
    people.contact_ids(added, now=now)


def apply_templates(items: Sequence[Item]) -> None:
    """Hand every template event to the templates app, which knows what is newer."""
    for item in items:
        if item.account is not None:
            _apply_template(item.fact, item.account, item.at)


def apply_senders(items: Sequence[Item]) -> None:
    """Follow changes of our numbers."""
    told: dict[Told, tuple[Sender, quality.Change]] = {}
    for item in items:
        fact: facts.SenderEvent = item.fact
        if fact.messaging_limit and item.account:
            _apply_limit(item.account, fact.messaging_limit, item)
        sender = item.sender
        if sender is None and item.account:
            sender = routing.find_by_phone(item.account, fact.display_phone_number)
        if sender is None:
            item.fail(Reason.UNROUTABLE, "The account has no such number here.")
            continue
        change = quality.Change(
            fact.kind, fact.event, fact.name, fact.reason, fact.messaging_limit, item.digest()
        )
        quality.record(sender, change, at=item.at)
        for column in quality.fields_of(change):
            told[Told(f"sender:{sender.pk}:{column}", item.at, change.digest)] = (sender, change)
    for one in latest.newest(told):
        quality.apply(*told[one])


def apply_accounts(items: Sequence[Item]) -> None:
    """Follow changes of our accounts: limit, restrictions, alerts."""
    for item in items:
        fact: facts.AccountEvent = item.fact
        account = item.account
        if account is None:
            continue
        if fact.messaging_limit:
            _apply_limit(account, fact.messaging_limit, item)
        standing = _standing(fact, item.digest())
        accounts.record(account, standing, _sentence(fact), at=item.at)
        if accounts.decides(standing) and _is_newest(f"account:{account.pk}:standing", item):
            accounts.apply(account, standing, at=item.at)
        is_urgent = fact.kind == "alert" or accounts.decides(standing)
        if is_urgent and _is_newest(f"alert:{account.pk}:{standing.digest}", item):
            alerts.send(f"WhatsApp account {account.name}", _sentence(fact))


def _standing(fact: facts.AccountEvent, digest: str) -> accounts.Standing:
    restrictions = [(one.type, one.expires_at) for one in fact.restrictions]
    return accounts.Standing(fact.event, fact.detail, restrictions, digest)


def _is_newest(key: str, item: Item) -> bool:
    return bool(latest.newest([Told(key, item.at, item.digest())]))


def _held_by_whom(item: Item) -> people.Seen | None:
    fact = item.fact
    if isinstance(fact, facts.Handover):
        seen = people.seen(phone=fact.phone, bsuid=fact.bsuid, at=item.at)
    elif isinstance(fact, facts.InboundMessage) and fact.standby:
        seen = people.seen(phone=fact.from_phone, bsuid=fact.from_bsuid, at=item.at)
    elif isinstance(fact, facts.Echo) and fact.standby:
        seen = people.seen(phone=fact.to_phone, bsuid=fact.to_bsuid, at=item.at)
    else:
        return None
    return seen if seen.keys else None


def _is_standby(item: Item) -> bool:
    return not isinstance(item.fact, facts.Handover) or item.fact.new_owner == _AI_AGENT


def _apply_limit(account: WhatsAppAccount, limit: str, item: Item) -> None:
    if _is_newest(f"account:{account.pk}:limit", item):
        accounts.set_limit(account, limit)


def _sentence(fact: facts.AccountEvent) -> str:
    words = [fact.kind, fact.event.replace("_", " ").lower(), fact.detail]
    words += [one.type.replace("_", " ").lower() for one in fact.restrictions]
    if fact.messaging_limit:
        words.append(f"limit {fact.messaging_limit}")
    return " ".join(word for word in words if word).capitalize()


def _apply_template(fact: facts.TemplateEvent, account: WhatsAppAccount, at: datetime) -> None:
    about: dict[str, Any] = {
        "account": account,
        "meta_id": fact.template_id,
        "name": fact.name,
        "language": fact.language,
        "occurred_at": at,
    }
    if fact.kind == "status":
        sync.apply_status(event=fact.event, reason=fact.reason or fact.description, **about)
    elif fact.kind == "quality":
        sync.apply_quality(quality=fact.quality, **about)
    elif fact.kind == "category":
        sync.apply_category(
            category=fact.category, upcoming_category=fact.upcoming_category, **about
        )
    elif fact.kind == "components":
        raw = {part: fact.raw.get(key) for part, key in _PARTS.items()}
        texts = {part: text for part, text in raw.items() if isinstance(text, str)}
        sync.apply_components(texts=texts, **about)
    else:
        logger.info("webhook_template_noted", kind=fact.kind)
