"""What a refusal of Meta's means beyond its message: for the sender, the template, the person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import structlog
from django.db import transaction

from compliance import optout, persons
from config.lib import alerts
from messaging.contacts.models import Contact
from messaging.meta import errors
from messaging.meta.errors import ErrorClass
from messaging.senders import pauses
from messaging.senders.models import Sender
from messaging.sending.outcomes import Outcome
from templates_mgmt import events
from templates_mgmt.models import Template

logger = structlog.get_logger(__name__)

# A token Meta refuses may be refused by mistake: rest and try again, until someone rotates it.
_TOKEN_REST_SECONDS: Final = 60


def act(found: Iterable[Outcome], *, sender: Sender, now: datetime) -> None:
    """Do what the errors of these outcomes ask for, once for each kind."""
    seen: set[tuple[str, int | None, object]] = set()
    for outcome in found:
        error = outcome.error
        if error is None:
            continue
        action = _ACTIONS.get(error.klass)
        about = (
            outcome.candidate.contact_id if action is _remember else outcome.candidate.template_id
        )
        key = (str(error.klass), error.meta_code, about)
        if action is None or key in seen:
            continue
        seen.add(key)
        with transaction.atomic():
            action(outcome, error, sender, now)


def _slow_sender(outcome: Outcome, error: errors.SendError, sender: Sender, now: datetime) -> None:
    _rest([sender], outcome, error, now)


def _slow_account(outcome: Outcome, error: errors.SendError, sender: Sender, now: datetime) -> None:
    _rest(_siblings(sender), outcome, error, now)


def _rest(
    senders: Iterable[Sender], outcome: Outcome, error: errors.SendError, now: datetime
) -> None:
    seconds = (outcome.not_before - now).total_seconds() if outcome.not_before else 1.0
    for one in senders:
        pauses.cooldown(one, seconds=max(1.0, seconds), cause=error.title, now=now)


def _pause_sender(outcome: Outcome, error: errors.SendError, sender: Sender, now: datetime) -> None:
    stopped = _siblings(sender) if error.info.whole_account else [sender]
    for one in stopped:
        pauses.pause(one, reason=error.title, by_meta=True, now=now)
    alerts.send(
        title=f"Sending paused: {error.title}",
        detail=f"{error.info.advice} Numbers paused: {len(stopped)}.",
        severity=alerts.Severity.CRITICAL,
    )


def _fix_credentials(
    outcome: Outcome, error: errors.SendError, sender: Sender, now: datetime
) -> None:
    for one in _siblings(sender):
        pauses.cooldown(one, seconds=_TOKEN_REST_SECONDS, cause=error.title, now=now)
    alerts.send(title=error.title, detail=error.info.advice, severity=alerts.Severity.CRITICAL)


def _pause_template(
    outcome: Outcome, error: errors.SendError, sender: Sender, now: datetime
) -> None:
    """Take Meta's word that the template may not be sent; the next sync corrects it."""
    template = Template.objects.filter(pk=outcome.candidate.template_id).first()
    if template is None:
        return
    events.apply_status(
        account=sender.account,
        meta_id=template.meta_id,
        name=template.name,
        language=template.language,
        event="PAUSED" if error.info.retryable else "DISABLED",
        occurred_at=now,
        reason=error.title,
    )


def _remember(outcome: Outcome, error: errors.SendError, sender: Sender, now: datetime) -> None:
    remember_recipient(
        outcome.candidate.contact_id, reason=error.info.reason, at=outcome.at, now=now
    )


@transaction.atomic
def remember_recipient(contact_id: object, *, reason: str, at: datetime, now: datetime) -> None:
    """Keep what a refusal says about a person: undeliverable, or no more marketing (131050)."""
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is None:
        return
    if reason == "opted_out":
        optout.stop_marketing(
            addresses=_hold(contact),
            source="send_error",
            occurred_at=at,
            now=now,
            evidence={"meta_code": 131050},
        )
    elif reason == "undeliverable":
        Contact.objects.filter(pk=contact.pk).update(undeliverable_at=at)


def _hold(contact: Contact) -> list[str]:
    """Return the addresses of a person, who changes none until the transaction ends."""

    def find() -> list[str]:
        current = Contact.objects.filter(pk=contact.pk).first()
        if current:
            return list(current.address_keys)
        # They became one with another contact; whoever that is has or had these addresses.
        known = persons.keys_to_stop_many(contact.address_keys)
        return [key for keys in known.values() for key in keys]

    return persons.hold(find)


def _siblings(sender: Sender) -> list[Sender]:
    """Return every number of the sender's WhatsApp account."""
    return list(Sender.objects.filter(account=sender.account))


_Action = Callable[[Outcome, errors.SendError, Sender, datetime], None]
_ACTIONS: Final[dict[ErrorClass, _Action]] = {
    ErrorClass.SLOW_SENDER: _slow_sender,
    ErrorClass.SLOW_ACCOUNT: _slow_account,
    ErrorClass.SLOW_APP: _slow_account,
    ErrorClass.PAUSE_SENDER: _pause_sender,
    ErrorClass.FIX_CREDENTIALS: _fix_credentials,
    ErrorClass.PAUSE_TEMPLATE: _pause_template,
    ErrorClass.STOP_RECIPIENT: _remember,
}
