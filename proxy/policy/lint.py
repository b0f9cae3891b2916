"""Owns the checks that need a policy as a whole: ids, tiers, limits, overrides, and what nothing can reach.

Works on whatever the reader could make of the file, and is silent about what the reader has told of already. What it
says is certain; a doubt that may be none is not told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from proxy.admission.quota import Unit
from proxy.policy.issues import Code, Issue, Position, quoted
from proxy.policy.limits import LimitError, build_limit
from proxy.policy.lint_campaigns import campaign_issues
from proxy.policy.lint_models import model_issues
from proxy.policy.lint_networks import network_issues
from proxy.policy.lint_overrides import override_issues, tier_number_issues, undeclared_tier
from proxy.policy.lint_redundant import redundant_quotas, refused_quotas
from proxy.policy.lint_sizes import size_issues
from proxy.policy.lint_trust import trust_issues
from proxy.policy.lists import Lists, matchers_of
from proxy.policy.reach import MAX_COMPARISONS, applies_wherever, covers
from proxy.policy.scalars import country_doubt
from proxy.policy.spec import AccessSpec, PolicySpec, QuotaSpec
from proxy.policy.terms import Matcher, Mode

_LONG_SHADOW_DAYS = 30


def lint(spec: PolicySpec, lists: Lists, today: date | None) -> Iterator[Issue]:
    """Everything that is wrong, or looks wrong, with the policy as a whole.

    `today` is what the age of shadow rules is told by; None tells nothing of it.
    """
    yield from _top_level(spec)
    yield from trust_issues(spec)
    yield from _duplicate_ids(spec)
    yield from _matchers(spec)
    for rule in spec.access:
        yield from _access(rule)
        yield from _shadow_age(rule, today)
    yield from _unreachable_rules(spec.access)
    yield from model_issues(spec)
    for quota in spec.quotas:
        yield from _quota(quota)
        yield from _shadow_age(quota, today)
    yield from refused_quotas(spec)
    yield from redundant_quotas(spec)
    yield from tier_number_issues(spec)
    yield from override_issues(spec)
    yield from campaign_issues(spec)
    yield from size_issues(spec)
    yield from network_issues(spec, lists)


def _top_level(spec: PolicySpec) -> Iterator[Issue]:
    if spec.default_tier is not None and spec.default_tier not in spec.tiers:
        yield undeclared_tier(spec.default_tier, spec.tiers, spec.at("default_tier"))
    if spec.tiers and not spec.has("default_tier"):
        yield Issue.warning(spec.at("tiers"), Code.NO_DEFAULT_TIER, Code.NO_DEFAULT_TIER.explanation)
    if not spec.has("quotas") and not spec.has("access") and not spec.has("campaigns"):
        yield Issue.warning(spec.at(), Code.NO_RULES, "the policy has no quotas, access rules or campaigns")


def _duplicate_ids(spec: PolicySpec) -> Iterator[Issue]:
    first: dict[str, Position] = {}
    items: tuple[AccessSpec | QuotaSpec, ...] = (*spec.access, *spec.quotas)
    for item in items:
        if not item.id:
            continue
        at = item.at("id")
        if item.id in first:
            earlier = first[item.id]
            yield Issue.error(at, Code.DUPLICATE_ID, f"{quoted(item.id)} is taken already at {earlier.place}")
        first.setdefault(item.id, at)


def _matchers(spec: PolicySpec) -> Iterator[Issue]:
    for matcher in matchers_of(spec):
        for index, tier in enumerate(matcher.tier):
            if tier not in spec.tiers:
                yield undeclared_tier(tier, spec.tiers, matcher.at("tier", index))
        for index, country in enumerate(matcher.country):
            doubt = country_doubt(country)
            if doubt:
                yield Issue.warning(matcher.at("country", index), Code.UNKNOWN_COUNTRY, doubt)


def _access(rule: AccessSpec) -> Iterator[Issue]:
    if sum(map(rule.has, AccessSpec.exactly_one_of)) != 1:
        yield Issue.error(rule.at(), Code.NOT_EXACTLY_ONE, "an access rule has exactly one of `deny` and `allow`")
    if rule.has("allow") and rule.mode is Mode.SHADOW:
        yield Issue.warning(rule.at("mode"), Code.SHADOW_ALLOW, Code.SHADOW_ALLOW.explanation)


def _shadow_age(rule: AccessSpec | QuotaSpec, today: date | None) -> Iterator[Issue]:
    if today is None or rule.since is None or rule.mode is not Mode.SHADOW:
        return
    days = (today - rule.since).days
    if days > _LONG_SHADOW_DAYS:
        message = f"in shadow mode for {days} days; enforce it, take it out, or give a new `since`"
        yield Issue.warning(rule.at("since"), Code.STALE_SHADOW, message)


def _unreachable_rules(access: tuple[AccessSpec, ...]) -> Iterator[Issue]:
    comparisons = 0
    last_deny = max((index for index, rule in enumerate(access) if rule.has("deny")), default=-1)
    for index, rule in enumerate(access):
        matcher = rule.deny or rule.allow
        if matcher is None:
            continue
        if rule.unless is not None and covers(rule.unless, matcher):
            yield Issue.error(rule.at("unless"), Code.UNREACHABLE_RULE, "`unless` exempts all that the rule matches")
            continue
        comparisons += index
        if comparisons > MAX_COMPARISONS:
            continue
        decider = next((earlier for earlier in access[:index] if _decides_all_of(earlier, rule, matcher)), None)
        if decider is not None:
            at = decider.at("id")
            message = f"rule {quoted(decider.id)} at {at.place} decides all that this rule matches"
            yield Issue.error(rule.at(), Code.UNREACHABLE_RULE, message)
        elif index > last_deny and not _is_the_rest(rule) and rule.mode is Mode.ENFORCE:
            yield Issue.warning(rule.at(), Code.IDLE_ALLOW, Code.IDLE_ALLOW.explanation)


def _is_the_rest(rule: AccessSpec) -> bool:
    """`allow: {}` as the last word says what holds anyway, and means no more than that."""
    return rule.allow is not None and len(rule.allow.where) == 1 and rule.unless is None


def _decides_all_of(earlier: AccessSpec, rule: AccessSpec, matcher: Matcher) -> bool:
    wide = earlier.deny or earlier.allow
    if earlier.mode is Mode.SHADOW or wide is None or earlier.has("unless") != (earlier.unless is not None):
        return False
    return applies_wherever((wide, earlier.unless), (matcher, rule.unless))


def _quota(quota: QuotaSpec) -> Iterator[Issue]:
    seen = set()
    for index, dimension in enumerate(quota.key):
        if dimension in seen:
            yield Issue.error(quota.at("key", index), Code.DUPLICATE_VALUE, f"{dimension} is in the key already")
        seen.add(dimension)
    if quota.unless is not None and covers(quota.unless, quota.match or Matcher(where={(): quota.at()})):
        yield Issue.error(quota.at("unless"), Code.UNREACHABLE_QUOTA, "`unless` exempts all that the quota matches")
    if quota.reserve is not None and quota.unit not in (None, Unit.OUTPUT_TOKENS, Unit.TOTAL_TOKENS):
        message = f"unit {quota.unit} is not reserved; `reserve` is for output_tokens and total_tokens"
        yield Issue.error(quota.at("reserve"), Code.RESERVE_UNIT, message)
    yield from _limit(quota)


def _limit(quota: QuotaSpec) -> Iterator[Issue]:
    given = [kind for kind in QuotaSpec.exactly_one_of if quota.has(kind)]
    if len(given) != 1:
        at = quota.at(given[1]) if given else quota.at()
        yield Issue.error(at, Code.NOT_EXACTLY_ONE, "a quota has exactly one of `rate`, `budget` and `limit`")
        return
    if quota.has("burst") and given != ["rate"]:
        yield Issue.error(quota.at("burst"), Code.BURST_WITHOUT_RATE, Code.BURST_WITHOUT_RATE.explanation)
    if quota.unit is not None and (given == ["limit"]) != (quota.unit is Unit.CONCURRENT):
        yield Issue.error(quota.at(given[0]), Code.LIMIT_UNIT, Code.LIMIT_UNIT.explanation)
    try:
        build_limit(quota)
    except LimitError as error:
        yield Issue.error(quota.at(error.key), error.code, error.message)
