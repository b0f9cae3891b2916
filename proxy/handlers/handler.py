"""Owns the aiohttp side of an exchange: reads the request, asks the pipeline, relays or refuses, reports.

Knows how to speak to a client and to an upstream; what is allowed and what is charged is the pipeline's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from proxy.admission.headers import ratelimit_headers
from proxy.clock import Clock, Ticks, unique_id
from proxy.dialects.dialect import Dialect
from proxy.dialects.llm import OPAQUE, ErrorAnswer, Fault
from proxy.dialects.table import dialect_for
from proxy.enforcement import is_told_upstream
from proxy.errors import UpstreamError, UpstreamTimeoutError
from proxy.exchange import Action, Arrival, Decision, Ending, Exchange, Outcome, State
from proxy.handlers.request import RequestBody, RequestError, check_form, decoded, origin_form, read_headers
from proxy.handlers.response import Answer, answer_whole
from proxy.observe import Observer
from proxy.pipeline import Pipeline
from proxy.tasks import Tasks
from proxy.upstream.headers import Forwarding, request_headers, response_headers
from proxy.upstream.meter import AnswerMeter
from proxy.upstream.protocol import Upstream, UpstreamAnswer, UpstreamRequest
from proxy.upstream.relay import relay
from proxy.upstream.verdict_header import signed_verdict

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Passage:
    """One exchange on its way through, and how far it has come: whatever ends it can say what it used."""

    request: web.BaseRequest
    body: RequestBody
    sent: bytes | None
    """The body as it came, encoded or not, where it was read whole."""
    exchange: Exchange
    answer: UpstreamAnswer | None = None
    meter: AnswerMeter | None = None
    response: Answer | None = None
    settling: asyncio.Task[None] | None = None

    def outcome(self, ending: Ending) -> Outcome:
        if self.answer is None or self.meter is None:
            return Outcome(ending)
        tokens = self.meter.tokens
        if ending is Ending.COMPLETE and self.answer.status >= 400:
            ending = Ending.UPSTREAM_REFUSED
        return Outcome(
            ending,
            self.answer.status,
            tokens.usage,
            tokens.generated_bytes,
            tokens.output_events,
            tokens.signatures,
        )

    def drop_upstream(self) -> None:
        """Has the upstream stop generating, if it has not ended by itself."""
        if self.answer is not None:
            self.answer.abort()

    def cut_downstream(self) -> None:
        """A truncated answer must not look like a whole one: the connection ends without the last chunk."""
        if self.request.transport is not None:
            self.request.transport.close()


@dataclass(slots=True)
class Handler:
    """Handles every request of one process."""

    pipeline: Pipeline
    upstream: Upstream
    forwarding: Forwarding
    observer: Observer
    clock: Clock
    ticks: Ticks
    """Of arrivals and ends; the embedded store and the exchange log have them alike."""
    tasks: Tasks
    max_body_bytes: int
    draining: bool = False
    open: dict[str, Exchange] = field(default_factory=dict)
    """The exchanges under way, by id."""
    under_way: set[asyncio.Task[object]] = field(default_factory=set)
    """The tasks of all requests whose head has been read, those included whose body is still to come."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self.under_way.add(task)
        started_us = self.clock.monotonic_us()
        exchange_id = unique_id("req_")
        target = origin_form(request.raw_path)
        dialect = dialect_for(request.method, target, anthropic_version="anthropic-version" in request.headers)
        try:
            passage = await self._receive(request, dialect, target, exchange_id)
            return await self._pass_through(passage, started_us)
        except RequestError as refused:
            return await self._answer_fault(request, dialect, refused, exchange_id)
        finally:
            self.under_way.discard(task)

    async def _receive(self, request: web.BaseRequest, dialect: Dialect, target: str, exchange_id: str) -> _Passage:
        """Reads what has to be known of a request. RequestError for one that is none."""
        check_form(request, target)
        headers = read_headers(request)
        if request.remote is None:
            raise RequestError(Fault.BAD_REQUEST, "The connection has ended.")
        content = RequestBody(request)
        reads = content.exists and (dialect.name != OPAQUE or "json" in request.headers.get("Content-Type", "").lower())
        sent = await content.whole(self.max_body_bytes) if reads else None
        body = None if sent is None else decoded(sent, request.headers.get("Content-Encoding", ""))
        arrival = Arrival(exchange_id, self.ticks.next_us(), request.method, target, request.remote, headers, body)
        return _Passage(request, content, sent, Exchange(arrival, dialect))

    async def _pass_through(self, passage: _Passage, started_us: int) -> web.StreamResponse:
        exchange = passage.exchange
        self.open[exchange.arrival.id] = exchange
        self.observer.received(exchange)
        try:
            return await self._decide_and_act(passage)
        except Exception:
            log.exception("exchange failed inside the proxy", extra={"exchange": exchange.arrival.id})
            return await self._failed_inside(passage)
        finally:
            del self.open[exchange.arrival.id]
            self.observer.ended(exchange, self.clock.monotonic_us() - started_us)

    async def _decide_and_act(self, passage: _Passage) -> web.StreamResponse:
        exchange = passage.exchange
        read_us = self.clock.monotonic_us()
        decision = await self.pipeline.decide(exchange)
        self.observer.decided(exchange, self.clock.monotonic_us() - read_us)
        if decision.action is not Action.ALLOW:
            return await self._refuse(passage, decision)
        if exchange.unreadable and exchange.policy.judges_models:
            return await self._refuse_unreadable(passage)
        try:
            return await self._forward(passage)
        except asyncio.CancelledError:
            passage.drop_upstream()
            gone = passage.request.transport is None
            await self._settle(passage, passage.outcome(Ending.CLIENT_GONE if gone else Ending.SHUTDOWN))
            raise
        except UpstreamError as fault:
            passage.drop_upstream()
            return await self._upstream_failed(passage, fault)
        except ConnectionError:
            # The write side noticed before the read side did that the client is gone.
            passage.drop_upstream()
            await self._settle(passage, passage.outcome(Ending.CLIENT_GONE))
            return passage.response or web.StreamResponse()

    async def _forward(self, passage: _Passage) -> web.StreamResponse:
        exchange = passage.exchange
        sent_us = self.clock.monotonic_us()
        asks_usage = (
            exchange.request.stream and not exchange.request.asks_usage and passage.sent == exchange.arrival.body
        )
        answer = passage.answer = await self.upstream.send(self._upstream_request(passage, asks_usage))
        self.observer.answered(exchange, self.clock.monotonic_us() - sent_us)
        meter = passage.meter = AnswerMeter(exchange.dialect, answer, strip_usage=asks_usage)
        headers = response_headers(
            answer.headers,
            self._limit_headers(exchange),
            keep_limits=answer.status in (429, 529),
            keep_length=not meter.strips,
        )
        response = passage.response = Answer(answer.status, answer.reason, headers)
        if self.draining:
            response.force_close()
        await response.prepare(passage.request)
        exchange.advance(State.STREAMING)
        self.observer.streaming(exchange, answer.status, meter.event_stream, +1)
        try:
            await relay(answer, meter, response.write, lambda: self._settle(passage, passage.outcome(Ending.COMPLETE)))
        finally:
            self.observer.streaming(exchange, answer.status, meter.event_stream, -1)
        await response.write_eof()
        return response

    async def _settle(self, passage: _Passage, outcome: Outcome) -> None:
        """Settles once, whatever ends the exchange; not to be cut short by a client that leaves meanwhile."""
        if passage.settling is None:
            completing = self._complete(passage.exchange, outcome)
            passage.settling = self.tasks.spawn(completing, f"settle {passage.exchange.arrival.id}")
        await asyncio.shield(passage.settling)

    async def _complete(self, exchange: Exchange, outcome: Outcome) -> None:
        ended_us = self.ticks.next_us()
        settlement = await self.pipeline.complete(exchange, outcome, ended_us)
        self.observer.settled(exchange, outcome, settlement, ended_us)

    async def _upstream_failed(self, passage: _Passage, fault: UpstreamError) -> web.StreamResponse:
        exchange, response = passage.exchange, passage.response
        if passage.body.fault is not None:
            # Not the upstream's: what should have been sent to it never came.
            await self._settle(passage, passage.outcome(Ending.CLIENT_GONE))
            return await self._answer_fault(passage.request, exchange.dialect, passage.body.fault, exchange.arrival.id)
        log.warning("upstream failed", extra={"exchange": exchange.arrival.id, "fault": str(fault)})
        timed_out = isinstance(fault, UpstreamTimeoutError)
        kind = Fault.GATEWAY_TIMEOUT if timed_out else Fault.BAD_GATEWAY
        self.observer.upstream_failed("timeout" if timed_out else "broken" if response else "unreachable")
        if response is None:
            await self._settle(
                passage, passage.outcome(Ending.UPSTREAM_TIMEOUT if timed_out else Ending.UPSTREAM_FAILED)
            )
            text = "The upstream did not answer in time." if timed_out else "The upstream could not be reached."
            return await self._answer(passage.request, exchange.dialect.error(kind, text, exchange.arrival.id))
        await self._settle(
            passage, passage.outcome(Ending.UPSTREAM_TIMEOUT if timed_out else Ending.UPSTREAM_BROKE_OFF)
        )
        if passage.meter is not None and passage.meter.takes_event:
            event = exchange.dialect.error_event(kind, "The upstream broke off its answer.", exchange.arrival.id)
            with suppress(ConnectionError):
                await response.write(event)
        passage.cut_downstream()
        return response

    async def _failed_inside(self, passage: _Passage) -> web.StreamResponse:
        exchange = passage.exchange
        passage.drop_upstream()
        if exchange.state in (State.ADMITTED, State.STREAMING):
            await self._settle(passage, passage.outcome(Ending.UPSTREAM_FAILED))
        if passage.response is not None:
            passage.cut_downstream()
            return passage.response
        text = "The proxy failed to handle this request."
        return await self._answer(passage.request, exchange.dialect.error(Fault.INTERNAL, text, exchange.arrival.id))

    async def _refuse(self, passage: _Passage, decision: Decision) -> web.StreamResponse:
        assert decision.fault is not None
        exchange = passage.exchange
        retry_after_s = None if decision.retry_after_us is None else decision.retry_after_us / 1e6
        error = exchange.dialect.error(decision.fault, decision.message, exchange.arrival.id, retry_after_s)
        return await self._answer(passage.request, error, self._limit_headers(exchange))

    async def _refuse_unreadable(self, passage: _Passage) -> web.StreamResponse:
        exchange = passage.exchange
        await self._settle(passage, Outcome(Ending.UPSTREAM_REFUSED, 400))
        text = "The request body is not a JSON object (plain, gzip or deflate), so its model is not known."
        return await self._answer(passage.request, exchange.dialect.error(Fault.BAD_REQUEST, text, exchange.arrival.id))

    async def _answer_fault(
        self, request: web.BaseRequest, dialect: Dialect, refused: RequestError, exchange_id: str
    ) -> web.StreamResponse:
        return await self._answer(request, dialect.error(refused.fault, str(refused), exchange_id))

    def _limit_headers(self, exchange: Exchange) -> list[tuple[str, str]]:
        return ratelimit_headers(exchange.dialect.family, exchange.decision.standings, exchange.arrival.ts_us)

    async def _answer(
        self, request: web.BaseRequest, error: ErrorAnswer, more: list[tuple[str, str]] | None = None
    ) -> web.StreamResponse:
        self.observer.answered_here(error.status)
        try:
            return await answer_whole(request, error, more or (), close=self.draining)
        except ConnectionError:
            return web.StreamResponse()  # nobody is left to read it

    def _verdict(self, exchange: Exchange) -> str | None:
        """What the upstream is told of the campaign that the exchange belongs to."""
        key, match, rules = self.forwarding.verdict_key, exchange.match, exchange.policy.campaigns
        if not key or match is None or rules is None or not is_told_upstream(rules):
            return None
        return signed_verdict(key, match, exchange.arrival.ts_us, exchange.arrival.id)

    def _upstream_request(self, passage: _Passage, asks_usage: bool) -> UpstreamRequest:
        exchange = passage.exchange
        arrival = exchange.arrival
        body: bytes | AsyncIterator[bytes] | None = None
        length = None
        if passage.sent is not None:
            body = exchange.dialect.ask_usage(passage.sent) if asks_usage else passage.sent
            length = len(body)
        elif passage.body.exists:
            body, length = passage.body.chunks(), passage.body.length
        headers = request_headers(
            arrival.headers,
            self.forwarding,
            peer_ip=arrival.peer_ip,
            peer_trusted=exchange.peer_trusted,
            family=exchange.dialect.family,
            body_length=length,
            unencoded=asks_usage,
            charged_key=exchange.principal.account.startswith(("key-", "anonymous@")),
            verdict=self._verdict(exchange),
        )
        return UpstreamRequest(arrival.method, arrival.target, headers, body)
