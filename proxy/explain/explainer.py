"""Owns the explanation of a decision: which rules match a request, why the others do not, how their buckets stand.

Decides nothing itself: the decision is the pipeline's own, on a store that looks into the buckets and takes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from proxy.admission.looking import LookingStore
from proxy.admission.quota import MICRO, Unit, capacity_of
from proxy.admission.store import BucketStore
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import LlmRequest
from proxy.dialects.table import dialect_for
from proxy.enforcement import rule_of
from proxy.exchange import Arrival, Decision, Exchange, Recalled
from proxy.explain.explanation import (
    AccessOutcome,
    Bucket,
    ExplainedLevel,
    ExplainedQuota,
    ExplainedRule,
    ExplainedTier,
    Explanation,
)
from proxy.identity.principal import Principal
from proxy.identity.resolve import Resolver
from proxy.pipeline import FixedPolicy, Pipeline
from proxy.policy.campaign_spec import CampaignAction
from proxy.policy.match import AccessRule, CampaignRule, Policy, QuotaPlan
from proxy.policy.predicates import Mismatch
from proxy.policy.spec import UNLIMITED
from proxy.verdict.campaign import Level


async def explain(
    policy: Policy, principal: Principal, request: LlmRequest, store: BucketStore, estimator: Estimator
) -> Explanation:
    """What `decide` would do with the request now, and why. Nothing is charged; no StoreError is raised."""
    looking = LookingStore(store)

    async def decided(rules: Policy) -> Exchange:
        arrival = Arrival("explain", 0, "POST", request.path, "", (), None)
        dialect = dialect_for("POST", request.path)
        exchange = Exchange(arrival, dialect, recalled=Recalled(lambda ipv4, ipv6: principal, request))
        await Pipeline(FixedPolicy(rules), _NOBODY, estimator, looking).decide(exchange)
        return exchange

    # The pipeline asks no quota of what an access rule refuses; whoever asks why wants to see them all the same.
    charged = await decided(replace(policy, access=()))
    decision = (await decided(policy)).decision
    tier = policy.tier_of(principal)
    return Explanation(
        policy=policy.name,
        policy_sha256=policy.sha256,
        shadow=policy.shadow,
        principal=_facts(principal),
        request=_facts(request),
        tier=_tier(policy, principal, tier),
        access=_access(policy, principal, request, tier),
        quotas=tuple(_quota(policy, plan, charged, tier) for plan in policy.plans),
        campaigns=_campaigns(policy, principal, request),
        decision=_decision(decision),
        store_fault=looking.fault,
    )


_NOBODY = Resolver(b"explain", None)
"""The pipeline asks it nothing: who asks is known."""


def _facts(value: Principal | LlmRequest) -> dict[str, Any]:
    """The fields as plain values; an address as text."""
    facts: dict[str, Any] = msgspec.to_builtins(value, enc_hook=str)
    return facts


def _tier(policy: Policy, principal: Principal, tier: str) -> ExplainedTier:
    given = policy.overrides.tier_for(principal)
    if given is not None:
        return ExplainedTier(tier, f"override of {given.source.owner}", given.source.position)
    declared = policy.tiers.get(tier)
    position = None if declared is None else declared.position
    if principal.tier is None:
        return ExplainedTier(tier, "default", position)
    is_its_own = principal.tier == tier and declared is not None
    return ExplainedTier(tier, "account" if is_its_own else f"default, as {principal.tier} is not declared", position)


def _access(policy: Policy, principal: Principal, request: LlmRequest, tier: str) -> tuple[ExplainedRule, ...]:
    explained = []
    is_decided = False
    for rule in policy.access:
        why_not = policy.scopes[rule.id].why_not(principal, request, tier)
        outcome = AccessOutcome.NO_MATCH if why_not is not None else _outcome(policy, rule, is_decided)
        is_decided |= why_not is None and not rule.shadow
        explained.append(ExplainedRule(rule.id, rule.position, outcome, why_not))
    return tuple(explained)


def _outcome(policy: Policy, rule: AccessRule, is_decided: bool) -> AccessOutcome:
    if is_decided or (rule.shadow and not rule.denies):
        return AccessOutcome.NOT_ASKED
    if not rule.denies:
        return AccessOutcome.ALLOWS
    return AccessOutcome.WOULD_DENY if rule.shadow or policy.shadow else AccessOutcome.DENIES


def _quota(policy: Policy, plan: QuotaPlan, charged: Exchange, tier: str) -> ExplainedQuota:
    quota = plan.quota
    limits = policy.overrides.limits_for(charged.principal, tier) or {}
    own = limits.get(quota.id)
    owner, position, numbers = own.source if own is not None else ("quota", quota.position, quota.numbers)
    place = next((place for place, demand in enumerate(charged.demands) if demand.quota is quota), None)
    bucket = None if place is None or not charged.levels else _bucket(charged, place)
    return ExplainedQuota(
        id=quota.id,
        position=quota.position,
        unit=quota.unit.value,
        shadow=quota.shadow,
        why_not=None if place is not None else _why_not(policy, plan, charged, tier, numbers, position),
        numbers=numbers,
        source=owner,
        source_position=position,
        bucket=bucket,
    )


def _why_not(policy: Policy, plan: QuotaPlan, charged: Exchange, tier: str, numbers: str, position: str) -> Mismatch:
    """Why no bucket is asked; the reasons in the order in which the hot path comes to them."""
    quota, principal, request = plan.quota, charged.principal, charged.request
    if (why_not := policy.scopes[quota.id].why_not(principal, request, tier)) is not None:
        return why_not
    for dimension, index in zip(quota.key, plan.parts, strict=True):
        if policy.parts[index](principal, request, tier) is None:
            return Mismatch("key", (dimension,), None, quota.position)
    if numbers == UNLIMITED:
        return Mismatch(UNLIMITED, (), None, position)
    return Mismatch("unit", (quota.unit.value,), None, quota.position)


def _campaigns(policy: Policy, principal: Principal, request: LlmRequest) -> tuple[ExplainedLevel, ...]:
    rules, exempted_at = policy.campaigns, policy.exempted_at(principal, request)
    return () if rules is None else tuple(_level(level, rule_of(rules, level), exempted_at) for level in Level)


def _level(level: Level, rule: CampaignRule, exempted_at: str | None) -> ExplainedLevel:
    numbers = None if rule.quota is None else rule.quota.numbers
    if rule.action is CampaignAction.PROBE:
        numbers = f"{rule.share / 10_000:g}%"
    return ExplainedLevel(level.value, rule.position, rule.action, numbers, rule.shadow, exempted_at)


def _bucket(charged: Exchange, place: int) -> Bucket:
    demand, claim, level = charged.demands[place], charged.claims[place], charged.levels[place]
    scale = 1 if demand.quota.unit is Unit.CONCURRENT else MICRO
    wait_us = level.retry_after_us
    return Bucket(
        key=demand.key,
        capacity=_amount(capacity_of(demand.limit), scale),
        remaining=_amount(level.remaining, scale),
        needed=_amount(claim.cost, scale),
        grants=level.granted,
        passes_after_s=None if wait_us is None else wait_us / 1e6,
        full_after_s=level.reset_after_us / 1e6,
    )


def _amount(value: int, scale: int) -> float:
    return value // scale if value % scale == 0 else value / scale


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "action": decision.action.value,
        "status": decision.status,
        "rule": decision.rule,
        "scope": decision.scope,
        "retry_after_s": None if decision.retry_after_us is None else decision.retry_after_us / 1e6,
        "shadow": decision.shadow,
        "reasons": list(decision.reasons),
        "message": decision.message,
    }
