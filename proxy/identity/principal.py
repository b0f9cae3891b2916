"""Owns who an exchange comes from. Knows nothing of what it asks for, nor of policies."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

Address = IPv4Address | IPv6Address


class Principal(Struct, frozen=True, gc=False):
    """Everybody an exchange can be charged to; built once an exchange by `identity.resolve.Resolver`.

    No field ever holds a credential: an account without a trusted `x-account-id` is a keyed hash of its API key.
    """

    account: str
    """`x-account-id` of a trusted peer; `key-<16 hex>` for an API key; `anonymous@<network>` without either."""
    address: Address
    """The client's address: the rightmost untrusted hop. An IPv4-mapped IPv6 address is its IPv4 address."""
    network: str
    """The address's prefix as the policy cuts it, '203.0.113.0/24' by default."""
    client: str
    """Fingerprint of the client software: a hash over header names, their order and the user agent's product."""
    org: str | None = None
    tier: str | None = None
    """As the attribute header names it; the policy falls back to its default tier where it is unknown to it."""
    verified: bool = False
    country: str | None = None
    """ISO 3166-1 alpha-2, upper case: as verified for the account, else of the address where an MMDB is configured."""
    asn: int | None = None
    created_us: int | None = None
    """When the account was created, microseconds since the epoch."""
    payment: str | None = None
    """An opaque reference to the payment method, already hashed by whoever passes it."""
    ja4: str | None = None
