"""The door of the pump: a message is wanted. Refused with a reason, or committed and queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import tenancy
from accounts.models import User
from config.lib.errors import Conflict, InvalidInput
from messaging.contacts.models import Contact
from messaging.conversations.models import Conversation
from messaging.errors import Refusal, SendRefused
from messaging.messages import history, status
from messaging.messages.models import Message
from messaging.meta.content import check_content
from messaging.senders.models import Sender
from messaging.sending import gate, queue, wakeups
from messaging.sending.models import QueueItem, ScheduledMessage
from messaging.signals import StatusChange
from templates_mgmt import compiled
from templates_mgmt.models import Template


class ContentInvalid(InvalidInput):
    """The content breaks a rule of Meta's; `extra["findings"]` lists every one."""

    code = "invalid_content"


class VariablesInvalid(InvalidInput):
    """A template variable is missing or breaks a rule; `extra["findings"]` lists every one."""

    code = "invalid_variables"


class AlreadySent(Conflict):
    """The message left, or was settled, before it could be cancelled."""

    code = "already_sent"


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said beside the content. `reply_to` is a message of the same conversation."""

    scheduled_at: datetime | None = None
    reply_to: Message | None = None
    metadata: Mapping[str, Any] | None = None
    by: User | None = None


PLAIN = Options()


def template(
    *,
    sender: Sender,
    contact: Contact,
    template: Template,
    variables: Mapping[str, Any],
    now: datetime,
    options: Options = PLAIN,
) -> Message:
    """Queue an approved template with its variables. Raises `VariablesInvalid`, `SendRefused`."""
    ready = compiled.of(template)
    findings = ready.check(variables)
    if findings:
        raise VariablesInvalid(
            "Variables are missing or invalid: " + "; ".join(one.detail for one in findings),
            attr="template.variables",
            extra={"findings": [{"path": f.path, "rule": f.rule} for f in findings]},
        )
    return _put(
        sender=sender,
        contact=contact,
        type_="template",
        content=ready.assemble(variables),
        category=template.category,
        template=template,
        now=now,
        options=options,
    )


def text(
    *,
    sender: Sender,
    contact: Contact,
    body: str,
    now: datetime,
    options: Options = PLAIN,
    is_confirmation: bool = False,
) -> Message:
    """Queue a text inside the service window.

    `is_confirmation` marks the one reply to a STOP, which goes out although the person has just
    opted out.
    """
    return _put(
        sender=sender,
        contact=contact,
        type_="text",
        content={"body": body},
        category=gate.CONFIRMATION if is_confirmation else gate.SERVICE,
        template=None,
        now=now,
        options=options,
    )


def content(
    *,
    sender: Sender,
    contact: Contact,
    type_: str,
    content: Any,
    now: datetime,
    options: Options = PLAIN,
) -> Message:
    """Queue any free-form message; `content` is Meta's object for `type_`.

    Raises `ContentInvalid` with every finding at once, and `SendRefused`.
    """
    findings = check_content(type_, content)
    if findings:
        raise ContentInvalid(
            "; ".join(f"{one.path}: {one.detail}" for one in findings),
            attr=type_,
            extra={"findings": [{"path": f.path, "rule": f.rule} for f in findings]},
        )
    return _put(
        sender=sender,
        contact=contact,
        type_=type_,
        content=content,
        category=gate.SERVICE,
        template=None,
        now=now,
        options=options,
    )


def cancel(message: Message, *, now: datetime, by: User | None = None) -> None:
    """Take a message back that waits in the queue or for its time. Raises `AlreadySent`."""
    with transaction.atomic():
        row = QueueItem.objects.select_for_update().filter(message_id=message.pk).first()
        waits = row is not None and row.lease_until is None
        scheduled, _ = ScheduledMessage.objects.filter(message_id=message.pk).delete()
        if not waits and not scheduled:
            raise AlreadySent("The message has left already, or was settled.")
        QueueItem.objects.filter(message_id=message.pk).delete()
        held: Message = Message.objects.select_for_update().get(pk=message.pk)
        if held.status not in {Message.Status.QUEUED, Message.Status.SCHEDULED}:
            raise AlreadySent("The message was settled meanwhile.")
        before, held.status = held.status, Message.Status.CANCELLED
        held.save(update_fields=["status"])
        history.append(
            [
                history.Entry(
                    business_id=held.business_id,
                    message_id=held.pk,
                    status="cancelled",
                    source="operator",
                    at=now,
                    detail=str(by or ""),
                )
            ]
        )
        status.announce([changed(held, before=before, now=now)])


def changed(message: Message, *, before: str | None, now: datetime) -> StatusChange:
    """Return the fact that this message came from `before` to its status."""
    return StatusChange(
        message_id=message.pk,
        business_id=message.business_id,
        sender_id=message.sender_id,
        contact_id=message.contact_id,
        campaign_id=message.campaign_id,
        template_id=message.template_id,
        category=message.category,
        direction=message.direction,
        before=before,
        after=message.status,
        error_code=message.error_code,
        error_reason=message.error_reason,
        queued_at=message.created_at,
        at=now,
    )


def _put(
    *,
    sender: Sender,
    contact: Contact,
    type_: str,
    content: Any,
    category: str,
    template: Template | None,
    now: datetime,
    options: Options,
) -> Message:
    is_later = options.scheduled_at is not None and options.scheduled_at > now
    if options.scheduled_at is None or not is_later:
        gate.require(sender=sender, contact=contact, category=category, template=template, now=now)
    elif category == gate.MARKETING and gate.is_quiet(contact=contact, at=options.scheduled_at):
        raise SendRefused(
            Refusal.QUIET_HOURS, detail="At that time it is quiet hours for this person."
        )
    with transaction.atomic():
        message = Message(
            business_id=tenancy.current_id(),
            direction=Message.Direction.OUTBOUND,
            type=type_,
            status=Message.Status.SCHEDULED if is_later else Message.Status.QUEUED,
            category=category,
            sender=sender,
            contact=contact,
            template=template,
            address=contact.address,
            content=content,
            reply_to_wamid=(options.reply_to.wamid or "") if options.reply_to else "",
            metadata=dict(options.metadata) if options.metadata is not None else None,
            created_by=options.by,
            created_at=now,
            scheduled_at=options.scheduled_at,
        )
        message.save(force_insert=True)
        _touch_conversation(sender, contact, now)
        if is_later and options.scheduled_at is not None:
            ScheduledMessage.objects.create(
                message_id=message.pk,
                business_id=message.business_id,
                due_at=options.scheduled_at,
            )
        else:
            priority = queue.SINGLE if template else queue.REPLY
            enqueue([message], priority=priority, not_before=now)
        status.announce([changed(message, before=None, now=now)])
    return message


def enqueue(messages: list[Message], *, priority: int, not_before: datetime) -> None:
    """Put messages in the queue and wake a worker for their senders."""
    queue.put(
        [
            queue.Item(
                message_id=message.pk,
                business_id=message.business_id,
                sender_id=message.sender_id,
                contact_id=message.contact_id,
                priority=priority,
                not_before=not_before,
                campaign_id=message.campaign_id,
                attempts=message.attempts,
            )
            for message in messages
        ]
    )
    for sender_id in {message.sender_id for message in messages}:
        wakeups.wake(sender_id, is_reply=priority < queue.CAMPAIGN)


def _touch_conversation(sender: Sender, contact: Contact, now: datetime) -> None:
    """Put the conversation on top of the inbox; a first message opens it."""
    conversation, _ = Conversation.objects.get_or_create(
        sender=sender, contact=contact, defaults={"business_id": tenancy.current_id()}
    )
    Conversation.objects.filter(pk=conversation.pk).update(last_message_at=now)
