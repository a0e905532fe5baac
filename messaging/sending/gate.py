"""May this message leave now: consent, window, template, campaign and sender, asked in one query.

The gate stands twice: at the door, so that the caller hears a refusal at once, and before a
message leaves, so that a STOP beats a queue of any length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from compliance import consent, policy
from compliance.models import Scope
from compliance.policy import Policy
from messaging.contacts.models import Contact
from messaging.conversations import window
from messaging.conversations.models import Conversation
from messaging.errors import Refusal, SendRefused
from messaging.senders.models import Sender
from messaging.sending import frequency
from templates_mgmt.models import Template

# The reply to a STOP is the one message that goes to somebody who has just opted out.
CONFIRMATION: Final = "confirmation"
SERVICE: Final = "service"
MARKETING: Final = "marketing"

# Verdicts that are no refusals: the campaign is paused or over, or the message was settled.
HELD: Final = "held"
CANCELLED: Final = "cancelled"
TOO_LATE: Final = "not_after"
SETTLED: Final = "settled"
# The person has another message of the same campaign: two contacts that proved to be one.
DUPLICATE: Final = "duplicate_person"
# It is night where the person is: the message waits, or is skipped if the campaign ends before.
ASLEEP: Final = "asleep"
QUIET_TO_THE_END: Final = "quiet_to_the_end"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A claimed message with all that sending needs, and the gate's verdict (None: it may go).

    `content` is JSON text, ready to be sent. `needs_unique` says that it counts against the
    portfolio's limit of people written to outside a service window. `not_before` is when a message
    that waits for the morning may go.
    """

    message_id: UUID
    contact_id: UUID
    campaign_id: UUID | None
    template_id: UUID | None
    type: str
    category: str
    content: str
    reply_to_wamid: str
    phone: str
    bsuid: str
    attempts: int
    created_at: datetime
    needs_unique: bool
    verdict: str | None
    country: str = ""
    time_zone: str = ""
    not_after: datetime | None = None
    not_before: datetime | None = None


def consent_rule() -> consent.RefusalSql:
    """Return the consent rule for messages `m`, contacts `c` and conversations `t`."""
    rule = consent.refusal_sql(
        business="m.business_id",
        addresses=["c.phone_key", "c.bsuid"],
        scope="m.category",
        last_inbound_at="t.last_inbound_at",
        now="%(now)s",
    )
    code = f"CASE WHEN m.category <> '{CONFIRMATION}' THEN {rule.code} END"
    return consent.RefusalSql(joins=rule.joins, code=code)


def _sql() -> str:
    rule = consent_rule()
    is_open = "(t.last_inbound_at IS NOT NULL AND t.last_inbound_at > %(opened_after)s)"
    return f"""
SELECT m.id, m.contact_id, m.campaign_id, m.template_id, m.type, m.category, m.content::text,
       m.reply_to_wamid,
       CASE WHEN m.address LIKE '+%%' THEN m.address ELSE '' END,
       CASE WHEN m.address LIKE '+%%' THEN '' ELSE m.address END,
       m.attempts, m.created_at, NOT {is_open},
       CASE
         WHEN m.status <> 'queued' THEN '{SETTLED}'
         WHEN r.message_id <> m.id THEN '{DUPLICATE}'
         WHEN c.id IS NULL THEN '{Refusal.INVALID_RECIPIENT}'
         WHEN k.status = 'cancelled' THEN '{CANCELLED}'
         WHEN k.status = 'paused' THEN '{HELD}'
         WHEN k.not_after < %(now)s THEN '{TOO_LATE}'
         WHEN p.status IN ('paused', 'disabled') THEN '{Refusal.TEMPLATE_PAUSED}'
         WHEN p.status <> 'approved' THEN '{Refusal.TEMPLATE_NOT_APPROVED}'
         WHEN m.category IN ('{SERVICE}', '{CONFIRMATION}') AND NOT {is_open}
           THEN '{Refusal.OUTSIDE_SERVICE_WINDOW}'
         ELSE {rule.code}
       END,
       c.country, c.time_zone, k.not_after
FROM messaging_message m
LEFT JOIN messaging_contact c ON c.id = m.contact_id
LEFT JOIN messaging_conversation t ON t.sender_id = m.sender_id AND t.contact_id = m.contact_id
LEFT JOIN templates_mgmt_template p ON p.id = m.template_id
LEFT JOIN messaging_campaign k ON k.id = m.campaign_id
LEFT JOIN messaging_campaignrecipient r
       ON r.campaign_id = m.campaign_id AND r.contact_id = m.contact_id
{rule.joins}
WHERE m.id = ANY(%(ids)s)
ORDER BY m.id
"""  # noqa: S608  # fragments of ours


_SQL: Final = _sql()


def judge(
    message_ids: Sequence[UUID],
    *,
    now: datetime,
    rules: Callable[[], Policy] = policy.current,
) -> list[Candidate]:
    """Return the claimed messages with a verdict each, in the order they were queued.

    `rules` are asked for only where there is marketing.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _SQL,
            {"ids": list(message_ids), "now": now, "opened_after": window.opened_after(now)},
        )
        found = [Candidate(*row) for row in cursor.fetchall()]
    offers = [one for one in found if one.verdict is None and one.category == MARKETING]
    if not offers:
        return found
    late = {one.message_id: one for one in _restrain(offers, rules(), now=now)}
    return [late.get(one.message_id, one) for one in found]


def _restrain(offers: Sequence[Candidate], rules: Policy, *, now: datetime) -> list[Candidate]:
    """Return marketing that otherwise may go, judged by the night and by how much was sent."""
    over = frequency.find_over([one.contact_id for one in offers], rules.cap, now=now)
    return [
        replace(one, verdict=frequency.CAP)
        if one.contact_id in over
        else _by_night(one, rules, now=now)
        for one in offers
    ]


def _by_night(one: Candidate, rules: Policy, *, now: datetime) -> Candidate:
    morning = rules.quiet_until(
        phone=one.phone, country=one.country, time_zone=one.time_zone, now=now
    )
    if morning is None:
        return one
    if one.not_after and one.not_after < morning:
        return replace(one, verdict=QUIET_TO_THE_END)
    return replace(one, verdict=ASLEEP, not_before=morning)


def require(
    *,
    sender: Sender,
    contact: Contact,
    category: str,
    template: Template | None,
    now: datetime,
) -> None:
    """Refuse a single message at the door. Raises `SendRefused` with the 409 code."""
    refusal = find_refusal(
        sender=sender, contact=contact, category=category, template=template, now=now
    )
    if refusal:
        raise SendRefused(refusal)


def find_refusal(
    *,
    sender: Sender,
    contact: Contact,
    category: str,
    template: Template | None,
    now: datetime,
) -> Refusal | None:
    """Return why this message may not be sent now, or None."""
    if sender.is_paused_at(now):
        return Refusal.SENDER_PAUSED
    if template is not None and template.status in {"paused", "disabled"}:
        return Refusal.TEMPLATE_PAUSED
    if template is not None and not template.is_sendable:
        return Refusal.TEMPLATE_NOT_APPROVED
    if template is not None and category == "authentication" and not contact.phone:
        return Refusal.INVALID_RECIPIENT
    last_inbound_at = _last_inbound_at(sender, contact)
    if template is None and not window.is_open(last_inbound_at, now):
        return Refusal.OUTSIDE_SERVICE_WINDOW
    if category == CONFIRMATION:
        return None
    decision = consent.check(
        addresses=contact.address_keys,
        scope=Scope(category),
        last_inbound_at=last_inbound_at,
        now=now,
    )
    if isinstance(decision, consent.Refused):
        return Refusal(decision.code)
    return find_restraint(contact=contact, now=now) if category == MARKETING else None


def find_restraint(*, contact: Contact, now: datetime) -> Refusal | None:
    """Return why marketing may not go to this person at this time although they agreed."""
    rules = policy.current()
    if is_quiet(contact=contact, at=now, rules=rules):
        return Refusal.QUIET_HOURS
    is_over = contact.pk in frequency.find_over([contact.pk], rules.cap, now=now)
    return Refusal.LIMIT_REACHED if is_over else None


def is_quiet(*, contact: Contact, at: datetime, rules: Policy | None = None) -> bool:
    """Say whether it is night where this person is."""
    rules = rules or policy.current()
    return quiet_until(contact=contact, at=at, rules=rules) is not None


def quiet_until(*, contact: Contact, at: datetime, rules: Policy) -> datetime | None:
    """Return when the night of this person ends, None when it is day."""
    return rules.quiet_until(
        phone=contact.phone, country=contact.country, time_zone=contact.time_zone, now=at
    )


def _last_inbound_at(sender: Sender, contact: Contact) -> datetime | None:
    found: datetime | None = (
        Conversation.objects.filter(sender=sender, contact=contact)
        .values_list("last_inbound_at", flat=True)
        .first()
    )
    return found
