"""Networks a key may be used from: read, written one way, asked."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from config.lib.errors import InvalidInput

MOST: Final = 50
_MAPPED_BITS: Final = 96


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
        return str(_as_ipv4(ip_network(text, strict=False)))
    except ValueError as error:
        raise InvalidInput(
            f"Not an address or network: {text[:60]}. Write 203.0.113.7 or 203.0.113.0/24.",
            code="invalid_network",
            attr="networks",
        ) from error


def _as_ipv4(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Return an IPv4 network that was written as IPv6 (::ffff:…) the way addresses are asked."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
