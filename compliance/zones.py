"""In which time zones a person may be, told from the country of their address.

A phone number names a country, not a city. Where a country has several zones all of them are
returned, and who asks has to hold what they ask in every one; a zone kept with the contact is the
exact answer and wins. The table of countries is the one of the IANA time zone database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_TABLE: Final = "zone.tab"


@cache
def find(name: str) -> ZoneInfo | None:
    """Return the zone of this name; None for a name the database does not have."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def of_person(*, time_zone: str, country: str, home: str) -> tuple[ZoneInfo, ...]:
    """Return the zones a person may be in: their own, those of their country, else `home`."""
    if own := find(time_zone):
        return (own,)
    return of_country(country) or (find(home) or ZoneInfo("UTC"),)


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
