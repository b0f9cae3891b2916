"""Owns the checks of limits against the sizes of requests: what `models` says of them, or one request or token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proxy.admission.bucket import DAY_US, time_to_gain
from proxy.admission.quota import MICRO, Concurrency, Rate, Reserve, Unit, capacity_of
from proxy.policy.globs import globs_meet
from proxy.policy.issues import Code, Issue, quoted
from proxy.policy.limits import LimitError, amount_text, build_limit
from proxy.policy.lists import matchers_of
from proxy.policy.reach import glob_covers
from proxy.policy.spec import ModelSpec, Numbers, OverrideSpec, PolicySpec, QuotaSpec, TierSpec
from proxy.policy.terms import Matcher


class _Largest(NamedTuple):
    """The most that one request may take."""

    micro: int
    of: str


def size_issues(spec: PolicySpec) -> Iterator[Issue]:
    """Limits too small for one request, or for it to come back in a day; models that nobody has described."""
    if spec.models:
        for matcher in matchers_of(spec):
            yield from _unknown_models(matcher, spec)
    givers: tuple[TierSpec | OverrideSpec, ...] = (*spec.tiers.values(), *spec.overrides)
    for quota in spec.quotas:
        if quota.unit is None or quota.unit is Unit.CONCURRENT:
            continue
        largest = _largest(spec, quota)
        yield from _numbers(quota, quota, largest)
        for numbers in filter(None, (giver.quotas.get(quota.id) for giver in givers)):
            if isinstance(numbers, Numbers):
                yield from _numbers(quota, numbers, largest)


def _unknown_models(matcher: Matcher, spec: PolicySpec) -> Iterator[Issue]:
    for index, pattern in enumerate(matcher.model):
        if not any(globs_meet(name, pattern) for name in spec.models):
            message = f"{quoted(pattern)} fits no model that `models` at {spec.at('models').place} describes"
            yield Issue.warning(matcher.at("model", index), Code.UNKNOWN_MODEL, message)


def _numbers(quota: QuotaSpec, numbers: Numbers, largest: _Largest) -> Iterator[Issue]:
    try:
        limit = build_limit(numbers)
    except LimitError:
        return
    if limit is None or isinstance(limit, Concurrency):
        return
    capacity = capacity_of(limit)
    is_charged_at_once = quota.unit is not Unit.OUTPUT_TOKENS or quota.reserve is Reserve.MAX_TOKENS
    if largest.micro > capacity and is_charged_at_once:
        at = numbers.at("burst" if numbers.has("burst") else "rate" if numbers.has("rate") else "budget")
        message = f"the bucket holds {amount_text(capacity)}, and {largest.of} may take {amount_text(largest.micro)}"
        yield Issue.warning(at, Code.BURST_BELOW_REQUEST, message)
    if isinstance(limit, Rate) and (wait_us := time_to_gain(limit, largest.micro, 0)) > DAY_US:
        what = largest.of if largest.micro == MICRO else f"{amount_text(largest.micro)}, which {largest.of} may take,"
        message = f"{what} takes {wait_us / DAY_US:.1f} days to come back"
        yield Issue.warning(numbers.at("rate"), Code.SLOW_RECOVERY, message)


def _largest(spec: PolicySpec, quota: QuotaSpec) -> _Largest:
    if quota.unit is Unit.REQUESTS:
        return _Largest(MICRO, "one request")
    sizes = [_Largest(MICRO, "one token")]
    for name, model in _models_of(spec, quota):
        if tokens := _tokens(quota, model):
            sizes.append(_Largest(tokens * MICRO, f"one request to {quoted(name)}"))
    return max(sizes, key=lambda size: size.micro)


def _tokens(quota: QuotaSpec, model: ModelSpec) -> int | None:
    if quota.unit is Unit.OUTPUT_TOKENS:
        return model.max_output_tokens
    return model.context_tokens


def _models_of(spec: PolicySpec, quota: QuotaSpec) -> Iterator[tuple[str, ModelSpec]]:
    """The models that the quota may meet. Of several patterns the first describes a model."""
    asked = quota.match.model if quota.match is not None and quota.match.model else ("*",)
    exempt = quota.unless.model if quota.unless is not None and _keys(quota.unless) == {"model"} else ()
    for pattern in asked:
        for name, model in spec.models.items():
            if globs_meet(name, pattern) and not any(
                glob_covers(wide, name) or glob_covers(wide, pattern) for wide in exempt
            ):
                yield name, model
            if glob_covers(name, pattern):
                break


def _keys(matcher: Matcher) -> set[str | int]:
    return {place[0] for place in matcher.where if place}
