"""Owns the way from a spec without errors to the policy that the hot path asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from proxy.admission.quota import Reserve, Unit
from proxy.policy.campaigns import compile_campaigns
from proxy.policy.issues import Issue
from proxy.policy.keys import PARTS, bucket_of
from proxy.policy.limits import build_limit, numbers_text
from proxy.policy.lists import Lists
from proxy.policy.match import NO_TIER, AccessRule, Policy, Quota, QuotaPlan, Tier
from proxy.policy.overrides import compile_overrides
from proxy.policy.predicates import Scope, compile_scope
from proxy.policy.prefixes import LOOPBACK_AND_PRIVATE, TrustedProxies, parse_prefix
from proxy.policy.spec import AccessSpec, Dimension, NetworkPrefixSpec, PolicySpec, QuotaSpec
from proxy.policy.terms import Mode

_OF_BODIES = frozenset[str](
    {Dimension.MODEL, Dimension.END_USER, Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS, Unit.TOTAL_TOKENS}
)


def compile_policy(
    spec: PolicySpec, lists: Lists, *, name: str, sha256: str, files: tuple[str, ...], warnings: Iterable[Issue]
) -> Policy:
    """`spec` has passed the reader and lint without an error; `lists` has every list that it names."""
    shadow = spec.mode is Mode.SHADOW
    prefix = spec.network_prefix or NetworkPrefixSpec(where=spec.where)
    dimensions = tuple(dimension for dimension in Dimension if any(dimension in quota.key for quota in spec.quotas))
    scopes = {quota.id: compile_scope(quota.match, quota.unless, lists) for quota in spec.quotas}
    scopes |= {
        rule.id: compile_scope(rule.deny or rule.allow, rule.unless, lists, spares=rule.deny is None)
        for rule in spec.access
    }
    seen = frozenset[str]() if shadow else frozenset(_seen(spec, scopes))
    plans = tuple(
        QuotaPlan(
            _quota(quota, shadow),
            scopes[quota.id].applies,
            tuple(index for index, dimension in enumerate(dimensions) if dimension in quota.key),
            bucket_of(quota.id, quota.unit),
        )
        for quota in spec.quotas
    )
    return Policy(
        name=spec.name or name,
        sha256=sha256,
        files=files,
        warnings=tuple(warnings),
        shadow=shadow,
        trusted_proxies=_trusted(spec),
        ipv4_prefix=prefix.ipv4,
        ipv6_prefix=prefix.ipv6,
        on_store_failure=spec.on_store_failure,
        tiers=_tiers(spec),
        default_tier=spec.default_tier or NO_TIER,
        quotas=tuple(plan.quota for plan in plans),
        access=tuple(_access_rule(rule, scopes[rule.id]) for rule in spec.access),
        judges_models=Dimension.MODEL in seen,
        reads_bodies=not seen.isdisjoint(_OF_BODIES),
        campaigns=None if spec.campaigns is None else compile_campaigns(spec.campaigns, lists, shadow),
        overrides=compile_overrides(spec, prefix),
        parts=tuple(PARTS[dimension] for dimension in dimensions),
        plans=plans,
        scopes=scopes,
    )


def _seen(spec: PolicySpec, scopes: Mapping[str, Scope]) -> Iterator[str]:
    """What of an exchange decides whether rules that are enforced are about it, and what it costs."""
    rules: tuple[AccessSpec | QuotaSpec, ...] = (*spec.access, *spec.quotas)
    for rule in rules:
        if rule.mode is Mode.ENFORCE:
            yield from scopes[rule.id].keys
            if isinstance(rule, QuotaSpec):
                assert rule.unit is not None
                yield from (*rule.key, rule.unit)


def _trusted(spec: PolicySpec) -> TrustedProxies:
    if spec.trusted_proxies is None:
        return TrustedProxies(map(parse_prefix, LOOPBACK_AND_PRIVATE))
    return TrustedProxies(spec.trusted_proxies)


def _tiers(spec: PolicySpec) -> Mapping[str, Tier]:
    return {name: Tier(name, spec.at("tiers", name).place, tier.description) for name, tier in spec.tiers.items()}


def _quota(quota: QuotaSpec, policy_is_shadow: bool) -> Quota:
    limit = build_limit(quota)
    assert limit is not None
    assert quota.unit is not None
    return Quota(
        id=quota.id,
        unit=quota.unit,
        limit=limit,
        key=tuple(dimension.value for dimension in Dimension if dimension in quota.key),
        reserve=quota.reserve or Reserve.ESTIMATE,
        shadow=policy_is_shadow or quota.mode is Mode.SHADOW,
        scope=_scope(quota.key),
        position=quota.at().place,
        numbers=numbers_text(quota),
        description=quota.description,
        reason=quota.reason,
    )


def _scope(key: tuple[Dimension, ...]) -> str:
    if Dimension.ACCOUNT in key or Dimension.END_USER in key:
        return "account"
    if Dimension.ORG in key:
        return "org"
    if not {Dimension.NETWORK, Dimension.ADDRESS, Dimension.ASN, Dimension.COUNTRY}.isdisjoint(key):
        return "network"
    return "global"


def _access_rule(rule: AccessSpec, scope: Scope) -> AccessRule:
    return AccessRule(
        id=rule.id,
        denies=rule.deny is not None,
        shadow=rule.mode is Mode.SHADOW,
        position=rule.at().place,
        applies=scope.applies,
        description=rule.description,
        reason=rule.reason,
    )
