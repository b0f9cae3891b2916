"""Owns what is told about an exchange: which metric moves when, and what is logged. Decides nothing.

Refusals are logged at most `LOGS_PER_SECOND` times a second: an attack must not turn the log into its second victim.
"""

from __future__ import annotations

import logging

from proxy.admission.quota import Unit, capacity_of
from proxy.clock import Clock
from proxy.dialects.llm import OPAQUE
from proxy.events.log import ExchangeLog
from proxy.events.record import AnswerFeatures, DecisionFeatures, Line, Response, features_of, response_of
from proxy.exchange import Action, Exchange, Outcome, Settlement
from proxy.metrics import Metrics
from proxy.policy.campaigns import CAMPAIGN

_NO_ANSWER = 502
"""Told as the status where the upstream never answered; like any failure it generated nothing."""
_VERDICT_RULES = f"{CAMPAIGN}:"
"""How the ids of rules begin that refuse outright because of a verdict; no quota or access rule has such an id."""
log = logging.getLogger("stillgate.decisions")
LOGS_PER_SECOND = 10


class Observer:
    """Told by the handler, in the order of an exchange's life."""

    def __init__(self, metrics: Metrics, clock: Clock, exchange_log: ExchangeLog | None = None) -> None:
        self._metrics = metrics
        self._clock = clock
        self._exchange_log = exchange_log
        self._second = 0
        self._logged = 0

    def received(self, exchange: Exchange) -> None:
        self._metrics.in_flight.inc()
        if self._exchange_log is not None:
            self._exchange_log.opened(exchange.arrival.id)

    def decided(self, exchange: Exchange, took_us: int) -> None:
        metrics, decision = self._metrics, exchange.decision
        metrics.exchanges.labels(exchange.dialect.name, decision.action.value).inc()
        metrics.decision_seconds.observe(took_us / 1e6)
        if exchange.match is not None:
            metrics.campaign_exchanges.labels(exchange.match.level.value, decision.action.value).inc()
        if decision.action is not Action.ALLOW and decision.rule is not None:
            self._denied(exchange, decision.rule, "enforce")
        for reason in decision.reasons if decision.shadow else ():
            if reason.startswith("shadow:"):
                self._denied(exchange, reason.removeprefix("shadow:"), "shadow")
        for demand, level in zip(exchange.demands, exchange.levels, strict=False):
            capacity = capacity_of(demand.limit)
            metrics.used_ratio.labels(demand.quota.id).observe(min(max(1 - level.remaining / capacity, 0.0), 1.0))
        if decision.action is not Action.ALLOW or decision.shadow:
            self._tell(exchange)
        if decision.action is not Action.ALLOW and self._exchange_log is not None:
            self._exchange_log.ended(_line(exchange, None, None))

    def answered(self, exchange: Exchange, took_us: int) -> None:
        self._metrics.upstream_first_byte.labels(exchange.dialect.name).observe(took_us / 1e6)

    def streaming(self, exchange: Exchange, status: int, event_stream: bool, change: int) -> None:
        if change > 0:
            self._metrics.responses.labels("upstream", str(status)).inc()
        if event_stream:
            self._metrics.streams_open.inc(change)

    def settled(self, exchange: Exchange, outcome: Outcome, settlement: Settlement, now_us: int) -> None:
        if self._exchange_log is not None:
            self._exchange_log.ended(_settled_line(exchange, outcome, settlement, now_us))
        metrics, usage = self._metrics, settlement.usage
        metrics.endings.labels(outcome.ending.value).inc()
        if outcome.status is None or outcome.status >= 400 or exchange.request.dialect == OPAQUE:
            metrics.settlements.labels("none").inc()
            return
        metrics.settlements.labels("reported" if settlement.reported else "estimated").inc()
        if outcome.output_events:
            metrics.stream_events.labels(exchange.dialect.name).inc(outcome.output_events)
        model = metrics.model_label(exchange.request.model, settlement.reported)
        for kind, tokens in (
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cache_read", usage.cache_read_input_tokens),
            ("cache_creation", usage.cache_creation_input_tokens),
            ("reasoning", usage.reasoning_tokens),
        ):
            if tokens:
                metrics.tokens.labels(model, kind).inc(tokens)

    def upstream_failed(self, kind: str) -> None:
        self._metrics.upstream_errors.labels(kind).inc()

    def answered_here(self, status: int) -> None:
        self._metrics.responses.labels("proxy", str(status)).inc()

    def ended(self, exchange: Exchange, took_us: int) -> None:
        if self._exchange_log is not None:
            self._exchange_log.forget(exchange.arrival.id)
        self._metrics.in_flight.dec()
        self._metrics.duration.labels(exchange.dialect.name).observe(took_us / 1e6)

    def _denied(self, exchange: Exchange, rule: str, mode: str) -> None:
        for demand in exchange.demands:
            if demand.quota.id == rule:
                self._metrics.denials.labels(rule, demand.quota.unit.value, demand.quota.scope, mode).inc()
                return
        if rule.startswith(_VERDICT_RULES):
            self._metrics.denials.labels(rule, Unit.REQUESTS.value, CAMPAIGN, mode).inc()
        else:
            self._metrics.access_denials.labels(rule, mode).inc()

    def _tell(self, exchange: Exchange) -> None:
        second = self._clock.monotonic_us() // 1_000_000
        if second != self._second:
            self._second, self._logged = second, 0
        self._logged += 1
        if self._logged > LOGS_PER_SECOND:
            return
        decision = exchange.decision
        log.info(
            "exchange refused" if decision.action is not Action.ALLOW else "exchange would have been refused",
            extra={
                "exchange": exchange.arrival.id,
                "account": exchange.principal.account,
                "network": exchange.principal.network,
                "action": decision.action.value,
                "rule": decision.rule,
                "reasons": decision.reasons,
            },
        )


def _settled_line(exchange: Exchange, outcome: Outcome, settlement: Settlement, now_us: int) -> Line:
    answer = AnswerFeatures(outcome.ending.value, outcome.generated_bytes, outcome.output_events, settlement.signatures)
    names = tuple(name for name in outcome.signatures if isinstance(name, str))
    status = _NO_ANSWER if outcome.status is None else outcome.status
    return _line(exchange, answer, response_of(status, now_us - exchange.arrival.ts_us, outcome.usage, names))


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
