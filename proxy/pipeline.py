"""Owns the order of the stages: `decide` before the upstream, `complete` after it. There is no other way through.

`serve`, `replay`, `test` and `demo` all call these two. `decide` is a coroutine because a store may be far away; with
the memory store it never suspends. Knows no socket, no metric and no clock: an arrival carries its time.
"""

from __future__ import annotations

from typing import Protocol

from proxy.admission.store import BucketStore, Denied
from proxy.charging import TOKEN_UNITS, admission_claims, settled_costs, settled_usage
from proxy.detection import Detection, NoDetection
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import OPAQUE, Usage
from proxy.dialects.reading import read_body
from proxy.enforcement import Measure, Pace, measure_for
from proxy.errors import StoreError
from proxy.events.event import Answered, Asked
from proxy.events.sketching import Sketcher, Unsketched
from proxy.exchange import Action, Decision, Ending, Exchange, Outcome, Settlement, State
from proxy.identity.resolve import Resolver
from proxy.policy.match import Policy
from proxy.policy.rulings import Ruled, Rulings
from proxy.refusals import (
    blocked,
    refused_by_verdict,
    shadow_refusals,
    standings,
    store_lost,
    throttled,
    verdict_reasons,
)


class PolicySource(Protocol):
    """Where the policy in force is found; an exchange reads it once and keeps what it read."""

    @property
    def current(self) -> Policy: ...


class FixedPolicy:
    """A source of one policy, which is in force throughout."""

    def __init__(self, policy: Policy) -> None:
        self.current = policy


class Pipeline:
    """The stages, wired. One per process."""

    def __init__(
        self,
        policies: PolicySource,
        resolver: Resolver,
        estimator: Estimator,
        store: BucketStore,
        *,
        detection: Detection | None = None,
        sketcher: Sketcher | None = None,
    ) -> None:
        """`sketcher` is None where nobody reads content.

        Where `detection` sketches, content is made here only for verdicts that it may meet.
        """
        self._policies = policies
        self._resolver = resolver
        self._estimator = estimator
        self._store = store
        self._detection = detection or NoDetection()
        self._sketcher = sketcher
        self._rulings = Rulings(policies.current)
        self._pace = Pace()

    @property
    def judges_models(self) -> bool:
        """The policy in force looks at the model, whatever the path."""
        return self._policies.current.judges_models

    async def decide(self, exchange: Exchange) -> Decision:
        """Whether the exchange may go upstream; on `allow` its claims are reserved until `complete`."""
        policy = exchange.policy = self._policies.current
        if policy is not self._rulings.policy:
            self._rulings = Rulings(policy)
        self._identify(exchange)
        ruled = self._rulings.of(exchange.principal, exchange.request)
        exchange.undeclared_tier = ruled.undeclared_tier
        self._look_up(exchange, ruled)
        decision = await self._judge(exchange, ruled)
        exchange.decision = decision
        if exchange.is_watched:
            self._detection.note(_noted(exchange))
        exchange.advance(State.ADMITTED if decision.action is Action.ALLOW else State.REFUSED)
        return decision

    def complete(self, exchange: Exchange, outcome: Outcome, ended_us: int) -> Settlement:
        """Settles what the exchange really used and frees its slots; to be called exactly once for each admitted one.

        `ended_us` is of the clock of arrivals.

        Never waits and never fails on account of the store, which keeps what it cannot settle now.
        """
        exchange.advance(State.SETTLED)
        issued = self._issued(outcome)
        usage = settled_usage(exchange.request, outcome, self._estimator)
        if exchange.is_watched:
            self._detection.note(_answered(exchange, outcome, usage, ended_us, issued))
        if exchange.reservation is not None:
            self._store.settle(exchange.reservation, settled_costs(exchange.demands, exchange.claims, usage))
        completed = outcome.ending is Ending.COMPLETE and outcome.status is not None and outcome.status < 400
        if completed:
            self._estimator.learn(exchange.request, outcome.usage, outcome.generated_bytes or 0)
        return Settlement(usage, outcome.usage.output_tokens is not None and completed, issued)

    def _identify(self, exchange: Exchange) -> None:
        arrival, policy, recalled = exchange.arrival, exchange.policy, exchange.recalled
        if recalled is not None:
            exchange.principal = recalled.principal(policy.ipv4_prefix, policy.ipv6_prefix)
            exchange.request, exchange.content = recalled.request, recalled.content
            return
        resolved = self._resolver.resolve(
            arrival.peer_ip,
            arrival.headers,
            policy.trusted_proxies,
            policy.ipv4_prefix,
            policy.ipv6_prefix,
            arrival.target,
        )
        exchange.principal, exchange.peer_trusted = resolved.principal, resolved.peer_trusted
        self._read(exchange)

    def _read(self, exchange: Exchange) -> None:
        arrival = exchange.arrival
        sketches = self._sketcher is not None and exchange.policy.campaigns is not None
        read = read_body(
            exchange.dialect, arrival.target, arrival.body, self._resolver.pseudonym, with_conversation=sketches
        )
        exchange.request, exchange.unreadable, exchange.unheard = read.request, read.unreadable, read.unheard
        exchange.conversation = read.conversation
        if not self._detection.sketches:
            self._sketch(exchange)

    def _sketch(self, exchange: Exchange) -> None:
        if self._sketcher is not None and exchange.conversation is not None:
            exchange.content = self._sketcher.content(exchange.conversation)
            exchange.conversation = None

    def _issued(self, outcome: Outcome) -> tuple[int, ...]:
        """Ids of the reasoning signatures that the answer issued."""
        if self._sketcher is None or not outcome.signatures:
            return ()
        return self._sketcher.signature_ids(outcome.signatures)

    def _look_up(self, exchange: Exchange, ruled: Ruled) -> None:
        """Which campaign the exchange belongs to, where the policy wants to know."""
        detection = self._detection
        if exchange.policy.campaigns is None or not detection.reads_content or ruled.exempted_at is not None:
            exchange.conversation = None
            return
        exchange.is_watched = True
        snapshot = detection.snapshot(exchange.arrival.ts_us)
        if snapshot.campaigns:
            self._sketch(exchange)
        exchange.match = snapshot.match(exchange.principal.account, exchange.content)

    def _measure(self, exchange: Exchange) -> Measure | None:
        match, rules = exchange.match, exchange.policy.campaigns
        if match is None or rules is None:
            return None
        account, now_us = exchange.principal.account, exchange.arrival.ts_us
        return measure_for(rules, match, account, exchange.content, now_us, self._pace)

    async def _judge(self, exchange: Exchange, ruled: Ruled) -> Decision:
        request, ruling = exchange.request, ruled.access
        shadowed = tuple(f"shadow:{rule.id}" for rule in ruling.shadowed)
        if ruling.denied_by is not None:
            return blocked(ruling.denied_by, shadowed)
        measure = self._measure(exchange)
        if measure is not None and measure.demand is None:
            if not measure.shadow:
                return refused_by_verdict(exchange, measure, shadowed)
            shadowed += (f"shadow:{measure.rule}", *verdict_reasons(exchange))
        demands = ruled.demands
        if request.dialect == OPAQUE:
            demands = tuple(demand for demand in demands if demand.quota.unit not in TOKEN_UNITS)
        if measure is not None and measure.demand is not None:
            demands = (*demands, measure.demand)
        exchange.demands = demands
        if not demands:
            return Decision(Action.ALLOW, 200, shadow=bool(shadowed), reasons=shadowed)
        claims = exchange.claims = admission_claims(demands, request, self._estimator)
        try:
            admission = await self._store.reserve(exchange.arrival.id, claims)
        except StoreError as fault:
            return store_lost(str(fault), shadowed)
        exchange.levels = admission.levels
        shadowed += shadow_refusals(exchange)
        if isinstance(admission, Denied):
            return throttled(exchange, admission, shadowed)
        exchange.reservation = admission.reservation
        return Decision(
            Action.ALLOW,
            200,
            shadow=bool(shadowed),
            reasons=shadowed,
            standings=standings(demands, admission.levels),
            without_store=admission.without_store,
        )


def _noted(exchange: Exchange) -> Asked | Unsketched:
    asked, conversation = _asked(exchange), exchange.conversation
    if conversation is None:
        return asked
    exchange.conversation = None
    return Unsketched(asked, conversation, exchange.request.text_bytes)


def _asked(exchange: Exchange) -> Asked:
    principal, decision, match = exchange.principal, exchange.decision, exchange.match
    return Asked(
        exchange.arrival.ts_us,
        principal.account,
        principal.network,
        principal.client,
        decision.action.value,
        exchange.request.model,
        principal.org,
        principal.payment,
        principal.created_us,
        principal.verified,
        principal.country,
        principal.asn,
        principal.ja4,
        None if match is None else match.campaign,
        decision.campaign is not None,
        exchange.content,
    )


def _answered(exchange: Exchange, outcome: Outcome, usage: Usage, ended_us: int, issued: tuple[int, ...]) -> Answered:
    principal, match = exchange.principal, exchange.match
    return Answered(
        ended_us,
        principal.account,
        principal.org,
        outcome.status,
        usage.input_tokens,
        usage.output_tokens,
        issued,
        campaign=None if match is None else match.campaign,
        asked_us=exchange.arrival.ts_us,
    )
