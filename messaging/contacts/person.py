"""Who somebody is, as a webhook or a caller names them; nothing here asks the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import phonenumbers

from config.lib import addresses
from config.lib.errors import InvalidInput


class MissingAddress(InvalidInput):
    """A person was named with neither a phone number nor a Meta user id."""

    code = "missing_address"


@dataclass(frozen=True, slots=True)
class Person:
    """What a webhook or a caller says about somebody; at least one address is needed.

    `phone` is E.164 with "+"; `wa_id` Meta's digits without. `name` fills an empty name; one Meta
    told at `named_at` also takes the place of an older one of Meta's, never of one the business
    gave. `language` and `attributes` are for a contact that is made anew.
    """

    phone: str = ""
    wa_id: str = ""
    bsuid: str = ""
    name: str = ""
    named_at: datetime | None = None
    username: str = ""
    language: str = ""
    attributes: Mapping[str, str] | None = None

    @property
    def number(self) -> str:
        """The phone number with "+", from `phone` or `wa_id`."""
        return self.phone or (addresses.wa_id_to_phone(self.wa_id) if self.wa_id else "")


@dataclass(frozen=True, slots=True)
class Fact:
    """A person with the keys they are looked up by."""

    person: Person
    phone_key: str | None
    bsuid: str | None

    @classmethod
    def of(cls, person: Person) -> Fact:
        number = person.number
        if not number and not person.bsuid:
            raise MissingAddress("A phone number or a Meta user id is needed.", attr="phone")
        return cls(person, addresses.phone_key(number) if number else None, person.bsuid or None)

    @property
    def order(self) -> tuple[bool, str, str]:
        """Complete people first, so that half known ones meet them; then by key."""
        incomplete = not (self.phone_key and self.bsuid)
        return incomplete, self.phone_key or "", self.bsuid or ""


def spelling(number: str) -> str:
    """Return today's spelling of a number; one no numbering plan knows stays as Meta wrote it."""
    if addresses.phone_key(number) == number:
        return number[:20]
    try:
        return addresses.parse_phone(number)
    except addresses.InvalidAddress:
        return number[:20]


def country_of(address: str) -> str:
    """Return the two-letter country of an E.164 number or BSUID, empty when not known."""
    if addresses.is_bsuid(address):
        return address[:2]
    digits = address.lstrip("+")
    for length in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or 0))
        if regions and len(regions) == 1:
            return "" if regions[0] == "001" else str(regions[0])
        if regions:
            return _shared_country(address)
    return ""


def _shared_country(address: str) -> str:
    """Tell apart the countries that share a code (+1, +7, +44 …)."""
    try:
        number = phonenumbers.parse(address, None)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""
