"""Owns the checks of what is done about campaigns."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.policy.campaign_spec import CampaignAction, CampaignsSpec, ConfirmedSpec, SuspectedSpec
from proxy.policy.campaigns import throttle_limit
from proxy.policy.issues import Code, Issue
from proxy.policy.limits import LimitError
from proxy.policy.reach import covers
from proxy.policy.spec import PolicySpec
from proxy.policy.terms import Matcher

_NUMBERS = {
    "rate": CampaignAction.THROTTLE,
    "burst": CampaignAction.THROTTLE,
    "share": CampaignAction.PROBE,
}
"""The action that each number goes with."""
_STRENGTH = tuple(CampaignAction)


def campaign_issues(spec: PolicySpec) -> Iterator[Issue]:
    """What is wrong, or looks wrong, with `campaigns`."""
    campaigns = spec.campaigns
    if campaigns is None:
        return
    everything = Matcher(where={(): campaigns.at()})
    for matcher in campaigns.exempt:
        if covers(matcher, everything):
            yield Issue.error(matcher.at(), Code.EXEMPTS_EVERYBODY, Code.EXEMPTS_EVERYBODY.explanation)
    for level in (campaigns.suspected, campaigns.confirmed):
        if level is not None:
            yield from _level(level)
    yield from _weaker(campaigns)


def _level(level: SuspectedSpec | ConfirmedSpec) -> Iterator[Issue]:
    given = _action(level)
    for number, action in _NUMBERS.items():
        if level.has(number) and given not in (action, None):
            message = f"`{number}` goes with action {action}; here it is {given}"
            yield Issue.error(level.at(number), Code.NUMBER_OF_ANOTHER_ACTION, message)
            return
    if level.has("burst") and not level.has("rate"):
        yield Issue.error(level.at("burst"), Code.BURST_WITHOUT_RATE, Code.BURST_WITHOUT_RATE.explanation)
        return
    try:
        throttle_limit(level)
    except LimitError as error:
        yield Issue.error(level.at(error.key), error.code, error.message)


def _action(level: SuspectedSpec | ConfirmedSpec) -> CampaignAction | None:
    """None where one is given that cannot be read, which is told of already."""
    return level.action if level.has("action") else level.default_action


def _weaker(campaigns: CampaignsSpec) -> Iterator[Issue]:
    suspected = campaigns.suspected or SuspectedSpec(where=campaigns.where)
    confirmed = campaigns.confirmed or ConfirmedSpec(where=campaigns.where)
    before, after = _action(suspected), _action(confirmed)
    if before is None or after is None:
        return
    if _STRENGTH.index(before) > _STRENGTH.index(after):
        message = f"for a suspected campaign it is {before}, for a confirmed one only {after}"
    elif before is after is CampaignAction.THROTTLE and _is_wider(confirmed, suspected):
        message = "a confirmed campaign gets more than a suspected one"
    else:
        return
    yield Issue.warning(confirmed.at("action"), Code.WEAKER_WHEN_CONFIRMED, message)


def _is_wider(one: ConfirmedSpec, other: SuspectedSpec) -> bool:
    try:
        wide, narrow = throttle_limit(one), throttle_limit(other)
    except LimitError:
        return False
    return wide.refill_num * narrow.refill_den > narrow.refill_num * wide.refill_den
