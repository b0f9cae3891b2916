"""Owns the policy as the hot path asks it: which tier, which access ruling, which buckets.

Immutable and precompiled. Knows no YAML and no store; a decision about a request is a few lookups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from proxy.admission.quota import Limit, Reserve, Unit
from proxy.admission.store import StoreFailure
from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.issues import Issue
from proxy.policy.keys import ABSENT, Part
from proxy.policy.predicates import Predicate, Scope
from proxy.policy.prefixes import PrefixTable, TrustedProxies

NO_TIER = ABSENT
"""The tier of everybody where a policy has no default tier."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit as the policy states it; what one exchange is held to may be a tier's or a principal's own (`Demand`)."""

    id: str
    unit: Unit
    limit: Limit
    key: tuple[str, ...]
    """The dimensions of its buckets, in the order of `spec.Dimension`."""
    reserve: Reserve
    shadow: bool
    """Counted, but denies nothing: the quota's own mode or the whole policy's."""
    scope: str
    """Whose limit it is: `account`, `org`, `network` or `global`."""
    position: str
    """`file:line` of its definition."""
    numbers: str
    """The limit as it is written: `50/min, burst 100`."""
    description: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A rule that denies or allows what it matches."""

    id: str
    denies: bool
    shadow: bool
    position: str
    """`file:line` of its definition."""
    applies: Predicate | None = field(repr=False)
    """None: to everything."""
    description: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """A class of accounts."""

    name: str
    position: str
    description: str | None = None


class AccessRuling(NamedTuple):
    """What the access rules say of an exchange."""

    denied_by: AccessRule | None
    shadowed: tuple[AccessRule, ...]
    """The rules that would have denied it, had they (or the policy) not been in shadow mode."""


class Demand(NamedTuple):
    """One bucket that an exchange draws from."""

    quota: Quota
    limit: Limit
    """The quota's, or the tier's or principal's own."""
    key: str
    """The bucket's name: the quota's id, and the exchange's value for each of its dimensions."""


class Source(NamedTuple):
    """Where numbers or a tier come from, for people."""

    owner: str
    """`tier build`, `account acct_1`, `org org_1` or `network 203.0.113.0/24`."""
    position: str
    """`file:line`."""
    numbers: str
    """As they are written there."""


class OwnLimit(NamedTuple):
    """What a tier or a principal has instead of a quota's limit."""

    limit: Limit | None
    """None: unlimited."""
    suffix: str
    """Ends the bucket's key where others, with other numbers, would share the bucket."""
    source: Source


class OwnTier(NamedTuple):
    """The tier that an override gives a principal."""

    tier: str
    source: Source


OwnLimits = Mapping[str, OwnLimit]
"""By quota id."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Principals' own limits and tiers, by the principal."""

    accounts: Mapping[str, OwnLimits]
    orgs: Mapping[str, OwnLimits]
    networks: PrefixTable[OwnLimits]
    tiers: Mapping[str, OwnLimits]
    account_tiers: Mapping[str, OwnTier]
    org_tiers: Mapping[str, OwnTier]
    network_tiers: PrefixTable[OwnTier]
    has_limits: bool
    has_tiers: bool

    def limits_for(self, principal: Principal, tier: str) -> OwnLimits | None:
        """The narrowest principal's limits go before the wider one's, all of them before the tier's."""
        found = [
            limits
            for limits in (
                self.tiers.get(tier),
                self.networks.lookup(principal.address),
                self.orgs.get(principal.org) if principal.org is not None else None,
                self.accounts.get(principal.account),
            )
            if limits is not None
        ]
        if len(found) < 2:
            return found[0] if found else None
        return {quota_id: own for limits in found for quota_id, own in limits.items()}

    def tier_for(self, principal: Principal) -> OwnTier | None:
        """The narrowest principal's tier goes before the wider one's."""
        return (
            self.account_tiers.get(principal.account)
            or (self.org_tiers.get(principal.org) if principal.org is not None else None)
            or self.network_tiers.lookup(principal.address)
        )


class QuotaPlan(NamedTuple):
    """A quota, made ready: which exchanges, and which of the policy's `parts` make up its buckets' keys."""

    quota: Quota
    applies: Predicate | None
    parts: tuple[int, ...]


_PERMITTED = AccessRuling(None, ())


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that a policy says. Made by `compile.compile_policy`; shared freely, never changed."""

    name: str
    sha256: str
    """Over every byte that was read; of a single file it is what `sha256sum` prints, see `load.digest`."""
    files: tuple[str, ...]
    """Every file that was read, lists included."""
    warnings: tuple[Issue, ...]
    shadow: bool
    """The whole policy denies nothing."""
    trusted_proxies: TrustedProxies
    ipv4_prefix: int
    ipv6_prefix: int
    on_store_failure: StoreFailure
    tiers: Mapping[str, Tier]
    default_tier: str
    """`-` where the policy has none."""
    quotas: tuple[Quota, ...]
    access: tuple[AccessRule, ...]
    judges_models: bool
    """Some access rule that is enforced looks at the model."""
    overrides: Overrides = field(repr=False)
    parts: tuple[Part, ...] = field(repr=False)
    """What any quota's key holds, each computed once an exchange."""
    plans: tuple[QuotaPlan, ...] = field(repr=False)
    scopes: Mapping[str, Scope] = field(repr=False)
    """What each rule, by its id, matches; `plans` and `access` have the predicates of the same scopes."""

    def tier_of(self, principal: Principal) -> str:
        """The tier an override gives it, else its own where the policy declares that, else the default tier."""
        if self.overrides.has_tiers and (given := self.overrides.tier_for(principal)) is not None:
            return given.tier
        tier = principal.tier
        return tier if tier is not None and tier in self.tiers else self.default_tier

    def judge_access(self, principal: Principal, request: LlmRequest) -> AccessRuling:
        """The first rule that matches decides; shadow rules are noted and passed over; no rule is permission."""
        if not self.access:
            return _PERMITTED
        tier = self.tier_of(principal)
        shadowed: tuple[AccessRule, ...] = ()
        for rule in self.access:
            if rule.applies is not None and not rule.applies(principal, request, tier):
                continue
            if rule.shadow:
                if rule.denies:
                    shadowed += (rule,)
            elif not rule.denies:
                break
            elif self.shadow:
                return AccessRuling(None, (*shadowed, rule))
            else:
                return AccessRuling(rule, shadowed)
        return AccessRuling(None, shadowed) if shadowed else _PERMITTED

    def demands(self, principal: Principal, request: LlmRequest) -> list[Demand]:
        """Every bucket that the exchange draws from, in the order of the quotas; keys are distinct.

        `request.end_user` is the keyed hash of what the client sent, or None.
        """
        tier = self.tier_of(principal)
        own = self.overrides.limits_for(principal, tier) if self.overrides.has_limits else None
        parts = [part(principal, request, tier) for part in self.parts]
        demands = []
        for quota, applies, indices in self.plans:
            if applies is not None and not applies(principal, request, tier):
                continue
            limit: Limit | None = quota.limit
            key = quota.id
            for index in indices:
                if (part := parts[index]) is None:
                    break
                key += part
            else:
                if own is not None and quota.id in own:
                    limit, suffix, _ = own[quota.id]
                    key += suffix
                if limit is not None:
                    demands.append(Demand(quota, limit, key))
        return demands
