"""Owns the handling of a request: reads it, asks the pipeline, relays or refuses, reports.

Knows how to speak to a client and to an upstream; what is allowed and what is charged is the pipeline's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.admission.headers import ratelimit_headers
from proxy.clock import Clock, Ticks, unique_id
from proxy.dialects.dialect import Dialect
from proxy.dialects.llm import OPAQUE, ErrorAnswer, Fault
from proxy.dialects.table import dialect_for
from proxy.errors import MalformedAnswerError, UnreachableError, UpstreamError, UpstreamTimeoutError
from proxy.exchange import Action, Arrival, Decision, Ending, Exchange, Outcome, State
from proxy.handlers.body import RequestError
from proxy.handlers.breaking import break_off
from proxy.handlers.connection import ClientConnection
from proxy.handlers.passage import Passage
from proxy.handlers.request import Request, check_form
from proxy.handlers.response import Answer
from proxy.handlers.sending import upstream_request
from proxy.handlers.unread import Unpacking, begins_as_json, refusal_of_unread
from proxy.observe import Observer
from proxy.pipeline import Pipeline
from proxy.upstream.headers import Forwarding, response_headers
from proxy.upstream.meter import AnswerMeter
from proxy.upstream.protocol import Upstream
from proxy.upstream.relay import relay

log = logging.getLogger("stillgate.exchanges")
_TOLD = {
    UpstreamError.kind: "The upstream ended the connection before it had answered.",
    UpstreamTimeoutError.kind: "The upstream did not answer in time.",
    UnreachableError.kind: "The upstream could not be reached.",
    MalformedAnswerError.kind: "The upstream's answer is not one that can be passed on.",
}
"""What a client is told of a fault before the answer, by its kind."""
_FAILED_INSIDE = "The proxy failed to handle this request."


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
    unpacking: Unpacking
    upstream_path: str = ""
    """What goes before every target on its way: it is the upstream that says what a path speaks."""
    draining: bool = False
    open: dict[str, Exchange] = field(default_factory=dict)
    """The exchanges under way, by id."""
    under_way: set[asyncio.Task[object]] = field(default_factory=set)
    """The tasks of all requests whose head has been read, those included whose body is still to come."""

    async def __call__(self, request: Request, connection: ClientConnection) -> bool:
        """Answers `request` on `connection`; whether that may be used again."""
        assert connection.task is not None
        self.under_way.add(connection.task)
        started_us = self.clock.monotonic_us()
        exchange_id = unique_id("req_")
        path = self.upstream_path + request.target
        dialect = dialect_for(request.method, path, anthropic_version=request.has("anthropic-version"))
        try:
            passage = await self._receive(request, connection, dialect, exchange_id)
            return await self._pass_through(passage, started_us)
        except RequestError as refused:
            self._note_given_up(request, exchange_id)
            return self._answer_fault(request, connection, dialect, refused, exchange_id)
        finally:
            self.under_way.discard(connection.task)  # no name for it here: its fault knows this frame

    async def _receive(
        self, request: Request, connection: ClientConnection, dialect: Dialect, exchange_id: str
    ) -> Passage:
        """Reads what has to be known of a request. RequestError for one that is none."""
        headers = check_form(request)
        request.body.check()
        encoding = request.noted("content-encoding")
        is_read = request.body.exists and (
            dialect.name != OPAQUE
            or "json" in request.noted("content-type").lower()
            or (self.pipeline.judges_models and begins_as_json(await request.body.beginning(), encoding))
        )
        sent = await request.body.whole(self.unpacking.most_each) if is_read else None
        unpacked = None if sent is None else await self.unpacking.unpacked(sent, encoding)
        body = sent if unpacked is None else unpacked.body
        arrival = Arrival(
            exchange_id, self.ticks.next_us(), request.method, request.target, request.peer_ip, headers, body
        )
        return Passage(request, connection, sent, Exchange(arrival, dialect), unpacked)

    async def _pass_through(self, passage: Passage, started_us: int) -> bool:
        exchange = passage.exchange
        self.open[exchange.arrival.id] = exchange
        self.observer.received(exchange)
        try:
            return await self._decide_and_act(passage)
        except Exception:
            log.exception("exchange failed inside the proxy", extra={"exchange": exchange.arrival.id})
            return self._failed_inside(passage)
        finally:
            passage.decided()
            del self.open[exchange.arrival.id]
            self.observer.ended(exchange, self.clock.monotonic_us() - started_us)

    async def _decide_and_act(self, passage: Passage) -> bool:
        exchange = passage.exchange
        read_us = self.clock.monotonic_us()
        decision = await self.pipeline.decide(exchange)
        passage.decided()
        self.observer.decided(exchange, self.clock.monotonic_us() - read_us)
        if decision.action is not Action.ALLOW:
            return self._refuse(passage, decision)
        if (unread := refusal_of_unread(exchange, passage.request)) is not None:
            return self._refuse_unread(passage, unread)
        try:
            return await self._forward(passage)
        except asyncio.CancelledError:
            passage.drop_upstream()
            gone = passage.connection.is_lost
            self._settle(passage, passage.outcome(Ending.CLIENT_GONE if gone else Ending.SHUTDOWN))
            if passage.response is not None and not gone:
                break_off(passage, Fault.UNAVAILABLE, "The proxy has to end before this answer does.")
            raise
        except UpstreamError as fault:
            passage.drop_upstream()
            return self._upstream_failed(passage, fault)
        except ConnectionError:
            # The write side noticed before the read side did that the client is gone.
            passage.drop_upstream()
            self._settle(passage, passage.outcome(Ending.CLIENT_GONE))
            return False

    async def _forward(self, passage: Passage) -> bool:
        exchange = passage.exchange
        sent_us = self.clock.monotonic_us()
        asks_usage = exchange.request.stream and not exchange.request.asks_usage and passage.unpacked is None
        answer = passage.answer = await self.upstream.send(
            upstream_request(passage, self.forwarding, asks_usage=asks_usage)
        )
        passage.sent = None
        exchange.forget_content()
        self.observer.answered(exchange, self.clock.monotonic_us() - sent_us)
        meter = passage.meter = AnswerMeter(exchange.dialect, answer, strip_usage=asks_usage)
        headers = response_headers(
            answer.headers,
            self._limit_headers(exchange),
            keep_limits=answer.status in (429, 529),
            keep_length=not meter.strips,
        )
        response = passage.response = Answer(
            passage.connection,
            passage.request,
            answer.status,
            answer.reason,
            headers,
            close=self.draining,
            now_us=self.clock.wall_us(),
        )
        exchange.advance(State.STREAMING)
        self.observer.streaming(answer.status, meter.event_stream)
        try:
            await relay(answer, meter, response.write, lambda: self._settle(passage, passage.outcome(Ending.COMPLETE)))
        finally:
            self.observer.streamed(meter.event_stream)
        response.end()
        return response.keep_alive

    def _settle(self, passage: Passage, outcome: Outcome) -> None:
        """Settles once, whatever ends the exchange."""
        if passage.is_settled:
            return
        passage.is_settled = True
        ended_us = self.ticks.next_us()
        settlement = self.pipeline.complete(passage.exchange, outcome, ended_us)
        self.observer.settled(passage.exchange, outcome, settlement, ended_us)

    def _upstream_failed(self, passage: Passage, fault: UpstreamError) -> bool:
        exchange, response = passage.exchange, passage.response
        if passage.request.body.is_missed:
            # Not the upstream's: what should have been sent to it is missing.
            self._settle(passage, passage.outcome(Ending.CLIENT_GONE))
            self._note_given_up(passage.request, exchange.arrival.id)
            return self._answer_fault(
                passage.request, passage.connection, exchange.dialect, passage.request.body.fault(), exchange.arrival.id
            )
        timed_out = isinstance(fault, UpstreamTimeoutError)
        kind = Fault.GATEWAY_TIMEOUT if timed_out else Fault.BAD_GATEWAY
        self.observer.upstream_failed(exchange, "broken" if response and not timed_out else fault.kind, str(fault))
        if response is None:
            self._settle(passage, passage.outcome(Ending.UPSTREAM_TIMEOUT if timed_out else Ending.UPSTREAM_FAILED))
            return self._answer(passage, exchange.dialect.error(kind, _TOLD[fault.kind], exchange.arrival.id))
        self._settle(passage, passage.outcome(Ending.UPSTREAM_TIMEOUT if timed_out else Ending.UPSTREAM_BROKE_OFF))
        break_off(passage, kind, "The upstream broke off its answer.")
        return False

    def _failed_inside(self, passage: Passage) -> bool:
        exchange = passage.exchange
        passage.drop_upstream()
        if exchange.state in (State.ADMITTED, State.STREAMING):
            self._settle(passage, passage.outcome(Ending.UPSTREAM_FAILED))
        if passage.response is not None:
            break_off(passage, Fault.INTERNAL, _FAILED_INSIDE)
            return False
        return self._answer(passage, exchange.dialect.error(Fault.INTERNAL, _FAILED_INSIDE, exchange.arrival.id))

    def _refuse(self, passage: Passage, decision: Decision) -> bool:
        assert decision.fault is not None
        exchange = passage.exchange
        retry_after_s = None if decision.retry_after_us is None else decision.retry_after_us / 1e6
        error = exchange.dialect.error(decision.fault, decision.message, exchange.arrival.id, retry_after_s)
        return self._answer(passage, error, self._limit_headers(exchange))

    def _refuse_unread(self, passage: Passage, unread: RequestError) -> bool:
        error = passage.exchange.dialect.error(unread.fault, str(unread), passage.exchange.arrival.id)
        self._settle(passage, Outcome(Ending.UPSTREAM_REFUSED, error.status))
        return self._answer(passage, error)

    def _limit_headers(self, exchange: Exchange) -> list[tuple[str, str]]:
        return ratelimit_headers(exchange.dialect.family, exchange.decision.standings, exchange.arrival.ts_us)

    def _answer(self, passage: Passage, error: ErrorAnswer, more: Sequence[tuple[str, str]] = ()) -> bool:
        return self._answer_whole(passage.request, passage.connection, error, more)

    def _answer_fault(
        self,
        request: Request,
        connection: ClientConnection,
        dialect: Dialect,
        refused: RequestError,
        exchange_id: str,
    ) -> bool:
        return self._answer_whole(request, connection, dialect.error(refused.fault, str(refused), exchange_id))

    def _note_given_up(self, request: Request, exchange_id: str) -> None:
        if request.body.given_up:
            self.observer.gave_up_body(exchange_id, request.body.given_up)

    def _answer_whole(
        self,
        request: Request,
        connection: ClientConnection,
        error: ErrorAnswer,
        more: Sequence[tuple[str, str]] = (),
    ) -> bool:
        self.observer.answered_here(error.status)
        headers = [*error.headers, *more, ("Content-Length", str(len(error.body)))]
        # What is left of the body, or of what only looked like a request, must not be taken for the next one.
        close = self.draining or error.status == 400 or not request.body.at_end
        try:
            answer = Answer(connection, request, error.status, None, headers, close=close, now_us=self.clock.wall_us())
            answer.write(error.body)
            answer.end()
        except ConnectionError:
            return False  # nobody is left to read it
        return answer.keep_alive
