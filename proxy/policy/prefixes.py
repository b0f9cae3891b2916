"""Owns networks as integers: parsing them, and finding the one that an address lies in.

Knows no files and no policy. A table costs one set lookup for each prefix length that it holds, however many networks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Generic, NamedTuple, TypeVar

from proxy.identity.principal import Address

T = TypeVar("T")

_BITS = {4: 32, 6: 128}
_MAPPED = 0xFFFF << 32
_NETWORK = re.compile(r"[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?")


class Prefix(NamedTuple):
    """A network: its IP version, its length, and its leading `length` bits as an integer."""

    version: int
    length: int
    bits: int

    def __str__(self) -> str:
        """As a CIDR."""
        block = (self.first(), self.length)
        return str(IPv4Network(block) if self.version == 4 else IPv6Network(block))

    def first(self) -> int:
        """Its lowest address."""
        return self.bits << (_BITS[self.version] - self.length)

    def covers(self, other: Prefix) -> bool:
        """Whether every address of `other` lies in this one."""
        return (
            self.version == other.version
            and self.length <= other.length
            and other.bits >> (other.length - self.length) == self.bits
        )


def parse_prefix(text: str) -> Prefix:
    """A network like 203.0.113.0/24, or one address. ValueError says what is wrong and what may have been meant."""
    if _NETWORK.fullmatch(text) is None:
        raise ValueError("not a network such as 203.0.113.0/24 or 2001:db8::/48")
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError("not a network such as 203.0.113.0/24 or 2001:db8::/48") from error
    host = int(ip_address(text.partition("/")[0]))
    if host != int(network.network_address):
        raise ValueError(f"has bits set beyond its prefix length; write {network}")
    if network.version == 6 and network.prefixlen >= 96 and host >> 32 == 0xFFFF:
        mapped = IPv4Address(host & 0xFFFFFFFF)
        raise ValueError(f"is an IPv4-mapped network; write {mapped}/{network.prefixlen - 96}")
    return Prefix(network.version, network.prefixlen, host >> (_BITS[network.version] - network.prefixlen))


class PrefixTable(Generic[T]):
    """A value for each network; an address finds that of the longest one it lies in."""

    __slots__ = ("_lengths",)

    def __init__(self, entries: Iterable[tuple[Prefix, T]]) -> None:
        tables: dict[int, dict[int, dict[int, T]]] = {4: {}, 6: {}}
        for prefix, value in entries:
            tables[prefix.version].setdefault(prefix.length, {})[prefix.bits] = value
        self._lengths = {version: _longest_first(_BITS[version], lengths) for version, lengths in tables.items()}

    def lookup(self, address: Address) -> T | None:
        """An IPv4-mapped IPv6 address is looked up as its IPv4 address."""
        version, value = address.version, int(address)
        if version == 6 and value >> 32 == 0xFFFF:
            version, value = 4, value - _MAPPED
        for shift, found in self._lengths[version]:
            if (key := value >> shift) in found:
                return found[key]
        return None

    def __len__(self) -> int:
        return sum(len(found) for lengths in self._lengths.values() for _, found in lengths)


def _longest_first(bits: int, lengths: Mapping[int, dict[int, T]]) -> tuple[tuple[int, dict[int, T]], ...]:
    return tuple((bits - length, lengths[length]) for length in sorted(lengths, reverse=True))


class PrefixSet(PrefixTable[bool]):
    """A set of networks."""

    __slots__ = ()

    def __init__(self, prefixes: Iterable[Prefix]) -> None:
        super().__init__((prefix, True) for prefix in prefixes)

    def contains(self, address: Address) -> bool:
        return self.lookup(address) is not None


class TrustedProxies(PrefixSet):
    """The peers whose forwarding and attribute headers are believed."""

    __slots__ = ("named",)

    def __init__(self, prefixes: Iterable[Prefix]) -> None:
        given = frozenset(prefixes)
        super().__init__(given)
        self.named = bool(given) and given != frozenset(map(parse_prefix, LOOPBACK_AND_PRIVATE))
        """Whether somebody has said which peers these are: not none, nor every private address as by default."""


LOOPBACK_AND_PRIVATE = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""What `trusted_proxies` is where a policy does not say."""
