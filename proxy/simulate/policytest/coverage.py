"""Owns which rules of the tested policies the tests reached, and what they did not see of the others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from proxy.exchange import Action, Exchange
from proxy.policy.campaign_spec import CampaignAction
from proxy.policy.match import AccessRule, CampaignRule, Policy, Quota
from proxy.simulate.policytest.tally import shadow_rules

_Rule = AccessRule | Quota | CampaignRule


@dataclass(slots=True)
class _Seen:
    granted: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)
    shadowed: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Coverage:
    """What all tests together saw of each policy's rules, by the policy's files."""

    _policies: dict[tuple[str, ...], tuple[Policy, _Seen]] = field(default_factory=dict)

    def tests(self, policy: Policy) -> None:
        """Names a policy whose rules are to be reached."""
        self._policies.setdefault(_name(policy), (policy, _Seen()))

    def count(self, exchange: Exchange) -> None:
        """Takes in one decision under a policy that was named."""
        decision, policy = exchange.decision, exchange.policy
        seen = self._policies[_name(policy)][1]
        seen.shadowed.update(shadow_rules(decision))
        if decision.rule is not None:
            seen.decided.add(decision.rule)
        for demand, level in zip(exchange.demands, exchange.levels, strict=True):
            if not level.granted:
                seen.denied.add(demand.quota.id)
            elif decision.action is Action.ALLOW:
                seen.granted.add(demand.quota.id)
        if decision.action is not Action.BLOCK and any(not rule.denies for rule in policy.access):
            seen.decided.update(_allowed_by(exchange))

    def missed(self) -> list[str]:
        """`file:line: what no test sees`, for every rule that is not reached."""
        return [
            f"{rule.position}: {_kind(rule)} {rule.id}: {lack}"
            for policy, seen in self._policies.values()
            for rule in _rules(policy)
            if (lack := _lack(rule, policy, seen)) is not None
        ]

    def rules(self) -> int:
        """How many rules there are to reach."""
        return sum(len(_rules(policy)) for policy, _ in self._policies.values())


def _name(policy: Policy) -> tuple[str, ...]:
    return tuple(map(os.path.normpath, policy.files))


def _rules(policy: Policy) -> list[_Rule]:
    """What can refuse, or let pass. A probe cannot be stated, because it needs a campaign's content to match."""
    campaigns = policy.campaigns
    levels = () if campaigns is None else (campaigns.suspected, campaigns.confirmed)
    acting = [rule for rule in levels if rule.action in (CampaignAction.THROTTLE, CampaignAction.BLOCK)]
    return [*policy.access, *policy.quotas, *acting]


def rule_ids(policy: Policy) -> list[str]:
    """The ids of all rules that a decision under the policy may name."""
    return [rule.id for rule in _rules(policy)]


def _kind(rule: _Rule) -> str:
    match rule:
        case Quota():
            return "quota"
        case AccessRule():
            return "access rule"
        case CampaignRule():
            return "rule"
    assert_never(rule)


def _lack(rule: _Rule, policy: Policy, seen: _Seen) -> str | None:
    shadow = rule.shadow or (policy.shadow and not (isinstance(rule, AccessRule) and not rule.denies))
    if shadow:
        return None if rule.id in seen.shadowed else "no test sees what it would refuse"
    if isinstance(rule, AccessRule) or (isinstance(rule, CampaignRule) and rule.quota is None):
        return None if rule.id in seen.decided else "no test sees it decide"
    unseen = [word for word, ids in (("grant", seen.granted), ("refuse", seen.denied)) if rule.id not in ids]
    return f"no test sees it {' or '.join(unseen)}" if unseen else None


def _allowed_by(exchange: Exchange) -> Iterable[str]:
    """The allow rule that let the exchange pass: a decision does not name it."""
    policy, principal, request = exchange.policy, exchange.principal, exchange.request
    tier = policy.tier_of(principal)
    for rule in policy.access:
        applies = rule.applies is None or rule.applies(principal, request, tier)
        if applies and not rule.shadow:
            return () if rule.denies else (rule.id,)
    return ()
