"""Owns an explanation as text, for whoever reads it in a terminal or on a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from proxy.admission.quota import Unit
from proxy.explain.explanation import Bucket, ExplainedLevel, ExplainedQuota, ExplainedRule, Explanation
from proxy.policy.campaign_spec import CampaignAction
from proxy.policy.predicates import Mismatch
from proxy.policy.spec import UNLIMITED
from proxy.reports.wording import plain

_MOST_VALUES = 4
_ACTIONS = {
    CampaignAction.OBSERVE: "nothing is done",
    CampaignAction.PROBE: "{} of its requests are refused, to see who takes them up",
    CampaignAction.THROTTLE: "throttled to {} for all members together",
    CampaignAction.BLOCK: "blocked",
}
_NETWORKS = ("network", "network_in", "address")


def explanation_text(explanation: Explanation) -> str:
    """Several lines: who asks what, each rule in the order of the policy, and the decision."""
    names = [rule.id for rule in explanation.access] + [quota.id for quota in explanation.quotas]
    names += [level.level for level in explanation.campaigns]
    width = max(map(len, names), default=0)
    lines = [_who(explanation), _what(explanation), _policy(explanation)]
    lines += ["", "access rules"] if explanation.access else []
    for rule in explanation.access:
        lines += _entry(rule.id, width, [_rule(rule)])
    lines += ["", "quotas"] if explanation.quotas else []
    for quota in explanation.quotas:
        lines += _entry(quota.id, width, _quota(quota))
    lines += ["", "campaigns, if it belongs to one"] if explanation.campaigns else []
    for level in explanation.campaigns:
        lines += _entry(level.level, width, [_level(level)])
    return "\n".join([*map(plain, lines), "", _decision(explanation)])


def _who(explanation: Explanation) -> str:
    principal, tier = explanation.principal, explanation.tier
    known = [f"account {principal['account']}", f"address {principal['address']} in {principal['network']}"]
    known += [f"{name} {principal[name]}" for name in ("org", "country", "asn") if principal[name] is not None]
    known.append("verified" if principal["verified"] else "not verified")
    source = f"{tier.source}, {tier.position}" if tier.position else tier.source
    return ", ".join([*known, f"tier {tier.name} ({source})"])


def _what(explanation: Explanation) -> str:
    request = explanation.request
    known = [request["path"], f"model {request['model']}" if request["model"] is not None else "no model"]
    if request["max_tokens"] is not None:
        known.append(f"at most {request['max_tokens']} output tokens")
    if request["end_user"] is not None:
        known.append(f"end user {request['end_user']}")
    return f"asks {', '.join(known)}"


def _policy(explanation: Explanation) -> str:
    shadow = ", in shadow mode: it denies nothing" if explanation.shadow else ""
    return f"policy {explanation.policy} (sha256 {explanation.policy_sha256[:12]}…){shadow}"


def _entry(name: str, width: int, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"  {'' if number else name:{width}}  {line}"


def _rule(rule: ExplainedRule) -> str:
    if rule.why_not is None:
        return f"{rule.outcome.value} ({rule.position})"
    return f"{rule.outcome.value}: {_because(rule.why_not)}"


def _quota(quota: ExplainedQuota) -> Iterator[str]:
    if quota.why_not is not None:
        yield f"does not apply: {_because(quota.why_not)}"
        return
    yield _standing(quota, quota.bucket)
    if quota.source == "quota":
        whose = f"({quota.position})"
    else:
        whose = f"of {quota.source} ({quota.source_position}) for the quota at {quota.position}"
    yield f"{quota.numbers} {whose}"
    if quota.bucket is not None:
        yield f"bucket {quota.bucket.key}"


def _level(level: ExplainedLevel) -> str:
    if level.exempted_at is not None:
        return f"never: exempt ({level.exempted_at})"
    shadow = ", in shadow mode: nothing is done" if level.shadow and level.action != CampaignAction.OBSERVE else ""
    return f"{_ACTIONS[level.action].format(level.numbers)}{shadow} ({level.position})"


def _standing(quota: ExplainedQuota, bucket: Bucket | None) -> str:
    if bucket is None:
        return "applies; the store did not answer"
    what = "slots" if quota.unit == Unit.CONCURRENT else quota.unit.replace("_", " ")
    holds = f"holds {_number(bucket.remaining)} of {_number(bucket.capacity)} {what}, needs {_number(bucket.needed)}"
    if bucket.grants:
        return f"{'would grant (shadow)' if quota.shadow else 'grants'}: {holds}"
    verb = "would deny (shadow)" if quota.shadow else "denies"
    if bucket.passes_after_s is None:
        return f"{verb}: {holds}; it can never pass"
    return f"{verb}: {holds}; passes in {bucket.passes_after_s:.3f} s"


def _because(why_not: Mismatch) -> str:
    return f"{_reason(why_not)} ({why_not.position})"


def _reason(why_not: Mismatch) -> str:
    key, expected, actual, _ = why_not
    match key:
        case "unless":
            return f"exempted by `unless` {'; '.join(expected)}"
        case "key":
            return f"its buckets are kept for the {expected[0]}, and there is none"
        case "unit":
            return "no tokens are counted of what is not read"
        case _ if key == UNLIMITED:
            return "unlimited"
        case _ if actual is None:
            return f"there is no {key}, and {_one_of(expected)} is asked for"
        case _ if key in _NETWORKS:
            return f"address is {actual}, not in {_one_of(expected)}"
        case _:
            return f"{key} is {actual}, not {_one_of(expected)}"


def _one_of(values: Sequence[str]) -> str:
    shown = list(values[:_MOST_VALUES])
    if len(values) > _MOST_VALUES:
        shown.append(f"{len(values) - _MOST_VALUES} more")
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _number(amount: float) -> str:
    return str(amount) if isinstance(amount, int) else f"{amount:.3f}"


def _decision(explanation: Explanation) -> str:
    decision = explanation.decision
    line = f"decision: {decision['action']} ({decision['status']})"
    if decision["rule"] is not None:
        line += f" by {decision['rule']}"
    if decision["retry_after_s"] is not None:
        line += f", passes in {decision['retry_after_s']:.3f} s"
    if decision["shadow"]:
        shadowed = [reason.removeprefix("shadow:") for reason in decision["reasons"] if reason.startswith("shadow:")]
        line += f"; in shadow mode {', '.join(shadowed)} would have denied"
    return f"{line}\n{decision['message']}" if decision["message"] else line
