"""Owns what goes upstream for an exchange that was let through: its target, headers and body, and what is told of it.

Which fields may cross is `upstream.headers`' to say. Knows no connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from proxy.enforcement import is_told_upstream
from proxy.exchange import Exchange
from proxy.handlers.passage import Passage
from proxy.upstream.headers import Forwarding, request_headers, request_target
from proxy.upstream.protocol import UpstreamRequest
from proxy.upstream.verdict_header import signed_verdict


def upstream_request(passage: Passage, forwarding: Forwarding, *, asks_usage: bool) -> UpstreamRequest:
    """The request to send. `asks_usage`: the body is made to ask for the usage that it has not asked for itself."""
    exchange = passage.exchange
    arrival = exchange.arrival
    body: bytes | AsyncIterator[bytes] | None = None
    length = None
    if passage.sent is not None:
        body = exchange.dialect.ask_usage(passage.sent) if asks_usage else passage.sent
        length = len(body)
    elif passage.request.body.exists:
        body, length = passage.request.body.chunks(), passage.request.body.length
    family = exchange.dialect.family
    charged_key = exchange.principal.account.startswith(("key-", "anonymous@"))
    headers = request_headers(
        arrival.headers,
        forwarding,
        peer_ip=arrival.peer_ip,
        peer_trusted=exchange.peer_trusted,
        family=family,
        body_length=length,
        unencoded=asks_usage,
        charged_key=charged_key,
        verdict=_verdict(exchange, forwarding.verdict_key),
    )
    target = request_target(arrival.target, arrival.headers, forwarding, family, charged_key)
    return UpstreamRequest(arrival.method, target, headers, body)


def _verdict(exchange: Exchange, key: bytes) -> str | None:
    """What the upstream is told of the campaign that the exchange belongs to."""
    match, rules = exchange.match, exchange.policy.campaigns
    if not key or match is None or rules is None or not is_told_upstream(rules):
        return None
    return signed_verdict(key, match, exchange.arrival.ts_us, exchange.arrival.id)
