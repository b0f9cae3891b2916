"""Owns what a step's exchanges came to: counts and bounds of decisions, in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from proxy.exchange import Action, Decision, Exchange
from proxy.simulate.policytest.texts import NEVER_US
from proxy.simulate.report import SHADOW


@dataclass(slots=True)
class Kind:
    """Decisions that say the same, with the first of them."""

    first: Decision
    first_account: str
    first_us: int
    """Since the test's start."""
    count: int = 0


@dataclass(slots=True)
class Tally:
    """The decisions on one sender's exchanges, or a whole step's."""

    actions: Counter[Action] = field(default_factory=Counter)
    rules: set[str] = field(default_factory=set)
    scopes: set[str] = field(default_factory=set)
    campaigns: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    shadowed: set[str] = field(default_factory=set)
    retry_us: tuple[int, int] | None = None
    """The least and the greatest; NEVER_US for one that can never pass, None where no quota refused."""
    reasons: frozenset[str] = frozenset()
    """Those that every refusal gave."""
    kinds: dict[tuple[object, ...], Kind] = field(default_factory=dict)

    @property
    def refused(self) -> int:
        return self.actions.total() - self.actions[Action.ALLOW]

    def count(self, exchange: Exchange, since_start_us: int) -> None:
        """Takes in one decision."""
        decision = exchange.decision
        if decision.shadow:
            self.shadowed.update(shadow_rules(decision))
        if decision.action is not Action.ALLOW:
            self._count_refusal(decision)
        self.actions[decision.action] += 1
        key = (decision.action, decision.status, decision.rule, decision.scope, *shadow_rules(decision))
        kind = self.kinds.get(key)
        if kind is None:
            kind = self.kinds[key] = Kind(decision, exchange.principal.account, since_start_us)
        kind.count += 1

    def _count_refusal(self, decision: Decision) -> None:
        reasons = frozenset(decision.reasons)
        self.reasons = self.reasons & reasons if self.refused else reasons
        self.statuses.add(decision.status)
        if decision.rule is not None:
            self.rules.add(decision.rule)
        if decision.scope is not None:
            self.scopes.add(decision.scope)
        if decision.campaign is not None:
            self.campaigns.add(decision.campaign)
        if decision.action is Action.THROTTLE:
            wait = NEVER_US if decision.retry_after_us is None else decision.retry_after_us
            least, most = self.retry_us or (wait, wait)
            self.retry_us = (min(least, wait), max(most, wait))


def shadow_rules(decision: Decision) -> tuple[str, ...]:
    """The rules in shadow mode that would have refused."""
    if not decision.shadow:
        return ()
    return tuple(reason.removeprefix(SHADOW) for reason in decision.reasons if reason.startswith(SHADOW))
