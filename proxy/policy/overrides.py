"""Owns how tiers' and principals' own numbers become lookups, and when they need buckets of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import TypeVar

from proxy.policy.keys import part_of
from proxy.policy.limits import build_limit
from proxy.policy.match import Overrides, OwnLimit, OwnLimits
from proxy.policy.prefixes import Prefix, PrefixTable
from proxy.policy.spec import Dimension, NetworkPrefixSpec, Numbers, OverrideSpec, OwnNumbers, PolicySpec, QuotaSpec

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
    tiers = {name: compiler.limits(tier.quotas, "tier", name) for name, tier in spec.tiers.items() if tier.quotas}
    owners = [(override, compiler.override(override)) for override in spec.overrides if override.quotas]
    accounts = _grouped((override.account, limits) for override, limits in owners)
    orgs = _grouped((override.org, limits) for override, limits in owners)
    networks = _grouped((override.network, limits) for override, limits in owners)
    tier_givers = [over for over in spec.overrides if over.tier is not None]
    return Overrides(
        accounts=accounts,
        orgs=orgs,
        networks=PrefixTable(networks.items()),
        tiers=tiers,
        account_tiers={over.account: over.tier for over in tier_givers if over.account and over.tier},
        org_tiers={over.org: over.tier for over in tier_givers if over.org and over.tier},
        network_tiers=PrefixTable((over.network, over.tier) for over in tier_givers if over.network and over.tier),
        has_limits=bool(tiers or accounts or orgs or networks),
        has_tiers=bool(tier_givers),
    )


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
            return self.limits(override.quotas, "account", override.account)
        if override.org is not None:
            return self.limits(override.quotas, "org", override.org)
        assert override.network is not None
        return {
            quota_id: OwnLimit(
                build_limit(numbers) if isinstance(numbers, Numbers) else None,
                "" if self._is_networks_own(quota_id, override.network) else f"|network={_cidr(override.network)}",
            )
            for quota_id, numbers in override.quotas.items()
        }

    def limits(self, quotas: OwnNumbers, kind: str, name: str) -> OwnLimits:
        own = {}
        for quota_id, numbers in quotas.items():
            is_own = not _SHARED_BY_ONE[kind].isdisjoint(self._quotas[quota_id].key)
            suffix = "" if is_own else f"|{kind}={part_of(name)[1:]}"
            own[quota_id] = OwnLimit(build_limit(numbers) if isinstance(numbers, Numbers) else None, suffix)
        return own

    def _is_networks_own(self, quota_id: str, network: Prefix) -> bool:
        """Whether each of the quota's buckets lies within the network, or outside it, as a whole."""
        key = self._quotas[quota_id].key
        cut = self._prefix.ipv4 if network.version == 4 else self._prefix.ipv6
        return Dimension.ADDRESS in key or (Dimension.NETWORK in key and network.length <= cut)


def _cidr(prefix: Prefix) -> str:
    if prefix.version == 4:
        return str(IPv4Network((prefix.bits << (32 - prefix.length), prefix.length)))
    return str(IPv6Network((prefix.bits << (128 - prefix.length), prefix.length)))
