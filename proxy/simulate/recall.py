"""Owns the way back from the content-free form of the log: the principal and the request that it was written from."""

from __future__ import annotations

from proxy.dialects.llm import LlmRequest
from proxy.exchange import Recalled
from proxy.identity.network import network_of, parse_address
from proxy.identity.principal import Principal
from proxy.simulate.lines import Recorded


def recalled(recorded: Recorded) -> Recalled | None:
    """Who asked and what for, of a line in the feature form; None for a raw one.

    The network is cut anew, because the policy may cut it otherwise than the one that was in force.
    """
    features = recorded.features
    if features is None:
        return None
    address = parse_address(recorded.peer_ip)
    assert address is not None, "a line without an address is a bad one"
    who, asked = features.principal, features.request

    def principal(ipv4_prefix: int, ipv6_prefix: int) -> Principal:
        return Principal(
            who.account,
            address,
            network_of(address, ipv4_prefix, ipv6_prefix),
            who.client,
            who.org,
            who.tier,
            who.verified,
            who.country,
            who.asn,
            who.created_us,
            who.payment,
            who.ja4,
        )

    request = LlmRequest(
        asked.dialect,
        recorded.path,
        asked.model,
        asked.stream,
        asked.max_tokens,
        asked.end_user,
        asked.text_bytes,
        asked.caches,
    )
    return Recalled(principal, request)
