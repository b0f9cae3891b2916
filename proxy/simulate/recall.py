"""Owns the way back from a line of the log, in either form, to the exchange that it was written from."""

from __future__ import annotations

from proxy.dialects.llm import LlmRequest
from proxy.dialects.table import dialect_for
from proxy.exchange import Arrival, Exchange, Recalled
from proxy.identity.network import network_of, parse_address
from proxy.identity.principal import Principal
from proxy.identity.resolve import UNIX_SOCKET
from proxy.simulate.lines import Recorded


def exchange_of(recorded: Recorded, exchange_id: str, read: Recalled | None = None) -> Exchange:
    """The exchange as it arrived, under a name of its own: the log's names need not be fit to reserve by.

    `read`: what `ahead.Ahead` has read of it.
    """
    arrival = Arrival(
        exchange_id,
        recorded.ts_us,
        recorded.method,
        recorded.path,
        recorded.peer_ip,
        recorded.headers,
        recorded.body,
    )
    return Exchange(arrival, dialect_for(recorded.method, recorded.path), recalled=read or _recalled(recorded))


def signatures_of(recorded: Recorded) -> tuple[int | str, ...]:
    """Of reasoning that the answer issued: the ids that were made at the time, else the log's names for them."""
    answer = recorded.features.answer if recorded.features is not None else None
    if answer is not None and answer.signatures:
        return answer.signatures
    return recorded.response.signatures if recorded.response is not None else ()


def _recalled(recorded: Recorded) -> Recalled | None:
    """Who asked and what for, of a line in the feature form; None for a raw one.

    The network is cut anew, because the policy may cut it otherwise than the one that was in force.
    """
    features = recorded.features
    if features is None:
        return None
    address = parse_address(recorded.peer_ip or UNIX_SOCKET)
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
        models=asked.models,
    )
    return Recalled(principal, request, asked.content)
