"""Owns the policy as the hot path asks it: which tier, which access ruling, which buckets.

Immutable and precompiled. Knows no YAML and no store; a decision about a request is a few lookups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from proxy.admission.quota import Limit, Reserve, Unit, capacity_of
from proxy.admission.store import StoreFailure
from proxy.dialects.llm import LlmRequest
from proxy.identity.principal import Principal
from proxy.policy.campaign_spec import CampaignAction
from proxy.policy.issues import Issue
from proxy.policy.keys import ABSENT, Part
from proxy.policy.own_limits import Overrides
from proxy.policy.predicates import Predicate, Scope
from proxy.policy.prefixes import TrustedProxies

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
class CampaignRule:
    """What is done about the traffic of campaigns of one level."""

    id: str
    """`campaign:suspected` or `campaign:confirmed`; no quota or access rule can have such an id."""
    action: CampaignAction
    quota: Quota | None
    """Of action throttle: the limit that each campaign's bucket has."""
    share: int
    """Of action probe: millionths of the campaign's requests."""
    shadow: bool
    position: str
    """`file:line` of its definition, or of `campaigns` where it is left at its default."""


class Exemption(NamedTuple):
    """Some whose exchanges are never part of a campaign."""

    applies: Predicate
    position: str
    """`file:line`."""


@dataclass(frozen=True, slots=True)
class CampaignRules:
    """What the policy does about campaigns."""

    shadow: bool
    """Nothing is done, only told: their own mode or the whole policy's."""
    suspected: CampaignRule
    confirmed: CampaignRule
    exempt: tuple[Exemption, ...] = field(repr=False)
    expires_after_us: int
    tell_upstream: bool


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
    """The bucket's name: the quota's in its plan, and the exchange's value for each of its dimensions."""
    capacity: int
    """The most that the limit's bucket can hold, in its own unit."""


class QuotaPlan(NamedTuple):
    """A quota, made ready: which exchanges, and which of the policy's `parts` make up its buckets' keys."""

    quota: Quota
    applies: Predicate | None
    parts: tuple[int, ...]
    bucket: str
    """What the names of its buckets begin with."""


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
    """Some access rule or quota that is enforced looks at the model."""
    reads_bodies: bool
    """Some that is enforced depends on what else a body says: on tokens, or the end user."""
    campaigns: CampaignRules | None
    """None: nobody looks for any."""
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

    def exempted_at(self, principal: Principal, request: LlmRequest) -> str | None:
        """`file:line` of what keeps the exchange out of every campaign; None where nothing does."""
        if self.campaigns is None or not self.campaigns.exempt:
            return None
        tier = self.tier_of(principal)
        for applies, position in self.campaigns.exempt:
            if applies(principal, request, tier):
                return position
        return None

    def demands(self, principal: Principal, request: LlmRequest) -> list[Demand]:
        """Every bucket that the exchange draws from, in the order of the quotas; keys are distinct.

        `request.end_user` is the keyed hash of what the client sent, or None.
        """
        tier = self.tier_of(principal)
        own = self.overrides.limits_for(principal, tier) if self.overrides.has_limits else None
        parts = [part(principal, request, tier) for part in self.parts]
        demands = []
        for quota, applies, indices, bucket in self.plans:
            if applies is not None and not applies(principal, request, tier):
                continue
            limit: Limit | None = quota.limit
            key = bucket
            for index in indices:
                if (part := parts[index]) is None:
                    break
                key += part
            else:
                if own is not None and quota.id in own:
                    limit, suffix, _ = own[quota.id]
                    key += suffix
                if limit is not None:
                    demands.append(Demand(quota, limit, key, capacity_of(limit)))
        return demands
