"""Owns the check for rules on models that do not say what is to become of models which nobody reads."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.policy.issues import Code, Issue
from proxy.policy.spec import PolicySpec
from proxy.policy.terms import Matcher, Mode


def model_issues(spec: PolicySpec) -> Iterator[Issue]:
    """One for a policy, as one rule on paths answers it for all. What a quota says of paths answers it for quotas.

    Silent where paths are named: whoever wrote that has thought of them.
    """
    rules = [rule for rule in spec.access if rule.mode is Mode.ENFORCE]
    quotas = [quota for quota in spec.quotas if quota.mode is Mode.ENFORCE]
    if spec.mode is Mode.SHADOW or any(_names_path(rule.deny, rule.allow, rule.unless) for rule in rules):
        return
    on_models = [rule.deny for rule in rules if not rule.has("allow")]
    if not any(_names_path(quota.match, quota.unless) for quota in quotas):
        on_models += [quota.match for quota in quotas]
    first = next((matcher for matcher in on_models if matcher is not None and matcher.model), None)
    if first is not None:
        yield Issue.warning(first.at("model"), Code.UNREAD_MODELS, Code.UNREAD_MODELS.explanation)


def _names_path(*matchers: Matcher | None) -> bool:
    return any(matcher is not None and matcher.path for matcher in matchers)
