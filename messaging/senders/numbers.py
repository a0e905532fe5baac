"""The numbers of a WhatsApp account, as Meta lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog
from django.db import IntegrityError, transaction

from accounts.models import WhatsAppAccount
from config.lib import addresses, loop, outward
from config.lib.errors import NotFound
from messaging import jobs
from messaging.meta.client import PhoneNumber
from messaging.senders import accounts, connection, events
from messaging.senders.models import Sender, SenderEvent

logger = structlog.get_logger(__name__)

GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Synced:
    """How many numbers a pull found new, changed and gone."""

    new: int
    changed: int
    gone: int


def sync(account: WhatsAppAccount, *, now: datetime) -> Synced:
    """Pull the account's numbers; raise Meta's named errors when it does not answer.

    Of two pulls at once in a business the second writes after the first. Call it outside of a
    transaction.
    """
    meta = connection.client()
    found = loop.run(meta.list_phone_numbers(account.waba_id, account.access_token))
    synced = outward.write(partial(_store, account, found, now))
    # In a transaction of its own: a limit is written to accounts of other businesses too.
    if limits := [number.messaging_limit for number in found if number.messaging_limit]:
        outward.write(partial(accounts.set_limit, account, limits[0]))
    return synced


def _store(account: WhatsAppAccount, found: Sequence[PhoneNumber], now: datetime) -> Synced:
    # All accounts of the business: only the first of their numbers is the default.
    held = WhatsAppAccount.objects.select_for_update(no_key=True).order_by("id")
    if account.pk not in held.values_list("pk", flat=True):
        return Synced(0, 0, 0)
    known = {one.phone_number_id: one for one in Sender.objects.filter(account=account)}
    fresh = [number for number in found if number.id not in known]
    changed = [
        number for number in found if number.id in known and _update(known[number.id], number, now)
    ]
    gone = [known[id_] for id_ in known.keys() - {number.id for number in found}]
    new = sum(_create(account, number) for number in fresh)
    for sender in gone:
        _set_status(sender, GONE, now)
    return Synced(new, len(changed), len(gone))


def order_sync_of_all() -> int:
    """Have the numbers of every connected account of the business in scope pulled; say how many."""
    # The token is encrypted: the database cannot tell which accounts have one.
    connected = [one for one in WhatsAppAccount.objects.order_by("id") if one.access_token]
    for account in connected:
        jobs.SYNC_NUMBERS.enqueue(business_id=str(account.business_id), account_id=str(account.pk))
    return len(connected)


def get(phone_number_id: str) -> Sender:
    """Return a sender of the business in scope; raise NotFound."""
    sender: Sender | None = Sender.objects.filter(phone_number_id=phone_number_id).first()
    if sender is None:
        raise NotFound("There is no such sender.")
    return sender


def find_default() -> Sender | None:
    """Return the sender used when none is named: the marked one, else the only one."""
    senders = list(Sender.objects.order_by("-is_default", "id")[:2])
    if len(senders) == 1 or (senders and senders[0].is_default):
        found: Sender = senders[0]
        return found
    return None


def subscribe(account: WhatsAppAccount) -> None:
    """Ask Meta to post the account's webhooks to our app; repeating it changes nothing."""
    loop.run(connection.client().subscribe_app(account.waba_id, account.access_token))


def _create(account: WhatsAppAccount, number: PhoneNumber) -> bool:
    """Make a sender; one that belongs to another account here stays where it is."""
    is_first = not Sender.objects.filter(is_default=True).exists()
    try:
        with transaction.atomic():
            Sender.objects.create(
                business_id=account.business_id,
                account=account,
                phone_number_id=number.id,
                is_default=is_first,
                **_facts(number),
            )
    except IntegrityError:
        logger.warning("number_taken", phone_number_id=number.id, account_id=str(account.pk))
        return False
    return True


def _facts(number: PhoneNumber) -> dict[str, str]:
    quality = number.quality_rating.lower()
    is_high = number.throughput_level.upper() == "HIGH"
    return {
        "phone": _phone(number.display_phone_number),
        "verified_name": number.verified_name[:120],
        "quality": quality if quality in Sender.Quality.values else Sender.Quality.UNKNOWN,
        "meta_status": number.status[:24],
        "throughput": Sender.Throughput.HIGH if is_high else Sender.Throughput.STANDARD,
    }


def _phone(display: str) -> str:
    try:
        return addresses.parse_phone(display)
    except addresses.InvalidAddress:
        return "+" + "".join(char for char in display if char.isdecimal())[:19]


def _update(sender: Sender, number: PhoneNumber, now: datetime) -> bool:
    before = {name: getattr(sender, name) for name in _facts(number)}
    after = _facts(number)
    if before == after:
        return False
    if before["quality"] != after["quality"]:
        detail = f"Quality {before['quality']} to {after['quality']}"
        events.record(sender, SenderEvent.Kind.QUALITY, detail, at=now)
    if before["meta_status"] != after["meta_status"]:
        detail = f"Status {before['meta_status']} to {after['meta_status']}"
        events.record(sender, SenderEvent.Kind.STATUS, detail, at=now)
    for name, value in after.items():
        setattr(sender, name, value)
    sender.save(update_fields=list(after))
    return True


def _set_status(sender: Sender, status: str, now: datetime) -> None:
    if sender.meta_status != status:
        detail = f"Status {sender.meta_status} to {status}"
        events.record(sender, SenderEvent.Kind.STATUS, detail, at=now)
        sender.meta_status = status
        sender.save(update_fields=["meta_status"])
