"""People named one by one: each becomes a contact and a line of the campaign's ledger, once.

A recipient that is no address, or the same person again in another spelling, has no line: they
are counted as skipped, and the first are kept with their place in the request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection

from config.lib import addresses
from config.lib.addresses import Address, InvalidAddress
from messaging.campaigns.models import Campaign
from messaging.contacts import people
from messaging.contacts.people import Person
from messaging.errors import Refusal
from messaging.messages import tallies

MOST: Final = 10_000
# Of those without a line, so many are kept to be shown and downloaded.
KEPT: Final = 1000
DUPLICATE: Final = "duplicate"
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody as a request names them, with values of their own."""

    to: str
    variables: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    place: int
    address: str
    variables: Mapping[str, Any] | None


def store(
    campaign: Campaign, given: Sequence[Recipient], *, region: str | None, now: datetime
) -> None:
    """Write the ledger lines of a new campaign; make contacts of those who are not yet.

    `total`, `skipped` and `refused` of the campaign are set, to be saved by the caller.
    """
    known, refused = _read(given, region)
    seen: set[UUID] = set()
    for start in range(0, len(known), _PAGE):
        page = known[start : start + _PAGE]
        found = people.resolve_many([_person(one.address) for one in page], now=now)
        lines: dict[UUID, Mapping[str, Any] | None] = {}
        for one, contact_id in zip(page, found, strict=True):
            if contact_id in seen:
                refused.append(_refusal(one.place, one.address, DUPLICATE))
            else:
                seen.add(contact_id)
                lines[contact_id] = one.variables
        _insert(campaign.pk, lines)
    counts = Counter(one["code"] for one in refused)
    campaign.total = len(given)
    campaign.skipped = dict(counts)
    campaign.refused = sorted(refused, key=lambda one: int(one["place"]))[:KEPT]
    tallies.open_with(campaign.pk, {"skipped": sum(counts.values())})


def _read(
    given: Sequence[Recipient], region: str | None
) -> tuple[list[_Known], list[dict[str, Any]]]:
    known, refused = [], []
    for place, one in enumerate(given):
        try:
            address = Address.parse(one.to, region=region).value
        except InvalidAddress:
            refused.append(_refusal(place, one.to, Refusal.INVALID_RECIPIENT.value))
        else:
            known.append(_Known(place, address, one.variables))
    return known, refused


def _refusal(place: int, to: str, code: str) -> dict[str, Any]:
    return {"place": place, "to": to[:64], "code": code}


def _person(address: str) -> Person:
    if addresses.is_bsuid(address):
        return Person(bsuid=address)
    return Person(phone=address)


def _insert(campaign_id: UUID, lines: Mapping[UUID, Mapping[str, Any] | None]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_campaignrecipient (campaign_id, contact_id, values) "
            "SELECT %s, contact_id, own::jsonb FROM unnest(%s::uuid[], %s::text[]) "
            "AS t(contact_id, own) ON CONFLICT (campaign_id, contact_id) DO NOTHING",
            [
                campaign_id,
                list(lines),
                [orjson.dumps(own).decode() if own else None for own in lines.values()],
            ],
        )
