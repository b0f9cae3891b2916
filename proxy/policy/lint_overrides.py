"""Owns the checks of tiers' and principals' own numbers against the quotas that they are for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy.policy.issues import Code, Issue, Position, quoted
from proxy.policy.limits import KINDS, LimitError, build_limit
from proxy.policy.scalars import did_you_mean
from proxy.policy.spec import Numbers, OverrideSpec, PolicySpec, QuotaSpec, TierSpec

_PRINCIPALS = ("account", "org", "network")


def undeclared_tier(tier: str, tiers: Mapping[str, object], at: Position) -> Issue:
    """Told wherever a tier is named that `tiers` does not have."""
    return Issue.error(
        at, Code.UNDECLARED_TIER, f"tier {quoted(tier)} is not declared{did_you_mean(tier, list(tiers))}"
    )


def tier_number_issues(spec: PolicySpec) -> Iterator[Issue]:
    """What is wrong with `tiers.*.quotas`."""
    for name, tier in spec.tiers.items():
        yield from _own_numbers(spec, tier)
        for quota in spec.quotas:
            if quota.id in tier.quotas and _excludes_tier(quota, name):
                yield Issue.warning(
                    tier.at("quotas", quota.id),
                    Code.UNREACHABLE_OVERRIDE,
                    f"quota {quoted(quota.id)} does not match tier {quoted(name)}",
                )


def _excludes_tier(quota: QuotaSpec, tier: str) -> bool:
    return quota.match is not None and bool(quota.match.tier) and tier not in quota.match.tier


def override_issues(spec: PolicySpec) -> Iterator[Issue]:
    """What is wrong with `overrides`."""
    first: dict[tuple[object, ...], Position] = {}
    for override in spec.overrides:
        yield from _override(spec, override)
        yield from _own_numbers(spec, override)
        for what in (*override.quotas, *(["tier"] if override.tier else [])):
            place = ("tier",) if what == "tier" and override.tier else ("quotas", what)
            subject = (override.account, override.org, override.network, place)
            if subject in first:
                earlier = first[subject]
                message = f"is given to the same principal already at {earlier.path}:{earlier.line}"
                yield Issue.error(override.at(*place), Code.DUPLICATE_OVERRIDE, f"{quoted(what)} {message}")
            first.setdefault(subject, override.at(*place))


def _override(spec: PolicySpec, override: OverrideSpec) -> Iterator[Issue]:
    if sum(map(override.has, _PRINCIPALS)) != 1:
        message = "an override has exactly one of `account`, `org` and `network`"
        yield Issue.error(override.at(), Code.NOT_EXACTLY_ONE, message)
    if not override.has("tier") and not override.has("quotas"):
        yield Issue.error(override.at(), Code.EMPTY_OVERRIDE, Code.EMPTY_OVERRIDE.explanation)
    if override.tier is not None and override.tier not in spec.tiers:
        yield undeclared_tier(override.tier, spec.tiers, override.at("tier"))


def _own_numbers(spec: PolicySpec, owner: TierSpec | OverrideSpec) -> Iterator[Issue]:
    quotas = {quota.id: quota for quota in spec.quotas if quota.id}
    for quota_id, numbers in owner.quotas.items():
        at = owner.at("quotas", quota_id)
        if quota_id not in quotas:
            hint = did_you_mean(quota_id, list(quotas))
            yield Issue.error(at, Code.UNKNOWN_QUOTA, f"no quota has the id {quoted(quota_id)}{hint}")
        elif isinstance(numbers, Numbers):
            yield from _numbers(quotas[quota_id], numbers)


def _numbers(quota: QuotaSpec, numbers: Numbers) -> Iterator[Issue]:
    kinds = [kind for kind in KINDS if quota.has(kind)]
    given = [kind for kind in KINDS if numbers.has(kind)]
    if given == [] and numbers.has("burst"):
        yield Issue.error(numbers.at("burst"), Code.BURST_WITHOUT_RATE, Code.BURST_WITHOUT_RATE.explanation)
        return
    if len(kinds) == 1 and given != kinds:
        message = f"quota {quoted(quota.id)} has a {kinds[0]}, so its own number here is a {kinds[0]}, or `unlimited`"
        yield Issue.error(numbers.at(), Code.OVERRIDE_KIND, message)
        return
    if numbers.has("burst") and given != ["rate"]:
        yield Issue.error(numbers.at("burst"), Code.BURST_WITHOUT_RATE, Code.BURST_WITHOUT_RATE.explanation)
    try:
        build_limit(numbers)
    except LimitError as error:
        yield Issue.error(numbers.at(error.key), error.code, error.message)
