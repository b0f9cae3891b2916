"""Owns the making of a Principal from a connection's peer and a request's head.

Synchronous and pure but for the MMDB files that it was given. Knows what is trusted only by asking.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from proxy.identity.attributes import Attributes, read_attributes
from proxy.identity.credentials import Pseudonyms, credential_of, key_in_url
from proxy.identity.fingerprint import fingerprint
from proxy.identity.geo import Geo, Location
from proxy.identity.headers import SortedHeaders, sort_headers
from proxy.identity.network import Trusted, client_behind, network_of, parse_address
from proxy.identity.principal import Principal

UNIX_SOCKET = "127.0.0.1"
"""What a peer without an address counts as."""
_NO_ATTRIBUTES = Attributes()
_NOWHERE = Location()


class Resolved(Struct, frozen=True, gc=False):
    principal: Principal
    peer_trusted: bool
    """False: the relay must drop ATTRIBUTE_HEADERS and what the peer says of forwarding."""


class Resolver:
    """Tells who an exchange comes from."""

    def __init__(self, hash_key: bytes, geo: Geo | None) -> None:
        """`hash_key`: the secret under which keys and end users are hashed. ValueError where it is empty."""
        self._pseudonyms = Pseudonyms(hash_key)
        self._geo = geo

    def resolve(
        self,
        peer_ip: str,
        headers: Sequence[tuple[str, str]],
        trusted: Trusted,
        ipv4_prefix: int,
        ipv6_prefix: int,
        target: str = "",
    ) -> Resolved:
        """Any headers give a Principal; `headers` are in wire order and case, `target` has the query.

        `peer_ip` is '' for a Unix socket, which counts as loopback; ValueError where it is else no address.
        """
        peer = parse_address(peer_ip or UNIX_SOCKET)
        if peer is None:
            raise ValueError(f"the peer {peer_ip!r} is not an IP address")
        found = sort_headers(headers)
        peer_trusted = trusted.contains(peer)
        address, attributes = peer, _NO_ATTRIBUTES
        if peer_trusted:
            address = client_behind(peer, found.x_forwarded_for, found.forwarded, trusted)
            if found.attributes:
                attributes = read_attributes(found.attributes)
        network = network_of(address, ipv4_prefix, ipv6_prefix)
        location = self._geo.locate(address) if self._geo is not None else _NOWHERE
        principal = Principal(
            account=attributes.account or self._account(found, target, network),
            address=address,
            network=network,
            client=fingerprint(found.marks, found.values.get("user-agent", ""), found.values),
            org=attributes.org,
            tier=attributes.tier,
            verified=attributes.verified,
            country=attributes.country or location.country,
            asn=location.asn,
            created_us=attributes.created_us,
            payment=attributes.payment,
            ja4=attributes.ja4,
        )
        return Resolved(principal, peer_trusted)

    def pseudonym(self, value: str) -> str:
        """`u-<16 hex>`: the name under which an end user is known."""
        return self._pseudonyms.of_user(value)

    def _account(self, found: SortedHeaders, target: str, network: str) -> str:
        credential = credential_of(found.values) or key_in_url(target)
        return self._pseudonyms.of_key(credential) if credential else f"anonymous@{network}"
