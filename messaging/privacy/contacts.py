"""The contact with all that hangs on it: tags, lists, conversations, places in campaigns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db.models import F
from redis.exceptions import RedisError

from compliance.privacy import registry
from compliance.privacy.registry import BATCH, File, Person, Rows, Step
from config.lib import paging
from config.lib.addresses import digits_in
from messaging.campaigns.models import Campaign, CampaignRecipient
from messaging.contacts.models import Contact, ContactList, ContactTag, ListEntry
from messaging.conversations.models import Conversation
from messaging.senders.models import Sender
from messaging.sending import throttle
from messaging.webhooks.models import FormerAddress, LatestFact

# Each may hold the names of many refused recipients.
_CAMPAIGNS: Final = 20
logger = structlog.get_logger(__name__)

_CONTACT: Final = (
    "name",
    "phone",
    "bsuid",
    "wa_id",
    "username",
    "language",
    "country",
    "time_zone",
    "attributes",
    "created_at",
    "updated_at",
    "undeliverable_at",
)
_RECIPIENT: Final = ("campaign__name", "skip_code", "values")
_THREAD: Final = ("status", "last_inbound_at", "last_message_at", "unread", "created_at")


class ContactsHolder:
    """Who the person is here."""

    name = "contact"
    title = "Contact, tags, lists, conversations and campaigns"
    explanation = (
        "Deleted, with former addresses and the values campaigns used. Sums of campaigns stay."
    )

    def export(self, person: Person) -> Iterator[Rows | File]:
        """Yield the contact and what refers to it."""
        ids = sorted(person.contacts)
        if not ids:
            return
        yield Rows("contact", map(_described, Contact.objects.filter(pk__in=ids).order_by("id")))
        threads = Conversation.objects.filter(contact__in=ids)
        yield Rows("conversations", paging.values_by_key(threads, *_THREAD, size=BATCH))
        named = paging.values_by_key(_recipients(ids), *_RECIPIENT, size=BATCH)
        yield Rows("campaigns", named)

    def erase(self, person: Person, *, cursor: str, now: datetime) -> Iterator[Step]:
        """Delete everything of one contact in one transaction, so that nobody is half gone.

        One that has got another address since the erasure began stays until that is known.
        """
        for contact_id in sorted(person.contacts):
            if found := _find_moved(contact_id, person):
                yield Step(found=found)
                return
            if counts := _delete(contact_id):
                yield Step(counts)
        if refused := _forget_refused(person):
            yield Step({"refused_recipients": refused})


def _described(contact: Contact) -> dict[str, Any]:
    tags = ContactTag.objects.filter(contact=contact).values_list("tag__name", flat=True)
    lists = ListEntry.objects.filter(contact=contact).values_list("list__name", flat=True)
    former = FormerAddress.objects.filter(contact=contact).values_list("address", flat=True)
    return {
        **{name: getattr(contact, name) for name in _CONTACT},
        "tags": sorted(tags),
        "lists": sorted(lists),
        "former_addresses": sorted(former),
    }


def _find_moved(contact_id: UUID, person: Person) -> Person | None:
    """Return who the contact is now if that is more than was known; it can move no more."""
    if not person.keys:
        return None
    Contact.objects.select_for_update().filter(pk=contact_id).first()
    found = registry.identify(Person(keys=frozenset(), contacts=frozenset({contact_id})))
    return found if found.address_keys - person.address_keys else None


def _delete(contact_id: UUID) -> dict[str, int]:
    """Delete a contact with all that hangs on it; return counts of what there was.

    The row's lock keeps others from hanging more on it meanwhile.
    """
    contact = Contact.objects.select_for_update().filter(pk=contact_id).first()
    senders = list(Sender.objects.select_related("account"))
    counts = {
        "recipients": _recipients([contact_id]).delete()[0],
        "facts": LatestFact.objects.filter(
            key__in=[f"holder:{sender.pk}:{contact_id}" for sender in senders]
        ).delete()[0],
    }
    if contact is not None:
        counts |= _delete_children(contact)
        Contact.objects.filter(pk=contact_id).delete()
        counts["contacts"] = 1
        counts["cached"] = _forget_cached(senders, contact_id)
    return {name: count for name, count in counts.items() if count}


def _delete_children(contact: Contact) -> dict[str, int]:
    on = list(ListEntry.objects.filter(contact=contact).values_list("list_id", flat=True))
    ContactList.objects.filter(pk__in=sorted(on), size__gt=0).update(size=F("size") - 1)
    return {
        "list_entries": ListEntry.objects.filter(contact=contact).delete()[0],
        "tags": ContactTag.objects.filter(contact=contact).delete()[0],
        "conversations": Conversation.objects.filter(contact=contact).delete()[0],
        "former_addresses": FormerAddress.objects.filter(contact=contact).delete()[0],
    }


def _recipients(contact_ids: Sequence[UUID]) -> Any:
    """Return the person's lines in campaigns; by campaign, because the index begins with it."""
    campaigns = Campaign.objects.values("pk")
    return CampaignRecipient.objects.filter(campaign__in=campaigns, contact__in=contact_ids)


def _forget_refused(person: Person) -> int:
    """Take the person out of the recipients campaigns could not write to."""
    if not person.needles:
        return 0
    changed = 0
    held = Campaign.objects.exclude(refused=[]).select_for_update()
    for campaign in paging.by_key(held, size=_CAMPAIGNS):
        kept = [one for one in campaign.refused if not _names(one, person)]
        if len(kept) < len(campaign.refused):
            changed += len(campaign.refused) - len(kept)
            Campaign.objects.filter(pk=campaign.pk).update(refused=kept)
    return changed


def _names(refused: Any, person: Person) -> bool:
    to = str(refused.get("to", ""))
    return to in person.needles or digits_in(to) in person.needles


def _forget_cached(senders: Sequence[Sender], contact_id: UUID) -> int:
    """Forget the person in Redis; what it holds there are ids that expire within a day."""
    try:
        return throttle.forget_people(senders, [contact_id])
    except RedisError:
        logger.warning("privacy_cache_not_cleared")
        return 0
