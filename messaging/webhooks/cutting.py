"""Cut one person of one business out of a raw body, and keep the rest as Meta posted it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from accounts import tenancy
from accounts.models import WhatsAppAccount
from messaging.meta.reading import object_of, objects_of, text_of
from messaging.senders.models import Sender
from messaging.webhooks.models import DeadLetter, PendingEvent, RawEvent
from messaging.webhooks.pruning import Pruner

# What a change carries beside people.
FRAME: Final = frozenset({"messaging_product", "metadata"})


@dataclass(frozen=True, slots=True)
class Owner:
    """What events of one business are told by."""

    numbers: frozenset[str]
    accounts: frozenset[str]

    @classmethod
    def of_scope(cls) -> Owner:
        return cls(
            frozenset(Sender.objects.values_list("phone_number_id", flat=True)),
            frozenset(WhatsAppAccount.objects.values_list("waba_id", flat=True)),
        )

    def owns(self, entry: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        """Say whether a change is the business's: by its number, else by its account."""
        metadata = object_of(object_of(change.get("value")).get("metadata"))
        if number := text_of(metadata.get("phone_number_id")):
            return number in self.numbers
        return text_of(entry.get("id")) in self.accounts


def lock(event_id: UUID) -> bytes | None:
    """Return a body as it is now, and keep it from being rewritten until this transaction ends.

    Two who cut different people out of one body would else each put the other's back.
    """
    rows = RawEvent.objects.select_for_update().filter(pk=event_id)
    body = rows.values_list("body", flat=True).first()
    return bytes(body) if body is not None else None


def cut_out(body: bytes, needles: frozenset[str], owner: Owner) -> tuple[bytes, int, bool]:
    """Return a body without the person, how many parts went, and whether nothing is left."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body, 0, False
    pruner = Pruner(needles)
    for entry in objects_of(object_of(told).get("entry")):
        rows = entry.get("changes")
        if not isinstance(rows, list):
            continue
        entry["changes"] = [
            kept
            for change in rows
            for kept in (
                _pruned(change, pruner)
                if isinstance(change, dict) and owner.owns(entry, change)
                else [change]
            )
        ]
    if not pruner.removed:
        return body, 0, False
    is_empty = not any(
        entry.get("changes", True) for entry in objects_of(object_of(told).get("entry"))
    )
    return orjson.dumps(told), pruner.removed, is_empty


def _pruned(change: dict[str, Any], pruner: Pruner) -> list[dict[str, Any]]:
    before = pruner.removed
    kept: list[dict[str, Any]] = pruner.prune([change])
    if not kept or pruner.removed == before:
        return kept
    value = object_of(kept[0].get("value"))
    is_bare = not any(part for name, part in value.items() if name not in FRAME)
    return [] if is_bare else kept


def delete(event_id: UUID) -> int:
    """Delete an event of which nothing is left, with what was to be done about it."""
    PendingEvent.objects.filter(pk=event_id).delete()
    DeadLetter.objects.filter(event_id=event_id, business_id=tenancy.current_id()).delete()
    return RawEvent.objects.filter(pk=event_id).delete()[0]
