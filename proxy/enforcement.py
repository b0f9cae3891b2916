"""Owns the way from a verdict to what is done about one request: which rule of the policy, and what it asks for. Pure.

Decides nothing about buckets: a throttled request brings its campaign's bucket as one more demand.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

from proxy.admission.quota import Rate, capacity_of
from proxy.events.content import Content
from proxy.generations import Generations
from proxy.policy.campaign_spec import CampaignAction
from proxy.policy.match import CampaignRule, CampaignRules, Demand
from proxy.verdict.campaign import Level
from proxy.verdict.snapshot import Match

PROBE_RULE = "campaign:probe"
PROBE_RETRY_US = 2_000_000
"""A probed client is back after this long; a pool is faster with another account."""
PROBE_PACE_US = 2_500_000
"""Between two probes of one suspicion: time for the first one's client to be back, and for verdicts to know of it."""
_MOST_PACED = 1000
_MILLION = 1_000_000


class Measure(NamedTuple):
    """What is done about one request of a campaign."""

    rule: str
    """The id of the rule as a refusal names it; the level's, or `PROBE_RULE`."""
    shadow: bool
    """It is only told."""
    demand: Demand | None
    """The bucket to draw from, kept for the campaign; None: the request is refused outright."""
    retry_after_us: int | None
    """Of an outright refusal: when to come back; None for never."""


class Pace:
    """When each suspicion was probed last, so that what comes at once is not all refused."""

    def __init__(self) -> None:
        self._last: Generations[str, tuple[int, str, int]] = Generations(_MOST_PACED)
        """By campaign: the moment, the account and what it asked."""

    def probes(self, campaign: str, account: str, asked: int, now_us: int) -> bool:
        """Whether a request may be refused as a probe: it is time for one, or it repeats the last one too early."""
        last_us, probed, refused = self._last.get(campaign) or (now_us - PROBE_PACE_US, "", 0)
        if account == probed:
            return asked == refused and now_us < last_us + PROBE_RETRY_US
        if now_us < last_us + PROBE_PACE_US:
            return False
        self._last.put(campaign, (now_us, account, asked))
        return True


def measure_for(
    rules: CampaignRules, match: Match, account: str, content: Content | None, now_us: int, pace: Pace
) -> Measure | None:
    """What the policy has done with a request that arrives at `now_us` and belongs to `match`; None for nothing."""
    rule = rule_of(rules, match.level)
    match rule.action:
        case CampaignAction.OBSERVE:
            return None
        case CampaignAction.PROBE:
            asked = content.asked if content is not None else 0
            is_drawn = match.probing and _is_drawn(rule.share, account, asked, now_us)
            is_probed = is_drawn and pace.probes(match.campaign, account, asked, now_us)
            return Measure(PROBE_RULE, rule.shadow, None, PROBE_RETRY_US) if is_probed else None
        case CampaignAction.THROTTLE:
            assert rule.quota is not None
            assert isinstance(rule.quota.limit, Rate)
            # What got out before has drawn it: whom it is found by is refused from the first request on.
            limit = replace(rule.quota.limit, spent_us=match.since_us)
            demand = Demand(rule.quota, limit, f"campaign:{match.campaign}", capacity_of(limit))
            return Measure(rule.id, rule.shadow, demand, None)
        case CampaignAction.BLOCK:
            return Measure(rule.id, rule.shadow, None, None)


def rule_of(rules: CampaignRules, level: Level) -> CampaignRule:
    """What is done about campaigns of a level."""
    return rules.confirmed if level is Level.CONFIRMED else rules.suspected


def is_told_upstream(rules: CampaignRules) -> bool:
    """Whether the upstream is told of verdicts: a policy in shadow has nobody act on them."""
    return rules.tell_upstream and not rules.shadow


def _is_drawn(share: int, account: str, asked: int, now_us: int) -> bool:
    """Whether a probe falls on this request: by lot, the same for repetitions within the time that a refusal asks for.

    A retry that keeps to it draws anew, and so does another account, so that nobody is shut out.
    """
    lot = f"{account}|{asked}|{now_us // PROBE_RETRY_US}"
    drawn = blake2b(lot.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(drawn, "big") % _MILLION < share
