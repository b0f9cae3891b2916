"""Owns tiers' and principals' own limits as the hot path asks them. Knows no quota but by its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from proxy.admission.quota import Limit
from proxy.identity.principal import Principal
from proxy.policy.prefixes import PrefixTable


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

    @property
    def has_networks(self) -> bool:
        """Some are given to networks."""
        return len(self.networks) + len(self.network_tiers) > 0

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
