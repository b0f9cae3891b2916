"""Owns what an explanation is made of: values alone, fit for JSON and for a terminal. Pure data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from proxy.policy.campaign_spec import CampaignAction
from proxy.policy.predicates import Mismatch


class AccessOutcome(StrEnum):
    """What an access rule does with the request."""

    DENIES = "denies"
    ALLOWS = "allows"
    WOULD_DENY = "would deny"
    """It, or the whole policy, is in shadow mode."""
    NO_MATCH = "does not match"
    NOT_ASKED = "not asked"
    """An earlier rule has decided, or it is an allow rule in shadow mode."""


@dataclass(frozen=True, slots=True)
class ExplainedTier:
    """The tier that counts, and where it comes from."""

    name: str
    source: str
    """`account`, `override of …`, `default`, or `default, as … is not declared` of what the account has."""
    position: str | None


@dataclass(frozen=True, slots=True)
class ExplainedRule:
    """An access rule and what it does; positions are `file:line`."""

    id: str
    position: str
    outcome: AccessOutcome
    why_not: Mismatch | None
    """None where it matches."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """How one bucket stands for this request. Amounts are requests, tokens or slots."""

    key: str
    capacity: float
    remaining: float
    """Below zero while it is in debt."""
    needed: float
    grants: bool
    passes_after_s: float | None
    """Until it would grant, if nobody else drew from it: 0 where it grants now, None for never."""
    full_after_s: float
    """Until all of it is back; 0 for slots."""


@dataclass(frozen=True, slots=True)
class ExplainedQuota:
    """A quota, and the bucket that the request draws from; positions are `file:line`."""

    id: str
    position: str
    unit: str
    shadow: bool
    why_not: Mismatch | None
    """None where it applies. Beside a matcher's keys: `key` (the exchange lacks what buckets are kept for), `unit` (no
    tokens are counted at this path), `unlimited`."""
    numbers: str
    """As they are written: `50/min, burst 100`."""
    source: str
    """Whose numbers: `quota`, or the tier's, account's, organisation's or network's that are named."""
    source_position: str
    bucket: Bucket | None
    """None where the quota does not apply, or the store did not answer."""


@dataclass(frozen=True, slots=True)
class ExplainedLevel:
    """What is done with the request if it belongs to a campaign of this level. Whether it does is not asked."""

    level: str
    position: str
    """`file:line`."""
    action: CampaignAction
    numbers: str | None
    """Of `throttle` as they are written: `6/h, burst 1`; of `probe` the share: `2%`."""
    shadow: bool
    exempted_at: str | None
    """`file:line` of what keeps the request out of every campaign."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a request is treated as it is."""

    policy: str
    policy_sha256: str
    shadow: bool
    """The whole policy denies nothing."""
    principal: dict[str, Any]
    request: dict[str, Any]
    tier: ExplainedTier
    access: tuple[ExplainedRule, ...]
    quotas: tuple[ExplainedQuota, ...]
    campaigns: tuple[ExplainedLevel, ...]
    """Empty where the policy has nobody look for any."""
    decision: dict[str, Any]
    """`action`, `status`, `rule`, `scope`, `retry_after_s`, `shadow`, `reasons` and `message`."""
    store_fault: str | None
    """Why the store did not answer."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, fit for a JSON encoder; keys are the fields' names."""
        explained = asdict(self)
        for part in (*explained["access"], *explained["quotas"]):
            if part["why_not"] is not None:
                part["why_not"] = part["why_not"]._asdict()
        return explained
