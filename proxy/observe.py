"""Owns what is told about an exchange: which metric moves when, and what is logged. Decides nothing.

What may come in thousands is logged at most `LOGS_PER_SECOND` times a second, each kind: an attack must not turn the
log into its second victim.
"""

from __future__ import annotations

import logging
from functools import partial

from proxy.admission.quota import Unit
from proxy.charging import counts_tokens
from proxy.clock import Clock
from proxy.dialects.llm import OPAQUE, Fault
from proxy.events.log import ExchangeLog
from proxy.events.record import AnswerFeatures, DecisionFeatures, Line, Response, features_of, response_of
from proxy.exchange import Action, Decision, Ending, Exchange, Outcome, Settlement, State
from proxy.logs import Throttle
from proxy.metrics.common import DURATION, LATENCY, USED
from proxy.metrics.exchanges import Metrics
from proxy.policy.campaigns import CAMPAIGN
from proxy.tallies import Count, Spread

_NO_ANSWER = 502
"""Told as the status where the upstream never answered; like any failure it generated nothing."""
_VERDICT_RULES = f"{CAMPAIGN}:"
"""How the ids of rules begin that refuse outright because of a verdict; no quota or access rule has such an id."""
_REPORTED = ("reported",)
_ESTIMATED = {True: ("estimated",), False: ("uncounted",)}
"""By whether any quota depends on it: where none does, streams are not asked for their usage."""
_ALLOWED = Action.ALLOW.value
_FOR_OPERATORS = frozenset({401, 402, 403, 429})
"""What of an upstream's 4xx is seldom the request's fault: a key, its rights, its quota."""
_LONGEST_TOLD = 256
"""Characters of what clients make up."""
_UNAVAILABLE = "unavailable"
"""The outcome of what was refused because the store is lost, by no quota."""
log = logging.getLogger("stillgate.decisions")
LOGS_PER_SECOND = 10


class Observer:
    """Told by the handler, in the order of an exchange's life; `tell_metrics` has the metrics know it."""

    def __init__(self, metrics: Metrics, clock: Clock, exchange_log: ExchangeLog | None = None) -> None:
        self._metrics = metrics
        self._clock = clock
        self._exchange_log = exchange_log
        self._refusals = Throttle(LOGS_PER_SECOND, 1.0)
        self._failures = Throttle(LOGS_PER_SECOND, 1.0)
        self._given_up = Throttle(LOGS_PER_SECOND, 1.0)
        self._unanswered = Throttle(LOGS_PER_SECOND, 1.0)
        self._upstream_errors = Throttle(LOGS_PER_SECOND, 1.0)
        self._upstream_rejections = Throttle(LOGS_PER_SECOND, 1.0)
        self._undeclared = Throttle(LOGS_PER_SECOND, 60.0)
        self._in_flight = self._streams = 0
        self._exchanges = Count(metrics.exchanges)
        self._campaign_exchanges = Count(metrics.campaign_exchanges)
        self._denials = Count(metrics.denials)
        self._access_denials = Count(metrics.access_denials)
        self._undeclared_tiers = Count(metrics.undeclared_tiers)
        self._responses = Count(metrics.responses)
        self._endings = Count(metrics.endings)
        self._settlements = Count(metrics.settlements)
        self._stream_events = Count(metrics.stream_events)
        self._tokens = Count(metrics.tokens)
        self._decision_seconds = Spread(metrics.decision_seconds, LATENCY)
        self._used_ratio = Spread(metrics.used_ratio, USED)
        self._first_byte = Spread(metrics.upstream_first_byte, DURATION)
        self._duration = Spread(metrics.duration, DURATION)
        self._responses.add(("proxy", "500"), 0)  # so that the very first is an increase
        self._tallies: tuple[Count | Spread, ...] = (
            *(self._exchanges, self._campaign_exchanges, self._denials, self._access_denials, self._responses),
            self._undeclared_tiers,
            *(self._endings, self._settlements, self._stream_events, self._tokens),
            *(self._decision_seconds, self._used_ratio, self._first_byte, self._duration),
        )

    def tell_metrics(self) -> None:
        """Brings the metrics up to date; to be called before they are read."""
        for tally in self._tallies:
            tally.tell()
        if self._exchange_log is not None:
            self._metrics.log_unwritten.set(self._exchange_log.unwritten)
        self._metrics.in_flight.set(self._in_flight)
        self._metrics.streams_open.set(self._streams)

    def received(self, exchange: Exchange) -> None:
        self._in_flight += 1
        if self._exchange_log is not None:
            self._exchange_log.opened(exchange.arrival.id, partial(_line_so_far, exchange))

    def decided(self, exchange: Exchange, took_us: int) -> None:
        decision = exchange.decision
        refused = decision.action is not Action.ALLOW
        outcome = _refusal(decision) if refused else _ALLOWED
        self._exchanges.add((exchange.dialect.name, outcome))
        self._decision_seconds.observe((), took_us / 1e6)
        if exchange.match is not None:
            self._campaign_exchanges.add((exchange.match.level.value, outcome))
        if refused and decision.rule is not None:
            self._denied(exchange, decision.rule, "enforce")
        for reason in decision.reasons if decision.shadow else ():
            if reason.startswith("shadow:"):
                self._denied(exchange, reason.removeprefix("shadow:"), "shadow")
        for demand, level in zip(exchange.demands, exchange.levels, strict=False):
            used = 1 - level.remaining / demand.capacity
            self._used_ratio.observe((demand.quota.id,), 0.0 if used < 0 else used if used < 1 else 1.0)
        if exchange.undeclared_tier is not None:
            self._undeclared_tiers.add(())
            self._tell_undeclared(exchange, exchange.undeclared_tier)
        if refused or decision.shadow:
            self._tell_refused(exchange)
        if refused and self._exchange_log is not None:
            self._exchange_log.ended(_line(exchange, None, None))

    def answered(self, exchange: Exchange, took_us: int) -> None:
        self._first_byte.observe((exchange.dialect.name,), took_us / 1e6)

    def streaming(self, exchange: Exchange, status: int, event_stream: bool) -> None:
        """An answer's head has been sent; `streamed` follows when its body has ended, however it has."""
        self._responses.add(("upstream", str(status)))
        self._streams += event_stream
        if status >= 400:
            self._tell_upstream_error(exchange, status)

    def streamed(self, event_stream: bool) -> None:
        self._streams -= event_stream

    def settled(self, exchange: Exchange, outcome: Outcome, settlement: Settlement, now_us: int) -> None:
        if self._exchange_log is not None:
            self._exchange_log.ended(_settled_line(exchange, outcome, settlement, now_us))
        usage = settlement.usage
        self._endings.add((outcome.ending.value,))
        if outcome.ending is Ending.CLIENT_GAVE_UP:
            self._tell_unanswered(exchange, now_us)
        if outcome.status is None or outcome.status >= 400 or exchange.request.dialect == OPAQUE:
            self._settlements.add(("none",))
            return
        self._settlements.add(_REPORTED if settlement.reported else _ESTIMATED[counts_tokens(exchange.demands)])
        if outcome.output_events:
            self._stream_events.add((exchange.dialect.name,), outcome.output_events)
        model, tokens = self._metrics.model_label(exchange.request.model, settlement.reported), self._tokens
        if usage.input_tokens:
            tokens.add((model, "input"), usage.input_tokens)
        if usage.output_tokens:
            tokens.add((model, "output"), usage.output_tokens)
        if usage.cache_read_input_tokens:
            tokens.add((model, "cache_read"), usage.cache_read_input_tokens)
        if usage.cache_creation_input_tokens:
            tokens.add((model, "cache_creation"), usage.cache_creation_input_tokens)
        if usage.reasoning_tokens:
            tokens.add((model, "reasoning"), usage.reasoning_tokens)

    def upstream_failed(self, exchange: Exchange, kind: str, fault: str) -> None:
        """The upstream failed an exchange; `kind` is counted, `fault` is for an operator."""
        self._metrics.upstream_errors.labels(kind).inc()
        if self._may_log(self._failures):
            log.warning("upstream failed", extra={**self._named(exchange, self._failures), "fault": fault})

    def answered_here(self, status: int) -> None:
        self._responses.add(("proxy", str(status)))

    def shed(self, kind: str, count: int) -> None:
        """Connections of clients were ended for want of room: `idle` ones, or a `new` one."""
        self._metrics.clients_shed.labels(kind).inc(count)

    def gave_up_body(self, exchange_id: str, why: str) -> None:
        """A request's body was not waited for any longer; `why` as `handlers.body` has it."""
        self._metrics.bodies_given_up.labels(why).inc()
        if self._may_log(self._given_up):
            log.warning("request body given up", extra={"exchange": exchange_id, "why": why})

    def ended(self, exchange: Exchange, took_us: int) -> None:
        if self._exchange_log is not None:
            self._exchange_log.forget(exchange.arrival.id)
        self._in_flight -= 1
        self._duration.observe((exchange.dialect.name,), took_us / 1e6)

    def _denied(self, exchange: Exchange, rule: str, mode: str) -> None:
        for demand in exchange.demands:
            if demand.quota.id == rule:
                self._denials.add((rule, demand.quota.unit.value, demand.quota.scope, mode))
                return
        if rule.startswith(_VERDICT_RULES):
            self._denials.add((rule, Unit.REQUESTS.value, CAMPAIGN, mode))
        else:
            self._access_denials.add((rule, mode))

    def _may_log(self, throttle: Throttle) -> bool:
        return throttle.lets_pass(self._clock.monotonic_us() / 1e6)

    def _named(self, exchange: Exchange, throttle: Throttle) -> dict[str, object]:
        """Which exchange a line is about, and how many of its kind were left out since the last one.

        Of models a line names only those that the upstream has answered for, as metrics do: others are free text.
        """
        principal, request = exchange.principal, exchange.request
        model = self._metrics.model_label(request.model, answered=False)
        path = request.path if request.model is None else request.path.replace(request.model, model)
        named: dict[str, object] = {
            "exchange": exchange.arrival.id,
            "account": principal.account,
            "org": principal.org,
            "tier": exchange.policy.tier_of(principal),
            "network": principal.network,
            "model": model,
            "path": path[:_LONGEST_TOLD],
        }
        return named | {"left_out": throttle.left_out} if throttle.left_out else named

    def _tell_unanswered(self, exchange: Exchange, now_us: int) -> None:
        if self._may_log(self._unanswered):
            waited_s = (now_us - exchange.arrival.ts_us) / 1e6
            told = {**self._named(exchange, self._unanswered), "waited_s": round(waited_s, 3)}
            log.info("client left before the upstream answered", extra=told)

    def _tell_upstream_error(self, exchange: Exchange, status: int) -> None:
        """What an operator has to mend is a warning; faults of requests, however many, take it no room."""
        is_warned = status >= 500 or status in _FOR_OPERATORS
        throttle = self._upstream_errors if is_warned else self._upstream_rejections
        if self._may_log(throttle):
            level = logging.WARNING if is_warned else logging.INFO
            told = {**self._named(exchange, throttle), "status": status}
            log.log(level, "upstream answered with an error", extra=told)

    def _tell_undeclared(self, exchange: Exchange, tier: str) -> None:
        if self._may_log(self._undeclared):
            told = {**self._named(exchange, self._undeclared), "undeclared_tier": tier[:_LONGEST_TOLD]}
            log.warning("the policy declares no such tier, so that the default tier holds", extra=told)

    def _tell_refused(self, exchange: Exchange) -> None:
        if not self._may_log(self._refusals):
            return
        decision = exchange.decision
        log.info(
            "exchange refused" if decision.action is not Action.ALLOW else "exchange would have been refused",
            extra={
                **self._named(exchange, self._refusals),
                "action": decision.action.value,
                "rule": decision.rule,
                "reasons": decision.reasons,
            },
        )


def _refusal(decision: Decision) -> str:
    return _UNAVAILABLE if decision.fault is Fault.UNAVAILABLE else decision.action.value


def _settled_line(exchange: Exchange, outcome: Outcome, settlement: Settlement, now_us: int) -> Line:
    answer = AnswerFeatures(
        outcome.ending.value,
        outcome.generated_bytes,
        outcome.output_events,
        settlement.signatures,
        outcome.answer_id,
    )
    names = tuple(name for name in outcome.signatures if isinstance(name, str))
    status = _NO_ANSWER if outcome.status is None else outcome.status
    return _line(exchange, answer, response_of(status, now_us - exchange.arrival.ts_us, outcome.usage, names))


def _line_so_far(exchange: Exchange) -> Line | None:
    return None if exchange.state is State.RECEIVED else _line(exchange, None, None)


def _line(exchange: Exchange, answer: AnswerFeatures | None, response: Response | None) -> Line:
    arrival, principal, decision = exchange.arrival, exchange.principal, exchange.decision
    decided = DecisionFeatures(
        decision.action.value, decision.status, decision.rule, decision.retry_after_us, decision.reasons
    )
    return Line(
        arrival.ts_us / 1e6,
        arrival.id,
        arrival.method,
        exchange.request.path,
        str(principal.address),
        features_of(principal, exchange.request, exchange.content, answer, decided),
        response,
    )
