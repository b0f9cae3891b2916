"""Owns how what the policy says of campaigns becomes the rules that are asked."""

from __future__ import annotations

from proxy.admission.quota import Rate, Reserve, Unit
from proxy.policy.campaign_spec import (
    DEFAULT_BURST,
    DEFAULT_EXPIRY_US,
    DEFAULT_RATE,
    DEFAULT_SHARE,
    CampaignAction,
    CampaignsSpec,
    ConfirmedSpec,
    SuspectedSpec,
    ThrottleSpec,
)
from proxy.policy.limits import amount_text, rate_limit
from proxy.policy.lists import Lists
from proxy.policy.match import CampaignRule, CampaignRules, Exemption, Policy, Quota
from proxy.policy.predicates import compile_scope
from proxy.policy.terms import Matcher, Mode

CAMPAIGN = "campaign"
"""The scope of every refusal that rests on a verdict."""


def compile_campaigns(spec: CampaignsSpec, lists: Lists, policy_is_shadow: bool) -> CampaignRules:
    """`spec` has passed the reader and lint without an error; `lists` has every list that it names."""
    shadow = policy_is_shadow or spec.mode is Mode.SHADOW
    # A level that is left out has the defaults, and the place of what it was left out of.
    return CampaignRules(
        shadow=shadow,
        suspected=_rule("suspected", spec.suspected or SuspectedSpec(where=spec.where), shadow),
        confirmed=_rule("confirmed", spec.confirmed or ConfirmedSpec(where=spec.where), shadow),
        exempt=tuple(_exemption(matcher, lists) for matcher in spec.exempt),
        expires_after_us=spec.expires_after,
        tell_upstream=spec.tell_upstream,
    )


def expiry_of(policy: Policy) -> int:
    """For how many microseconds a policy has campaigns remembered; one without campaigns forgets none early."""
    return DEFAULT_EXPIRY_US if policy.campaigns is None else policy.campaigns.expires_after_us


def throttle_limit(spec: ThrottleSpec) -> Rate:
    """The limit of a campaign's bucket. LimitError where it cannot be counted."""
    return rate_limit(spec.rate or DEFAULT_RATE, spec.burst or DEFAULT_BURST)


def _rule(level: str, spec: SuspectedSpec | ConfirmedSpec, shadow: bool) -> CampaignRule:
    rule_id, position, action = f"{CAMPAIGN}:{level}", spec.at().place, spec.action or spec.default_action
    share = spec.share if isinstance(spec, SuspectedSpec) else None
    quota = None
    if action is CampaignAction.THROTTLE:
        rate, burst = spec.rate or DEFAULT_RATE, spec.burst or DEFAULT_BURST
        quota = Quota(
            id=rule_id,
            unit=Unit.REQUESTS,
            limit=throttle_limit(spec),
            key=(CAMPAIGN,),
            reserve=Reserve.NONE,
            shadow=shadow,
            scope=CAMPAIGN,
            position=position,
            numbers=f"{rate.text}, burst {amount_text(burst)}",
        )
    return CampaignRule(rule_id, action, quota, share or DEFAULT_SHARE, shadow, position)


def _exemption(matcher: Matcher, lists: Lists) -> Exemption:
    applies = compile_scope(matcher, None, lists, spares=True).applies
    assert applies is not None, "lint lets nobody exempt everybody"
    return Exemption(applies, matcher.at().place)
