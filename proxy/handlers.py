"""Owns the aiohttp side of an exchange: reads the request, asks the pipeline, relays or refuses, reports.

Knows how to speak to a client and to an upstream; what is allowed and what is charged is the pipeline's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from proxy.admission.headers import ratelimit_headers
from proxy.clock import Clock, unique_id
from proxy.dialects.llm import OPAQUE, ErrorAnswer, Fault
from proxy.dialects.dialect import Dialect
from proxy.dialects.table import dialect_for
from proxy.errors import UpstreamError, UpstreamTimeout
from proxy.exchange import Action, Arrival, Decision, Ending, Exchange, Outcome, State
from proxy.observe import Observer
from proxy.pipeline import Pipeline
from proxy.tasks import Tasks
from proxy.upstream.headers import Forwarding, request_headers, response_headers
from proxy.upstream.meter import AnswerMeter
from proxy.upstream.protocol import Upstream, UpstreamAnswer, UpstreamRequest
from proxy.upstream.relay import relay

log = logging.getLogger(__name__)


class _BodyTooLarge(Exception):
    """The request's body is larger than the settings allow."""


@dataclass(slots=True)
class _Progress:
    """How far a relayed exchange has come, kept so that whatever ends it can say what it used."""

    exchange: Exchange
    answer: UpstreamAnswer | None = None
    meter: AnswerMeter | None = None
    response: web.StreamResponse | None = None

    def outcome(self, ending: Ending) -> Outcome:
        if self.answer is None or self.meter is None:
            return Outcome(ending)
        tokens = self.meter.tokens
        if ending is Ending.COMPLETE and self.answer.status >= 400:
            ending = Ending.UPSTREAM_REFUSED
        return Outcome(ending, self.answer.status, tokens.usage, tokens.generated_bytes, tokens.output_events)


@dataclass(slots=True)
class Handler:
    """Handles every request of one process. `open` holds the exchanges under way, by id, with their tasks."""

    pipeline: Pipeline
    upstream: Upstream
    forwarding: Forwarding
    observer: Observer
    clock: Clock
    tasks: Tasks
    max_body_bytes: int
    draining: bool = False
    open: dict[str, tuple[Exchange, asyncio.Task[object]]] = field(default_factory=dict)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        started_us = self.clock.monotonic_us()
        target = _origin_form(request.raw_path)
        dialect = dialect_for(request.method, target, anthropic_version="anthropic-version" in request.headers)
        headers = [(n.decode("latin-1"), v.decode("utf-8", "surrogateescape")) for n, v in request.raw_headers]
        exchange_id = unique_id("req_")
        try:
            body = await self._read_body(request, dialect)
        except _BodyTooLarge:
            text = f"The request body is larger than {self.max_body_bytes // 2**20} MiB."
            return await self._answer(request, dialect.error(Fault.TOO_LARGE, text, exchange_id))
        peer = request.transport.get_extra_info("peername") if request.transport else None
        peer_ip = peer[0] if isinstance(peer, tuple) else ""
        read_us = self.clock.monotonic_us()
        arrival = Arrival(exchange_id, self.clock.wall_us(), request.method, target, peer_ip, headers, body)
        exchange = Exchange(arrival, dialect)
        task = asyncio.current_task()
        assert task is not None
        self.open[exchange_id] = (exchange, task)
        self.observer.received(exchange)
        try:
            return await self._serve(request, exchange, read_us)
        except Exception:
            log.exception("exchange failed inside the proxy", extra={"exchange": exchange_id})
            if exchange.state in (State.ADMITTED, State.STREAMING):
                await self._settle(_Progress(exchange), Ending.UPSTREAM_FAILED)
            return await self._answer(
                request, dialect.error(Fault.INTERNAL, "The proxy failed to handle this request.", exchange_id)
            )
        finally:
            del self.open[exchange_id]
            self.observer.ended(exchange, self.clock.monotonic_us() - started_us)

    async def _serve(self, request: web.BaseRequest, exchange: Exchange, read_us: int) -> web.StreamResponse:
        decision = await self.pipeline.decide(exchange)
        self.observer.decided(exchange, self.clock.monotonic_us() - read_us)
        if decision.action is not Action.ALLOW:
            return await self._refuse(request, exchange, decision)
        progress = _Progress(exchange)
        try:
            return await self._forward(request, progress)
        except asyncio.CancelledError:
            if progress.answer is not None:
                progress.answer.abort()
            await self._settle(progress, Ending.SHUTDOWN if self.draining else Ending.CLIENT_GONE)
            raise
        except UpstreamTimeout as fault:
            return await self._upstream_failed(request, progress, fault, Fault.GATEWAY_TIMEOUT)
        except UpstreamError as fault:
            return await self._upstream_failed(request, progress, fault, Fault.BAD_GATEWAY)
        except (ConnectionError, OSError):
            # The write side noticed before the read side did that the client is gone.
            if progress.answer is not None:
                progress.answer.abort()
            await self._settle(progress, Ending.CLIENT_GONE)
            return progress.response or web.StreamResponse(status=499)

    async def _forward(self, request: web.BaseRequest, progress: _Progress) -> web.StreamResponse:
        exchange = progress.exchange
        sent_us = self.clock.monotonic_us()
        asks_usage = exchange.request.stream and not exchange.request.asks_usage
        answer = progress.answer = await self.upstream.send(self._upstream_request(request, exchange, asks_usage))
        self.observer.answered(exchange, self.clock.monotonic_us() - sent_us)
        meter = progress.meter = AnswerMeter(exchange.dialect, answer, strip_usage=asks_usage)
        own = self._limit_headers(exchange)
        headers = response_headers(answer.headers, own, keep_limits=answer.status in (429, 529))
        response = progress.response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in headers:
            response.headers.add(name, value)
        if self.draining:
            response.force_close()
        await response.prepare(request)
        exchange.advance(State.STREAMING)
        self.observer.streaming(exchange, answer.status, meter.event_stream, +1)
        try:
            await relay(answer, meter, response.write, lambda: self._settle(progress, Ending.COMPLETE))
        finally:
            self.observer.streaming(exchange, answer.status, meter.event_stream, -1)
        await response.write_eof()
        return response

    async def _settle(self, progress: _Progress, ending: Ending) -> None:
        """Settles once, whatever ends the exchange; not to be cut short by a client that leaves meanwhile."""
        exchange = progress.exchange
        if exchange.state is State.SETTLED:
            return
        settling = self.tasks.spawn(self._complete(exchange, progress.outcome(ending)), f"settle {exchange.arrival.id}")
        await asyncio.shield(settling)

    async def _complete(self, exchange: Exchange, outcome: Outcome) -> None:
        settlement = await self.pipeline.complete(exchange, outcome)
        self.observer.settled(exchange, outcome, settlement, self.clock.wall_us())

    async def _upstream_failed(
        self, request: web.BaseRequest, progress: _Progress, fault: UpstreamError, kind: Fault
    ) -> web.StreamResponse:
        exchange, answered = progress.exchange, progress.response
        log.warning("upstream failed", extra={"exchange": exchange.arrival.id, "fault": str(fault)})
        timed_out = kind is Fault.GATEWAY_TIMEOUT
        self.observer.upstream_failed("timeout" if timed_out else "broken" if answered else "unreachable")
        if answered is None:
            await self._settle(progress, Ending.UPSTREAM_TIMEOUT if timed_out else Ending.UPSTREAM_FAILED)
            text = "The upstream did not answer in time." if timed_out else "The upstream could not be reached."
            return await self._answer(request, exchange.dialect.error(kind, text, exchange.arrival.id))
        await self._settle(progress, Ending.UPSTREAM_TIMEOUT if timed_out else Ending.UPSTREAM_BROKE_OFF)
        if progress.meter is not None and progress.meter.event_stream:
            await answered.write(
                exchange.dialect.error_event(kind, "The upstream broke off its answer.", exchange.arrival.id)
            )
        # A truncated answer must not look like a whole one: the connection ends without the last chunk.
        if request.transport is not None:
            request.transport.close()
        return answered

    async def _refuse(self, request: web.BaseRequest, exchange: Exchange, decision: Decision) -> web.StreamResponse:
        assert decision.fault is not None
        retry_after_s = None if decision.retry_after_us is None else decision.retry_after_us / 1e6
        error = exchange.dialect.error(decision.fault, decision.message, exchange.arrival.id, retry_after_s)
        return await self._answer(request, error, self._limit_headers(exchange))

    def _limit_headers(self, exchange: Exchange) -> list[tuple[str, str]]:
        return ratelimit_headers(exchange.dialect.family, exchange.decision.standings, exchange.arrival.ts_us)

    async def _answer(
        self, request: web.BaseRequest, error: ErrorAnswer, more: list[tuple[str, str]] | None = None
    ) -> web.StreamResponse:
        response = web.Response(status=error.status, body=error.body)
        for name, value in (*error.headers, *(more or ())):
            response.headers[name] = value
        if self.draining or not request.content.at_eof():
            response.force_close()
        self.observer.answered_here(error.status)
        await response.prepare(request)
        await response.write_eof()
        return response

    async def _read_body(self, request: web.BaseRequest, dialect: Dialect) -> bytes | None:
        """The whole body where it may name a model; None where there is none or where it only passes through."""
        if not request.body_exists:
            return None
        if request.headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if dialect.name == OPAQUE and "json" not in request.headers.get("content-type", "").lower():
            return None
        if (request.content_length or 0) > self.max_body_bytes:
            raise _BodyTooLarge
        parts, size = [], 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > self.max_body_bytes:
                raise _BodyTooLarge
            parts.append(chunk)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _upstream_request(self, request: web.BaseRequest, exchange: Exchange, asks_usage: bool) -> UpstreamRequest:
        arrival = exchange.arrival
        body: bytes | AsyncIterator[bytes] | None = arrival.body
        length = None if arrival.body is None else len(arrival.body)
        if asks_usage and arrival.body is not None:
            body = exchange.dialect.ask_usage(arrival.body)
            length = len(body)
        elif arrival.body is None and request.body_exists:
            body, length = request.content.iter_any(), request.content_length
        headers = request_headers(
            arrival.headers,
            self.forwarding,
            peer_ip=arrival.peer_ip,
            peer_trusted=exchange.peer_trusted,
            family=exchange.dialect.family,
            body_length=length,
            unencoded=asks_usage,
            charged_key=exchange.principal.account.startswith("key-"),
        )
        return UpstreamRequest(arrival.method, arrival.target, headers, body)


def _origin_form(target: str) -> str:
    """Path and query of a request target, which a client may also send in absolute form (RFC 9112, 3.2.2)."""
    if target.startswith("/"):
        return target
    _, scheme, rest = target.partition("://")
    return "/" + rest.partition("/")[2] if scheme else "/"
