"""Owns the checks for quotas that have nothing to deny: another is as tight, or an access rule refuses first."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.admission.quota import Budget, Concurrency, Limit, Rate, Reserve
from proxy.policy.issues import Code, Issue, quoted
from proxy.policy.limits import LimitError, build_limit
from proxy.policy.reach import MAX_COMPARISONS, applies_wherever
from proxy.policy.spec import OverrideSpec, PolicySpec, QuotaSpec, TierSpec
from proxy.policy.terms import Mode


def refused_quotas(spec: PolicySpec) -> Iterator[Issue]:
    """Quotas that only match what an access rule denies."""
    if spec.mode is Mode.SHADOW or len(spec.access) * len(spec.quotas) > MAX_COMPARISONS:
        return
    for rule in spec.access:
        if rule.has("allow"):
            return
        if rule.deny is None or rule.mode is Mode.SHADOW or rule.has("unless") != (rule.unless is not None):
            continue
        for quota in spec.quotas:
            if quota.match is not None and applies_wherever((rule.deny, rule.unless), (quota.match, quota.unless)):
                message = f"rule {quoted(rule.id)} at {rule.at('id').place} denies all that this quota matches"
                yield Issue.warning(quota.at(), Code.UNREACHABLE_QUOTA, message)


def redundant_quotas(spec: PolicySpec) -> Iterator[Issue]:
    """Quotas beside which another is at least as tight wherever they apply, so that they add nothing."""
    limits = {id(quota): _limit(quota) for quota in spec.quotas}
    givers: tuple[TierSpec | OverrideSpec, ...] = (*spec.tiers.values(), *spec.overrides)
    has_own_numbers = {quota_id for giver in givers for quota_id in giver.quotas}
    fixed = [quota for quota in spec.quotas if quota.id not in has_own_numbers and limits[id(quota)] is not None]
    if len(fixed) ** 2 > MAX_COMPARISONS:
        return
    for place, loose in enumerate(fixed):
        for other, tight in enumerate(fixed):
            first, second = limits[id(tight)], limits[id(loose)]
            if tight.id == loose.id or first is None or second is None or not _is_as_tight(first, second):
                continue
            # Of two that say the same, the later one is the one too many.
            is_first_of_two = place < other and first == second and _stands_in_for(loose, tight)
            if not is_first_of_two and _stands_in_for(tight, loose):
                message = f"quota {quoted(tight.id)} at {tight.at('id').place} is at least as tight in all it matches"
                yield Issue.warning(loose.at("id"), Code.REDUNDANT_QUOTA, message)
                break


def _limit(quota: QuotaSpec) -> Limit | None:
    try:
        return build_limit(quota)
    except LimitError:
        return None


def _stands_in_for(tight: QuotaSpec, loose: QuotaSpec) -> bool:
    """Whether every charge to a bucket of `loose` is one to a single bucket of `tight` too."""
    if tight.mode is Mode.SHADOW or (tight.unit, _reserve(tight)) != (loose.unit, _reserve(loose)):
        return False
    if not set(tight.key) <= set(loose.key) or tight.has("match") != (tight.match is not None):
        return False
    if tight.has("unless") != (tight.unless is not None):
        return False
    return applies_wherever((tight.match, tight.unless), (loose.match, loose.unless))


def _reserve(quota: QuotaSpec) -> Reserve:
    return quota.reserve or Reserve.ESTIMATE


def _is_as_tight(tight: Limit, loose: Limit) -> bool:
    match tight, loose:
        case Rate(), Rate():
            is_slower = tight.refill_num * loose.refill_den <= loose.refill_num * tight.refill_den
            return is_slower and tight.capacity_micro <= loose.capacity_micro
        case Budget(), Budget():
            return tight.calendar is loose.calendar and tight.limit_micro <= loose.limit_micro
        case Concurrency(), Concurrency():
            return tight.limit <= loose.limit
        case _:
            return False
