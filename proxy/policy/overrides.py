"""Owns how tiers' and principals' own numbers become lookups, and when they need buckets of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from proxy.policy.keys import part_of
from proxy.policy.limits import build_limit, numbers_text
from proxy.policy.own_limits import Overrides, OwnLimit, OwnLimits, OwnTier, Source
from proxy.policy.prefixes import Prefix, PrefixTable
from proxy.policy.spec import (
    UNLIMITED,
    Dimension,
    NetworkPrefixSpec,
    Numbers,
    OverrideSpec,
    PolicySpec,
    QuotaSpec,
    TierSpec,
)

K = TypeVar("K")

_SHARED_BY_ONE = {
    "account": {Dimension.ACCOUNT},
    "org": {Dimension.ORG, Dimension.ACCOUNT},
    "tier": {Dimension.TIER, Dimension.ACCOUNT},
}
"""A bucket kept for one of these is never shared by principals of which only one has the numbers: an account has one
organisation and one tier."""


def compile_overrides(spec: PolicySpec, prefix: NetworkPrefixSpec) -> Overrides:
    """`spec` has passed lint, so that every override names one principal and known quotas."""
    compiler = _Compiler({quota.id: quota for quota in spec.quotas}, prefix)
    tiers = {name: compiler.limits(tier, "tier", name) for name, tier in spec.tiers.items() if tier.quotas}
    owners = [(override, compiler.override(override)) for override in spec.overrides if override.quotas]
    accounts = _grouped((override.account, limits) for override, limits in owners)
    orgs = _grouped((override.org, limits) for override, limits in owners)
    networks = _grouped((override.network, limits) for override, limits in owners)
    given = [(over, _own_tier(over, over.tier)) for over in spec.overrides if over.tier is not None]
    return Overrides(
        accounts=accounts,
        orgs=orgs,
        networks=PrefixTable(networks.items()),
        tiers=tiers,
        account_tiers={over.account: tier for over, tier in given if over.account},
        org_tiers={over.org: tier for over, tier in given if over.org},
        network_tiers=PrefixTable((over.network, tier) for over, tier in given if over.network),
        has_limits=bool(tiers or accounts or orgs or networks),
        has_tiers=bool(given),
    )


def _own_tier(override: OverrideSpec, tier: str) -> OwnTier:
    return OwnTier(tier, Source(_owner(override), override.at("tier").place, tier))


def _owner(override: OverrideSpec) -> str:
    if override.account is not None:
        return f"account {override.account}"
    return f"org {override.org}" if override.org is not None else f"network {override.network}"


def _grouped(items: Iterable[tuple[K | None, OwnLimits]]) -> dict[K, OwnLimits]:
    groups: dict[K, dict[str, OwnLimit]] = {}
    for principal, limits in items:
        if principal is not None:
            groups.setdefault(principal, {}).update(limits)
    return dict(groups)


class _Compiler:
    def __init__(self, quotas: Mapping[str, QuotaSpec], prefix: NetworkPrefixSpec) -> None:
        self._quotas = quotas
        self._prefix = prefix

    def override(self, override: OverrideSpec) -> OwnLimits:
        if override.account is not None:
            return self.limits(override, "account", override.account)
        if override.org is not None:
            return self.limits(override, "org", override.org)
        network = override.network
        assert network is not None
        return {
            quota_id: _own_limit(override, quota_id, self._network_suffix(quota_id, network), f"network {network}")
            for quota_id in override.quotas
        }

    def limits(self, giver: TierSpec | OverrideSpec, kind: str, name: str) -> OwnLimits:
        own = {}
        for quota_id in giver.quotas:
            is_own = not _SHARED_BY_ONE[kind].isdisjoint(self._quotas[quota_id].key)
            suffix = "" if is_own else f"|{kind}={part_of(name)[1:]}"
            own[quota_id] = _own_limit(giver, quota_id, suffix, f"{kind} {name}")
        return own

    def _network_suffix(self, quota_id: str, network: Prefix) -> str:
        """Nothing where each of the quota's buckets lies within the network, or outside it, as a whole."""
        key = self._quotas[quota_id].key
        cut = self._prefix.ipv4 if network.version == 4 else self._prefix.ipv6
        is_own = Dimension.ADDRESS in key or (Dimension.NETWORK in key and network.length <= cut)
        return "" if is_own else f"|network={network}"


def _own_limit(giver: TierSpec | OverrideSpec, quota_id: str, suffix: str, owner: str) -> OwnLimit:
    numbers, place = giver.quotas[quota_id], giver.at("quotas", quota_id).place
    if isinstance(numbers, Numbers):
        return OwnLimit(build_limit(numbers), suffix, Source(owner, place, numbers_text(numbers)))
    return OwnLimit(None, suffix, Source(owner, place, UNLIMITED))
