"""Owns the checks of tiers' and principals' own numbers against the quotas that they are for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from proxy.policy.issues import Code, Issue, Position, quoted
from proxy.policy.limits import LimitError, build_limit
from proxy.policy.scalars import did_you_mean
from proxy.policy.spec import Numbers, OverrideSpec, PolicySpec, QuotaSpec, TierSpec


def undeclared_tier(tier: str, tiers: Mapping[str, object], at: Position) -> Issue:
    """Told wherever a tier is named that `tiers` does not have."""
    return Issue.error(
        at, Code.UNDECLARED_TIER, f"tier {quoted(tier)} is not declared{did_you_mean(tier, list(tiers))}"
    )


def tier_number_issues(spec: PolicySpec) -> Iterator[Issue]:
    """What is wrong with `tiers.*.quotas`."""
    quotas = _by_id(spec)
    for name, tier in spec.tiers.items():
        yield from _own_numbers(quotas, tier)
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
    quotas = _by_id(spec)
    for override in spec.overrides:
        yield from _override(spec, override)
        yield from _own_numbers(quotas, override)
    yield from _repetitions(spec.overrides)


def _repetitions(overrides: tuple[OverrideSpec, ...]) -> Iterator[Issue]:
    """The same thing given to a principal twice, or two entries of one file where one would do."""
    given: dict[tuple[object, ...], Position] = {}
    entries: dict[tuple[object, ...], Position] = {}
    for override in overrides:
        principal = (override.account, override.org, override.network)
        if not (_has_one(override) and any(principal)):
            continue  # whose it is meant to be is not known, which is told already
        places: list[tuple[str, ...]] = [("quotas", quota_id) for quota_id in override.quotas]
        places += [("tier",)] if override.tier else []
        repeated = [place for place in places if (*principal, place) in given]
        for place in repeated:
            earlier = given[(*principal, place)]
            message = f"{quoted(place[-1])} is given to the same principal already at {earlier.place}"
            yield Issue.error(override.at(*place), Code.DUPLICATE_OVERRIDE, message)
        for place in places:
            given.setdefault((*principal, place), override.at(*place))
        first = entries.setdefault((*principal, override.at().path), override.at())
        if first != override.at() and not repeated:
            message = f"the same principal has an override already at {first.place}; write them as one"
            yield Issue.warning(override.at(), Code.REPEATED_PRINCIPAL, message)


def _has_one(override: OverrideSpec) -> bool:
    return sum(map(override.has, OverrideSpec.exactly_one_of)) == 1


def _override(spec: PolicySpec, override: OverrideSpec) -> Iterator[Issue]:
    if not _has_one(override):
        message = "an override has exactly one of `account`, `org` and `network`"
        yield Issue.error(override.at(), Code.NOT_EXACTLY_ONE, message)
    if not override.has("tier") and not override.has("quotas"):
        yield Issue.error(override.at(), Code.EMPTY_OVERRIDE, Code.EMPTY_OVERRIDE.explanation)
    if override.tier is not None and override.tier not in spec.tiers:
        yield undeclared_tier(override.tier, spec.tiers, override.at("tier"))


def _by_id(spec: PolicySpec) -> dict[str, QuotaSpec]:
    return {quota.id: quota for quota in spec.quotas if quota.id}


def _own_numbers(quotas: Mapping[str, QuotaSpec], owner: TierSpec | OverrideSpec) -> Iterator[Issue]:
    for quota_id, numbers in owner.quotas.items():
        at = owner.at("quotas", quota_id)
        if quota_id not in quotas:
            hint = did_you_mean(quota_id, list(quotas))
            yield Issue.error(at, Code.UNKNOWN_QUOTA, f"no quota has the id {quoted(quota_id)}{hint}")
        elif isinstance(numbers, Numbers):
            yield from _numbers(quotas[quota_id], numbers)


def _numbers(quota: QuotaSpec, numbers: Numbers) -> Iterator[Issue]:
    kinds = [kind for kind in QuotaSpec.exactly_one_of if quota.has(kind)]
    given = [kind for kind in Numbers.exactly_one_of if numbers.has(kind)]
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
