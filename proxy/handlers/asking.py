"""Owns when a stream is asked for its usage on the way upstream, and what is done where the upstream refuses that.

The one thing that is ever changed in a body: a stream whose tokens a quota counts is asked for its usage, where the
client has not done so. An upstream that refuses that gets the request once more, as the client sent it.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.charging import counts_tokens
from proxy.clock import Clock
from proxy.exchange import Exchange
from proxy.handlers.passage import Passage
from proxy.handlers.sending import upstream_request
from proxy.upstream.headers import Forwarding
from proxy.upstream.protocol import Upstream, UpstreamAnswer
from proxy.upstream.stream_usage import StreamUsage, Who
from proxy.upstream.whole import read_whole

_REFUSALS = (400, 422)
"""What APIs say of a member that they do not know."""


@dataclass(slots=True)
class Asking:
    """Asks the upstream of one process."""

    upstream: Upstream
    forwarding: Forwarding
    stream_usage: StreamUsage
    clock: Clock

    async def ask(self, passage: Passage) -> tuple[UpstreamAnswer, bool]:
        """The answer, and whether its usage was asked for by the proxy alone. Raises what `Upstream.send` does."""
        asks_usage = self._asks_usage(passage)
        answer = await self.upstream.send(upstream_request(passage, self.forwarding, asks_usage=asks_usage))
        if not asks_usage or answer.status not in _REFUSALS:
            return answer, asks_usage
        refusal = await _refusal_of_all_else(answer)
        return (await self._ask_again(passage) if refusal is None else refusal), False

    async def _ask_again(self, passage: Passage) -> UpstreamAnswer:
        """Without what was added. Nothing was generated for the first time, so this is safe."""
        answer = await self.upstream.send(upstream_request(passage, self.forwarding, asks_usage=False))
        # Else it was not for what was added: no client shall have all others of a model asked no more.
        if answer.status < 400 and _is_event_stream(answer):
            self.stream_usage.refused(_who(passage.exchange), self.clock.monotonic_us())
        return answer

    def _asks_usage(self, passage: Passage) -> bool:
        exchange = passage.exchange
        if not exchange.request.stream or exchange.request.asks_usage or passage.unpacked is not None:
            return False
        return counts_tokens(exchange.demands) and self.stream_usage.may_ask(_who(exchange), self.clock.monotonic_us())


def _who(exchange: Exchange) -> Who:
    return exchange.dialect.name, exchange.request.model


async def _refusal_of_all_else(answer: UpstreamAnswer) -> UpstreamAnswer | None:
    """The same answer; None where it is about `stream_options`, or nobody here can say."""
    whole = await read_whole(answer)
    if whole is None or _value(answer, "content-encoding") not in ("", "identity"):
        return None
    return None if b"stream_options" in whole.body else whole


def _is_event_stream(answer: UpstreamAnswer) -> bool:
    return _value(answer, "content-type").startswith("text/event-stream")


def _value(answer: UpstreamAnswer, wanted: str) -> str:
    return next((value.strip().lower() for name, value in answer.headers if name.lower() == wanted), "")
