"""Messages: what people wrote, what the business wrote elsewhere, and what was before us.

For new messages only, so that a repeat changes nothing: opt-outs before anything else, then the
thread, files, and whoever listens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection, transaction

from accounts import tenancy
from compliance import optout
from config.lib.addresses import is_bsuid
from config.lib.errors import ProjectError
from messaging.contacts.models import Contact
from messaging.conversations import threads, window
from messaging.meta import facts
from messaging.meta.reading import object_of
from messaging.senders.models import Sender
from messaging.sending import fence, request
from messaging.signals import InboundReceived, inbound_received
from messaging.webhooks import files, people, rows
from messaging.webhooks.batch import Item, last_instant
from messaging.webhooks.claims import Reason
from messaging.webhooks.rows import Row

logger = structlog.get_logger(__name__)

# What somebody must look at; a reaction or a correction is not.
_QUIET_TYPES: Final = frozenset({"reaction", "edit", "revoke"})
_SPOKEN_TYPES: Final = frozenset({"text", "button", "interactive"})

_PAST_STATUSES: Final = frozenset({"sent", "delivered", "read", "failed"})


@dataclass(frozen=True, slots=True)
class Arrived:
    """A new message with its contact, and the fact it came from where it is a person's."""

    row: Row
    contact: Contact
    fact: facts.InboundMessage | None


def apply(items: Sequence[Item], *, now: datetime) -> None:
    """Store the messages of these facts, all of one business, and act on those that are new."""
    found = [(row, _inbound(item)) for item in items for row in _rows(item)]
    wanted = {id(row) for row in rows.without_known([row for row, _ in found])}
    found = [(row, fact) for row, fact in found if id(row) in wanted]
    if not found:
        return
    contact_ids = people.contact_ids([row.seen for row, _ in found], now=now)
    new_ids = rows.insert([row for row, _ in found], contact_ids, now=now)
    contacts = people.find_contacts(contact_ids)
    arrived: dict[UUID, Arrived] = {}
    for (row, fact), contact_id in zip(found, contact_ids, strict=True):
        if row.id in new_ids:
            arrived[row.id] = Arrived(row, contacts[contact_id], fact)
    _act(list(arrived.values()), now=now)


def _act(arrived: Sequence[Arrived], *, now: datetime) -> None:
    replies = _hear_optouts(arrived, now=now)
    notes = [_note(one) for one in arrived]
    conversations = threads.note(notes)
    files.announce(
        [(one.row.sender, one.row.id, one.row.type, one.row.content) for one in arrived], now=now
    )
    _are_reachable([one for one in notes if one.opens_window])
    inbound = [one for one in arrived if one.row.is_inbound and not one.row.is_past]
    # Who listens adds to rows by sender: in one order, so that two workers cannot deadlock.
    for one in sorted(inbound, key=lambda one: one.row.sender.pk):
        conversation_id = conversations[one.row.sender.pk, one.contact.pk]
        _announce(one, conversation_id)
    for sender, contact, body in replies:
        _confirm(sender, contact, body, now=now)


def _inbound(item: Item) -> facts.InboundMessage | None:
    return item.fact if isinstance(item.fact, facts.InboundMessage) else None


def _rows(item: Item) -> Iterator[Row]:
    fact, sender = item.fact, item.sender
    if sender is None:
        return
    if isinstance(fact, facts.InboundMessage):
        yield from _if_addressed(item, _message_row(item, fact, sender))
    elif isinstance(fact, facts.Echo):
        yield from _if_addressed(item, _echo_row(item, fact, sender))
    elif isinstance(fact, facts.HistoryChunk):
        for past in fact.messages:
            if past.wamid:
                yield from _if_addressed(item, _past_row(item, past, sender))


def _if_addressed(item: Item, row: Row) -> Iterator[Row]:
    if row.seen.keys:
        yield row
    else:
        item.fail(Reason.ERROR, "The message names nobody.")


def _message_row(item: Item, fact: facts.InboundMessage, sender: Sender) -> Row:
    return Row(
        sender=sender,
        seen=people.seen(
            phone=fact.from_phone,
            bsuid=fact.from_bsuid,
            at=item.at,
            name=fact.profile_name,
            username=fact.username,
        ),
        direction="inbound",
        status="received",
        type=fact.type,
        wamid=fact.wamid,
        told_at=fact.timestamp,
        content=fact.content,
        reply_to_wamid=fact.target_wamid or fact.context_wamid,
        metadata=_metadata(fact),
    )


def _metadata(fact: facts.InboundMessage) -> dict[str, Any]:
    """Keep what Meta says beside the content: an ad, a group, a forward, why it is unsupported."""
    errors = [{"code": one.code, "title": one.title, "details": one.details} for one in fact.errors]
    told = {
        "referral": fact.referral,
        "group_id": fact.group_id,
        "is_forwarded": fact.is_forwarded,
        "is_standby": fact.standby,
        "product": object_of(fact.raw.get("context")).get("referred_product"),
        "errors": errors,
    }
    return {name: value for name, value in told.items() if value}


def _echo_row(item: Item, fact: facts.Echo, sender: Sender) -> Row:
    return Row(
        sender=sender,
        seen=people.seen(phone=fact.to_phone, bsuid=fact.to_bsuid, at=item.at),
        direction="outbound",
        status="sent",
        type=fact.type,
        wamid=fact.wamid,
        told_at=fact.timestamp,
        content=fact.content,
        metadata={"is_echo": True},
    )


def _past_row(item: Item, past: facts.HistoryMessage, sender: Sender) -> Row:
    is_phone = past.thread.startswith("+")
    status = past.status if past.status in _PAST_STATUSES else "sent"
    return Row(
        sender=sender,
        seen=people.seen(
            phone=past.thread if is_phone else "",
            bsuid=past.thread if is_bsuid(past.thread) else "",
            at=past.timestamp or item.at,
        ),
        direction="outbound" if past.outbound else "inbound",
        status=status if past.outbound else "received",
        type=past.type,
        wamid=past.wamid,
        told_at=past.timestamp,
        content=past.content,
        metadata={"is_history": True},
        is_past=True,
    )


def _note(one: Arrived) -> threads.Note:
    is_fresh = one.row.is_inbound and not one.row.is_past
    is_private = not (one.fact and one.fact.group_id)
    return threads.Note(
        sender_id=one.row.sender.pk,
        contact_id=one.contact.pk,
        at=one.row.at,
        opens_window=is_fresh and is_private and window.opens(one.row.type),
        is_unread=is_fresh and one.row.type not in _QUIET_TYPES,
    )


Reply = tuple[Sender, Contact, str]


def _hear_optouts(arrived: Iterable[Arrived], *, now: datetime) -> list[Reply]:
    """Act on every message that means stop or start; return the confirmations to send."""
    spoken = [one for one in arrived if one.fact and one.row.type in _SPOKEN_TYPES]
    if not spoken:
        return []
    own_words = optout.list_business_words()
    meant = [(one, text) for one in spoken if (text := _words(one.fact, own_words)) is not None]
    if not meant:
        return []
    meant.sort(key=lambda pair: _order(pair[0]))
    held = people.hold([(one.row.seen, one.contact.pk) for one, _ in meant])
    spoke = list(zip(meant, held, strict=True))
    stopping = {
        one.row.id: keys
        for (one, text), keys in spoke
        if optout.classify(text, business_words=own_words) == optout.STOP
    }
    _let_land(list(stopping.values()))
    replies = []
    for (one, text), keys in spoke:
        at = one.row.at
        reply = optout.apply(
            addresses=keys,
            text=text,
            language=one.contact.language,
            occurred_at=last_instant(at, now=now) if one.row.id in stopping else at,
            now=now,
            evidence={"message": str(one.row.id), "wamid": one.row.wamid},
            business_words=own_words,
        )
        if reply and not (one.fact and one.fact.standby):
            replies.append((one.row.sender, one.contact, reply.text))
    return replies


def _order(one: Arrived) -> tuple[UUID, datetime, UUID]:
    return one.contact.pk, one.row.at, one.row.id


def _let_land(stopping: Sequence[Sequence[str]]) -> None:
    """Wait once for what is under way to all who are held, rather than for one after the other."""
    addresses = sorted({key for keys in stopping for key in keys})
    if addresses:
        fence.let_land(tenancy.current_id(), addresses)


def _words(fact: facts.InboundMessage | None, own_words: dict[str, str]) -> str | None:
    """Return the words that mean stop or start: what was written, else what is behind a button."""
    candidates = (fact.text, fact.payload) if fact else ()
    return next(
        (text for text in candidates if optout.classify(text, business_words=own_words)), None
    )


def _confirm(sender: Sender, contact: Contact, body: str, *, now: datetime) -> None:
    try:
        with transaction.atomic():
            request.text(sender=sender, contact=contact, body=body, now=now, is_confirmation=True)
    except ProjectError as error:
        logger.info("optout_not_confirmed", code=error.code, contact_id=str(contact.pk))


def _are_reachable(notes: Sequence[threads.Note]) -> None:
    """Forget that people could not be reached before they wrote."""
    if not notes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_contact SET undeliverable_at = NULL "
            "FROM (SELECT * FROM unnest(%s::uuid[], %s::timestamptz[])) AS told (id, at) "
            "WHERE messaging_contact.id = told.id AND undeliverable_at <= told.at",
            [[one.contact_id for one in notes], [one.at for one in notes]],
        )


def _announce(one: Arrived, conversation_id: UUID) -> None:
    inbound_received.send(
        sender=InboundReceived,
        fact=InboundReceived(
            business_id=one.row.sender.business_id,
            sender_id=one.row.sender.pk,
            contact_id=one.contact.pk,
            conversation_id=conversation_id,
            message_id=one.row.id,
            type=one.row.type,
            at=one.row.at,
        ),
    )
