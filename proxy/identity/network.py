"""Owns addresses: how a hop is read, which hop is the client, which network an address belongs to.

Knows no header but `X-Forwarded-For` and `Forwarded`, no account and no policy. What is cached is cached by short texts
and small integers in bounded LRUs, so that a flood of addresses evicts instead of growing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Protocol

from proxy.identity.principal import Address

MAX_HOPS = 32
"""Hops read from the right before the walk ends; real chains have fewer than ten."""
_MAX_HOP_LENGTH = 80
_CACHED = 16_384

_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_BRACKETED = re.compile(rf"\[([^\[\]]*:[^\[\]]*)\]{_PORT}")
_V4_WITH_PORT = re.compile(rf"([0-9.]+){_PORT}")
_PAIR = re.compile(
    r"[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)="
    r'("(?:[^"\\]|\\.)*"|[^";,\s]*))?[ \t]*(?:;|\Z)'
)
_ESCAPE = re.compile(r"\\(.)")


class Trusted(Protocol):
    """The addresses whose forwarding and attribute headers are believed."""

    def contains(self, address: IPv4Address | IPv6Address) -> bool: ...


def parse_address(text: str) -> Address | None:
    """The address that `text` writes, without its zone id; an IPv4-mapped one as IPv4. None where it is none."""
    return _parse_address(text) if len(text) <= _MAX_HOP_LENGTH else None


@lru_cache(maxsize=_CACHED)
def _parse_address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def parse_hop(text: str) -> Address | None:
    """The address of one hop: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, around it blanks, quotes.

    None for everything else, the obfuscated `_hidden` and `unknown` of RFC 7239 included.
    """
    return _parse_hop(text) if len(text) <= _MAX_HOP_LENGTH else None


@lru_cache(maxsize=_CACHED)
def _parse_hop(text: str) -> Address | None:
    bare = text.strip(" \t")
    if len(bare) > 1 and bare[0] == bare[-1] == '"':
        bare = bare[1:-1]
    match = _BRACKETED.fullmatch(bare) or _V4_WITH_PORT.fullmatch(bare)
    return _parse_address(match[1] if match else bare)


def client_behind(peer: Address, x_forwarded_for: Sequence[str], forwarded: Sequence[str], trusted: Trusted) -> Address:
    """The client's address behind a trusted `peer`: the first untrusted hop from the right, else the leftmost valid.

    Both headers are the values of all their occurrences in wire order. Where both are present `X-Forwarded-For` wins
    and `Forwarded` is not read: nearly every edge appends to the former, so the latter is what a client may have
    smuggled in. (An edge that writes only `Forwarded` must drop its clients' `X-Forwarded-For`.) A malformed hop ends
    the walk at the last valid one: what stands left of it was not written by anybody who is trusted.
    """
    client = peer
    for hop in _x_forwarded_for_hops(x_forwarded_for) if x_forwarded_for else _forwarded_hops(forwarded):
        address = parse_hop(hop)
        if address is None:
            if x_forwarded_for and not hop.strip(" \t"):
                continue  # an empty element of a list is none (RFC 9110, 5.6.1)
            break
        client = address
        if not trusted.contains(address):
            break
    return client


def _x_forwarded_for_hops(values: Sequence[str]) -> Iterator[str]:
    # The leftmost part keeps its commas where there are more than MAX_HOPS, and so ends the walk as malformed.
    return reversed(",".join(values).rsplit(",", MAX_HOPS))


def _forwarded_hops(values: Sequence[str]) -> Iterator[str]:
    for count, element in enumerate(_elements_from_right(",".join(values))):
        node = _forwarded_node(element)
        if node is None or count == MAX_HOPS:
            return
        yield node


def _elements_from_right(text: str) -> Iterator[str]:
    """The list's elements from the right: a quote that a client left open cannot swallow what an edge appended."""
    end = len(text)
    quoted = False
    for position in range(end - 1, -1, -1):
        character = text[position]
        if character == '"' and not (quoted and _is_escaped(text, position)):
            quoted = not quoted
        elif character == "," and not quoted:
            yield text[position + 1 : end]
            end = position
    yield text[:end]


def _is_escaped(text: str, position: int) -> bool:
    first = position
    while first > 0 and text[first - 1] == "\\":
        first -= 1
    return (position - first) % 2 == 1


def _forwarded_node(element: str) -> str | None:
    """The value of the element's only `for`; None where it has none, or several, or is malformed."""
    nodes = []
    position = 0
    while position < len(element):
        pair = _PAIR.match(element, position)
        if pair is None:
            return None
        position = pair.end()
        if pair[1] is not None and pair[1].lower() == "for":
            nodes.append(pair[2])
    if len(nodes) != 1:
        return None
    node: str = nodes[0]
    if not node.startswith('"'):
        return node
    unquoted = _ESCAPE.sub(r"\1", node[1:-1])
    return None if '"' in unquoted else unquoted


def network_of(address: Address, ipv4_prefix: int, ipv6_prefix: int) -> str:
    """The prefix that `address` belongs to, '203.0.113.0/24' or '2001:db8:0:1::/64'."""
    if address.version == 4:
        return _ipv4_network(int(address) >> (32 - ipv4_prefix), ipv4_prefix)
    return _ipv6_network(int(address) >> (128 - ipv6_prefix), ipv6_prefix)


@lru_cache(maxsize=_CACHED)
def _ipv4_network(bits: int, prefix: int) -> str:
    return f"{IPv4Address(bits << (32 - prefix))}/{prefix}"


@lru_cache(maxsize=_CACHED)
def _ipv6_network(bits: int, prefix: int) -> str:
    return f"{IPv6Address(bits << (128 - prefix))}/{prefix}"
