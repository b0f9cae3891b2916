"""Owns the check for access rules on models that do not say what is to become of models which nobody reads."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.policy.issues import Code, Issue
from proxy.policy.spec import AccessSpec, PolicySpec
from proxy.policy.terms import Matcher, Mode


def model_issues(spec: PolicySpec) -> Iterator[Issue]:
    """Silent where a rule names paths: whoever wrote it has thought of them."""
    enforced = [rule for rule in spec.access if rule.mode is Mode.ENFORCE]
    if spec.mode is Mode.SHADOW or any(matcher.path for rule in enforced for matcher in _matchers(rule)):
        return
    for rule in enforced:
        if rule.deny is not None and rule.deny.model and not rule.has("allow"):
            yield Issue.warning(rule.deny.at("model"), Code.UNREAD_MODELS, Code.UNREAD_MODELS.explanation)
            return


def _matchers(rule: AccessSpec) -> Iterator[Matcher]:
    yield from (matcher for matcher in (rule.deny, rule.allow, rule.unless) if matcher is not None)
