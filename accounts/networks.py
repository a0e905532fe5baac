"""Networks a key may be used from: read, written one way, asked."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from config.lib.errors import InvalidInput

MOST: Final = 50


def read(texts: Iterable[str]) -> list[str]:
    """Return networks as CIDR, each once; a single address is a network of one.

    Raises `InvalidInput` naming the first that is none.
    """
    found = dict.fromkeys(_read(text.strip()) for text in texts if text.strip())
    if len(found) > MOST:
        raise InvalidInput(f"At most {MOST} networks.", attr="networks")
    return list(found)


def contain(networks: Iterable[str], address: str) -> bool:
    """Tell whether an address lies in one of the networks; one that cannot be read does not."""
    try:
        asked = ip_address(address)
    except ValueError:
        return False
    if isinstance(asked, IPv6Address) and asked.ipv4_mapped:
        asked = asked.ipv4_mapped
    return any(asked in ip_network(network) for network in networks)


def _read(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError as error:
        raise InvalidInput(
            f"Not an address or network: {text[:60]}. Write 203.0.113.7 or 203.0.113.0/24.",
            code="invalid_network",
            attr="networks",
        ) from error
