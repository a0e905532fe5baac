"""In which time zones a person may be, told from their number, else from their country.

A number with an area code names a place; a mobile number of many countries, and a Meta user id, no
more than the country. Where several zones are possible all of them are returned, and who asks has
to hold what they ask in every one; a zone kept with the contact is the exact answer and wins.
Places of numbers are those of libphonenumber, countries those of the IANA time zone database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import NumberParseException
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number

_TABLE: Final = "zone.tab"


@cache
def find(name: str) -> ZoneInfo | None:
    """Return the zone of this name; None for a name the database does not have."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def of_person(*, time_zone: str, phone: str, country: str, home: str) -> tuple[ZoneInfo, ...]:
    """Return the zones a person may be in.

    Their own if it is known, else those of their number, of their country, and last `home`.
    """
    if own := find(time_zone):
        return (own,)
    places = of_country(country)
    if phone and len(places) != 1:
        places = of_number(phone) or places
    return places or (find(home) or ZoneInfo("UTC"),)


def of_number(phone: str) -> tuple[ZoneInfo, ...]:
    """Return the zones of a number with "+"; none when it names no place."""
    try:
        names = time_zones_for_number(phonenumbers.parse(phone, None))
    except NumberParseException:
        return ()
    found = (find(name) for name in names if name != UNKNOWN_TIMEZONE)
    return tuple(zone for zone in found if zone)


@cache
def of_country(country: str) -> tuple[ZoneInfo, ...]:
    """Return the zones of a two-letter country; none for a country nobody knows."""
    return tuple(ZoneInfo(name) for name in _names().get(country.upper(), ()))


@cache
def _names() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    text = resources.files("tzdata.zoneinfo").joinpath(_TABLE).read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            found[country].append(name)
    return dict(found)
