"""Owns what goes upstream for an exchange: target, headers, body, and what is added to them. Decides nothing about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from proxy.enforcement import is_told_upstream
from proxy.exchange import Exchange
from proxy.handlers.passage import Passage
from proxy.upstream.headers import Forwarding, request_headers, request_target
from proxy.upstream.protocol import Upstream, UpstreamAnswer, UpstreamRequest
from proxy.upstream.verdict_header import signed_verdict


@dataclass(slots=True)
class Asking:
    """Asks the upstream of one process."""

    upstream: Upstream
    forwarding: Forwarding

    async def ask(self, passage: Passage, asks_usage: bool) -> UpstreamAnswer:
        return await self.upstream.send(self._request(passage, asks_usage))

    def _request(self, passage: Passage, asks_usage: bool) -> UpstreamRequest:
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
            self.forwarding,
            peer_ip=arrival.peer_ip,
            peer_trusted=exchange.peer_trusted,
            family=family,
            body_length=length,
            unencoded=asks_usage,
            charged_key=charged_key,
            verdict=self._verdict(exchange),
        )
        target = request_target(arrival.target, arrival.headers, self.forwarding, family, charged_key)
        return UpstreamRequest(arrival.method, target, headers, body)

    def _verdict(self, exchange: Exchange) -> str | None:
        """What the upstream is told of the campaign that the exchange belongs to."""
        key, match, rules = self.forwarding.verdict_key, exchange.match, exchange.policy.campaigns
        if not key or match is None or rules is None or not is_told_upstream(rules):
            return None
        return signed_verdict(key, match, exchange.arrival.ts_us, exchange.arrival.id)
