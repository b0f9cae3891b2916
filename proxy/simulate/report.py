"""Owns what `replay` says: a decision line, and the report at the end, as the exchange log's contract has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from proxy.exchange import Action, Exchange
from proxy.reports.wire import detail, reported
from proxy.simulate.lines import BadLineError, Fault
from proxy.verdict.campaign import Campaign

SHADOW = "shadow:"
SCHEMA = 1


class DecisionLine(msgspec.Struct, frozen=True):
    """One decision, with the fields in the contract's order. `retry_after_s` is in seconds."""

    id: str
    ts: float
    action: str
    status: int
    retry_after_s: float | None
    account: str
    network: str
    rule: str | None
    scope: str | None
    campaign: str | None
    shadow: bool
    reasons: tuple[str, ...]


encode = msgspec.json.Encoder().encode


def decision_line(exchange_id: str, exchange: Exchange) -> DecisionLine:
    """The decision on `exchange`, under the name that the log gives it."""
    decision = exchange.decision
    return DecisionLine(
        exchange_id,
        exchange.arrival.ts_us / 1e6,
        decision.action.value,
        decision.status,
        None if decision.retry_after_us is None else decision.retry_after_us / 1e6,
        exchange.principal.account,
        exchange.principal.network,
        decision.rule,
        decision.scope,
        decision.campaign,
        decision.shadow,
        decision.reasons,
    )


@dataclass(slots=True)
class RuleTally:
    """How often a rule decided, or would have; for how many accounts."""

    decided: int = 0
    shadowed: int = 0
    accounts: set[str] = field(default_factory=set)


@dataclass(slots=True)
class BadLines:
    """How many lines had one fault; `first` says which was the first, and what was wrong with it."""

    first: str
    count: int = 0


@dataclass(slots=True)
class Report:
    """Counts of one replay. Its memory grows with the rules and the accounts that they met, not with the log."""

    policy_sha256: str
    exchanges: int = 0
    actions: dict[Action, int] = field(default_factory=lambda: dict.fromkeys(Action, 0))
    bad: dict[Fault, BadLines] = field(default_factory=dict)
    first_us: int | None = None
    last_us: int | None = None
    rules: dict[str, RuleTally] = field(default_factory=dict)

    @property
    def bad_lines(self) -> int:
        return sum(of_a_kind.count for of_a_kind in self.bad.values())

    def count_bad(self, fault: BadLineError) -> None:
        """Takes in one line that could not be."""
        self.bad.setdefault(fault.fault, BadLines(str(fault))).count += 1

    def count(self, exchange: Exchange) -> None:
        """Takes in one decision."""
        decision, ts_us = exchange.decision, exchange.arrival.ts_us
        self.exchanges += 1
        self.actions[decision.action] += 1
        if self.first_us is None:
            self.first_us = ts_us
        self.last_us = ts_us
        if decision.rule is not None:
            tally = self._tally(decision.rule, exchange)
            tally.decided += 1
        if decision.shadow:
            for reason in decision.reasons:
                if reason.startswith(SHADOW):
                    self._tally(reason.removeprefix(SHADOW), exchange).shadowed += 1

    def as_json(self, unknown_keys: set[str], campaigns: Sequence[Campaign] = ()) -> dict[str, Any]:
        """The report object; times are seconds since the Unix epoch.

        `campaigns` has what the contract says and no more; what else is known of them stands in `campaign_details`.
        """
        found = sorted(campaigns, key=lambda campaign: (campaign.first_us, campaign.id))
        return {
            "schema": SCHEMA,
            "policy_sha256": self.policy_sha256,
            "exchanges": self.exchanges,
            "allowed": self.actions[Action.ALLOW],
            "throttled": self.actions[Action.THROTTLE],
            "blocked": self.actions[Action.BLOCK],
            "bad_lines": self.bad_lines,
            "unknown_keys": sorted(unknown_keys),
            "first_ts": None if self.first_us is None else self.first_us / 1e6,
            "last_ts": None if self.last_us is None else self.last_us / 1e6,
            "rules": [
                {"rule": rule, "decided": tally.decided, "shadowed": tally.shadowed, "accounts": len(tally.accounts)}
                for rule, tally in sorted(self.rules.items())
            ],
            "campaigns": [reported(campaign) for campaign in found],
            "campaign_details": {campaign.id: detail(campaign) for campaign in found},
        }

    def _tally(self, rule: str, exchange: Exchange) -> RuleTally:
        tally = self.rules.get(rule)
        if tally is None:
            tally = self.rules[rule] = RuleTally()
        tally.accounts.add(exchange.principal.account)
        return tally
