"""Owns the order of the stages: `decide` before the upstream, `complete` after it. There is no other way through.

`serve`, `replay`, `test` and `demo` all call these two. Both are coroutines because a store may be far away; with the
memory store neither ever suspends. Knows no socket, no metric and no clock: an arrival carries its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from proxy.admission.headers import Standing
from proxy.admission.quota import MICRO, Unit, capacity_of
from proxy.admission.store import BucketStore, Claim, Denied, Granted, Level
from proxy.charging import TOKEN_UNITS, admission_cost, settled_cost, settled_usage
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import OPAQUE, Fault, LlmRequest
from proxy.errors import DialectError, StoreError
from proxy.exchange import Action, Decision, Ending, Exchange, Outcome, Settlement, State
from proxy.identity.resolve import Resolver
from proxy.policy.match import AccessRule, Demand, Policy

SLOT_RETRY_US = 1_000_000
"""When a slot frees is nobody's to know; a client that finds all taken is asked to wait this long."""


class PolicySource(Protocol):
    """Where the policy in force is found; an exchange reads it once and keeps what it read."""

    @property
    def current(self) -> Policy: ...


class Pipeline:
    """The stages, wired. One per process."""

    def __init__(self, policies: PolicySource, resolver: Resolver, estimator: Estimator, store: BucketStore) -> None:
        self._policies = policies
        self._resolver = resolver
        self._estimator = estimator
        self._store = store

    async def decide(self, exchange: Exchange) -> Decision:
        """Whether the exchange may go upstream; on `allow` its claims are reserved until `complete`."""
        exchange.policy = self._policies.current
        self._identify(exchange)
        decision = await self._judge(exchange)
        exchange.decision = decision
        exchange.advance(State.ADMITTED if decision.action is Action.ALLOW else State.REFUSED)
        return decision

    async def complete(self, exchange: Exchange, outcome: Outcome) -> Settlement:
        """Settles what the exchange really used and frees its slots; to be called exactly once for each admitted one.

        Never fails on account of the store, which queues what it cannot settle now.
        """
        exchange.advance(State.SETTLED)
        usage = settled_usage(exchange.request, outcome, self._estimator)
        if exchange.reservation is not None:
            actual = [
                settled_cost(demand.quota.unit, claim.cost, usage)
                for demand, claim in zip(exchange.demands, exchange.claims, strict=True)
            ]
            await self._store.settle(exchange.reservation, actual)
        completed = outcome.ending is Ending.COMPLETE and outcome.status is not None and outcome.status < 400
        if completed:
            self._estimator.learn(exchange.request, outcome.usage, outcome.generated_bytes or 0, completed)
        return Settlement(usage, outcome.usage.output_tokens is not None and completed)

    def _identify(self, exchange: Exchange) -> None:
        arrival, policy, recalled = exchange.arrival, exchange.policy, exchange.recalled
        if recalled is not None:
            exchange.principal = recalled.principal(policy.ipv4_prefix, policy.ipv6_prefix)
            exchange.request = recalled.request
            return
        resolved = self._resolver.resolve(
            arrival.peer_ip, arrival.headers, policy.trusted_proxies, policy.ipv4_prefix, policy.ipv6_prefix
        )
        exchange.principal, exchange.peer_trusted = resolved.principal, resolved.peer_trusted
        exchange.request = self._read(exchange)

    def _read(self, exchange: Exchange) -> LlmRequest:
        arrival, dialect = exchange.arrival, exchange.dialect
        path = arrival.target.partition("?")[0]
        if arrival.body is None:
            # As the exchange log has it: what has no body counts against request, concurrency and access rules only.
            return LlmRequest(OPAQUE, path)
        try:
            request = dialect.parse(path, arrival.body)
        except DialectError:
            # Counted like any other, by the size of its body. Where a rule is about models, whoever forwards refuses
            # it: an upstream that reads what is not read here would serve a model that the rule has not seen.
            exchange.unreadable = True
            return LlmRequest(dialect.name, path, text_bytes=len(arrival.body))
        if request.end_user is None:
            return request
        return replace(request, end_user=self._resolver.pseudonym(request.end_user))

    async def _judge(self, exchange: Exchange) -> Decision:
        policy, principal, request = exchange.policy, exchange.principal, exchange.request
        ruling = policy.judge_access(principal, request)
        shadowed = tuple(f"shadow:{rule.id}" for rule in ruling.shadowed)
        if ruling.denied_by is not None:
            return _blocked(ruling.denied_by, shadowed)
        demands = policy.demands(principal, request)
        if request.dialect == OPAQUE:
            demands = [demand for demand in demands if demand.quota.unit not in TOKEN_UNITS]
        exchange.demands = demands
        if not demands:
            return Decision(Action.ALLOW, 200, shadow=bool(shadowed), reasons=shadowed)
        claims = exchange.claims = [
            Claim(demand.key, demand.limit, admission_cost(demand, request, self._estimator), demand.quota.shadow)
            for demand in demands
        ]
        try:
            admission = await self._store.reserve(exchange.arrival.id, claims)
        except StoreError as fault:
            return _store_lost(str(fault), shadowed)
        levels = exchange.levels = admission.levels
        shadowed += tuple(
            f"shadow:{demand.quota.id}"
            for demand, level in zip(demands, levels, strict=True)
            if demand.quota.shadow and not level.granted
        )
        if isinstance(admission, Granted):
            exchange.reservation = admission.reservation
            return Decision(
                Action.ALLOW,
                200,
                shadow=bool(shadowed),
                reasons=shadowed,
                standings=_standings(demands, levels),
                without_store=admission.without_store,
            )
        return _throttled(demands, claims, admission, shadowed)


def _blocked(rule: AccessRule, shadowed: tuple[str, ...]) -> Decision:
    return Decision(
        Action.BLOCK,
        403,
        rule=rule.id,
        scope="access",
        shadow=bool(shadowed),
        reasons=(f"access:{rule.id}", *shadowed),
        fault=Fault.FORBIDDEN,
        message=rule.reason or f"Access denied by rule '{rule.id}'.",
    )


def _store_lost(why: str, shadowed: tuple[str, ...]) -> Decision:
    return Decision(
        Action.THROTTLE,
        503,
        retry_after_us=SLOT_RETRY_US,
        scope="global",
        shadow=bool(shadowed),
        reasons=("store-lost", *shadowed),
        fault=Fault.UNAVAILABLE,
        message=f"Quotas cannot be checked at the moment ({why}). Please try again.",
        without_store="deny",
    )


def _throttled(
    demands: Sequence[Demand], claims: Sequence[Claim], denied: Denied, shadowed: tuple[str, ...]
) -> Decision:
    """The refusal that holds longest decides, because the client's next try has to clear all of them."""
    refusals = [
        (demand, claim, level, _wait_us(demand, level))
        for demand, claim, level in zip(demands, claims, denied.levels, strict=True)
        if not level.granted and not demand.quota.shadow
    ]
    demand, claim, level, wait_us = max(refusals, key=lambda refusal: (refusal[3] is None, refusal[3] or 0))
    quota = demand.quota
    scale = 1 if quota.unit is Unit.CONCURRENT else MICRO
    needed, remaining = -(-claim.cost // scale), max(level.remaining, 0) // scale
    capacity = capacity_of(demand.limit) // scale
    facts = f"limit {capacity}, remaining {remaining}, requested {needed}"
    what = quota.unit.value.replace("_", " ")
    if wait_us is None:
        fault = Fault.REQUEST_EXCEEDS_LIMIT
        message = f"Request too large for '{quota.id}' on {what}: {facts}. It can never pass; ask for less."
    else:
        fault = Fault.TOKENS_LIMITED if quota.unit in TOKEN_UNITS else Fault.RATE_LIMITED
        message = f"Rate limit reached for '{quota.id}' on {what}: {facts}. Please try again in {wait_us / 1e6:.3f}s."
    return Decision(
        Action.THROTTLE,
        429,
        retry_after_us=wait_us,
        rule=quota.id,
        scope=quota.scope,
        shadow=bool(shadowed),
        reasons=(
            *(f"quota:{refused.quota.id}" for refused, *_ in refusals),
            f"unit:{quota.unit}",
            f"requested:{needed}",
            f"remaining:{remaining}",
            f"limit:{capacity}",
            *shadowed,
        ),
        fault=fault,
        message=message,
        standings=_standings(demands, denied.levels),
        without_store=denied.without_store,
    )


def _wait_us(demand: Demand, level: Level) -> int | None:
    if demand.quota.unit is Unit.CONCURRENT and level.retry_after_us is not None:
        return max(level.retry_after_us, SLOT_RETRY_US)
    return level.retry_after_us


def _standings(demands: Sequence[Demand], levels: Sequence[Level]) -> tuple[Standing, ...]:
    return tuple(
        Standing(
            demand.quota.unit,
            capacity_of(demand.limit) // MICRO,
            max(level.remaining, 0) // MICRO,
            level.reset_after_us,
        )
        for demand, level in zip(demands, levels, strict=True)
        if not demand.quota.shadow and demand.quota.unit is not Unit.CONCURRENT
    )
