"""Owns the checks that need a test file as a whole: what cannot be meant, and what would run too long.

Works on whatever the reader could make of the file, and is silent about what the reader has told of already.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.policy.issues import Code, Issue, Position, quoted
from proxy.policy.match import Policy
from proxy.policy.scalars import did_you_mean
from proxy.simulate.policytest.coverage import rule_ids
from proxy.simulate.policytest.language import (
    CaseSpec,
    Expectation,
    ExpectSpec,
    SenderSpec,
    SendSpec,
    StepSpec,
    SuiteSpec,
)
from proxy.simulate.policytest.sender import ATTRIBUTES, body_size, described, usual_peer
from proxy.simulate.policytest.texts import LONGEST_US, UNITS_US, show_duration

MOST_WORK = 200_000
"""In exchanges. At some 15,000 a second, no file takes much longer than a quarter of a minute."""
_MOST_TOLD = 8
_BODY_WORK = 16 * 2**10
_DURATION_WORK_US = UNITS_US["min"]


def lint(spec: SuiteSpec, policy: Policy | None, *, is_complete: bool) -> Iterator[Issue]:
    """Everything that is wrong with the file as a whole; what needs the policy only where there is one.

    Not `is_complete`: some keys could not be read, so that nothing counts as missing.
    """
    if spec.has("tests") and not spec.tests:
        yield Issue.error(spec.at("tests"), Code.EMPTY_LIST, "the file tests nothing")
    named: dict[str, Position] = {}
    work = 0
    for case in spec.tests:
        if case.name and case.name in named:
            message = f"{quoted(case.name)} is the name of the test in line {named[case.name].line} already"
            yield Issue.error(case.at("name"), Code.DUPLICATE_ID, message)
        named.setdefault(case.name, case.at("name"))
        if is_complete:
            yield from _missing(case)
        yield from _case(case)
        yield from _against(spec, case, policy)
        work += _work(spec, case)
        if work > MOST_WORK:
            yield _too_much_work(case)
            return


def _missing(case: CaseSpec) -> Iterator[Issue]:
    if case.has("steps") and not any(True for step in case.steps for _ in _expectations(step)):
        yield Issue.error(case.at("steps"), Code.MISSING_KEY, "no step of the test has an `expect`: it cannot fail")
    for step in case.steps:
        sends = step.has("send") or step.has("together")
        if step.has("expect") and not sends:
            message = "nothing is sent in this step: `expect` stands beside `send` or `together`"
            yield Issue.error(step.at("expect"), Code.MISSING_KEY, message)
        elif not sends and not step.has("wait"):
            yield Issue.error(step.at(), Code.MISSING_KEY, "a step has `send`, `together` or `wait`")
        for expect in _expectations(step):
            if isinstance(expect, ExpectSpec) and len(expect.where) == 1:
                message = "names nothing that is expected; `expect: allow` is for 'all pass'"
                yield Issue.error(expect.at(), Code.MISSING_KEY, message)


def _case(case: CaseSpec) -> Iterator[Issue]:
    for step in case.steps:
        yield from _verdicts(step)
        if step.has("send") and step.has("together"):
            message = "`send` has one sender, `together` several: give one"
            yield Issue.error(step.at("together"), Code.NOT_EXACTLY_ONE, message)
        elif step.has("together") and not step.together:
            yield Issue.error(step.at("together"), Code.EMPTY_LIST, "nobody sends anything")
    length_us = sum(step.wait + _span_us(step) for step in case.steps)
    if length_us > LONGEST_US:
        message = f"the test takes {show_duration(length_us)}, more than {show_duration(LONGEST_US)}"
        yield Issue.error(case.at("steps"), Code.BAD_NUMBER, message)


def _verdicts(step: StepSpec) -> Iterator[Issue]:
    named: dict[str, Position] = {}
    for verdict in step.campaigns or ():
        at = verdict.at("id")
        if verdict.id and verdict.id in named:
            message = f"{quoted(verdict.id)} is stated in line {named[verdict.id].line} already"
            yield Issue.error(at, Code.DUPLICATE_ID, message)
        named.setdefault(verdict.id, at)


def _against(spec: SuiteSpec, case: CaseSpec, policy: Policy | None) -> Iterator[Issue]:
    """What does not fit the policy that is tested."""
    if policy is None:
        return
    ids = rule_ids(policy)
    campaigns = [verdict.id for step in case.steps for verdict in step.campaigns or ()]
    for step in case.steps:
        if step.campaigns and policy.campaigns is None:
            message = f"policy {policy.name} has no `campaigns`, so that no verdict is ever asked"
            yield Issue.error(step.at("campaigns"), Code.MISSING_KEY, message)
        for expect in _expectations(step):
            if isinstance(expect, ExpectSpec):
                yield from _unknown_rules(expect, ids, policy)
                yield from _unknown_campaigns(expect, campaigns)
        for sender in step.senders():
            exchange = described((sender, case.defaults, spec.defaults))
            told = [name for name in ATTRIBUTES if exchange[name] is not None]
            if told and exchange["peer"] is None and usual_peer(policy.trusted_proxies) is None:
                message = f"`peer` is missing: which of the policy's trusted_proxies tells the {told[0]}?"
                yield Issue.error(sender.at(), Code.MISSING_KEY, message)


def _unknown_rules(expect: ExpectSpec, ids: list[str], policy: Policy) -> Iterator[Issue]:
    there_are = f"; it has {', '.join(ids[:_MOST_TOLD])}{', …' if len(ids) > _MOST_TOLD else ''}"
    for key, which, names in (
        ("rule", "the rules that refuse", expect.rule),
        ("shadowed", "the shadow rules that would have refused", expect.shadowed),
    ):
        for index, name in enumerate(names or ()):
            if name not in ids:
                instead = did_you_mean(name, ids) or there_are
                message = f"`{key}` names {which}, and policy {policy.name} has no rule {quoted(name)}{instead}"
                yield Issue.error(expect.at(key, index), Code.UNKNOWN_QUOTA, message)


def _unknown_campaigns(expect: ExpectSpec, known: list[str]) -> Iterator[Issue]:
    for index, name in enumerate(expect.campaign or ()):
        if name not in known:
            message = f"no step of the test states a campaign {quoted(name)}{did_you_mean(name, known)}"
            yield Issue.error(expect.at("campaign", index), Code.UNKNOWN_VALUE, message)


def _expectations(step: StepSpec) -> Iterator[Expectation]:
    for expect in (step.expect, *(sender.expect for sender in step.together)):
        if expect is not None:
            yield expect


def _span_us(step: StepSpec) -> int:
    return max((_end_us(sender) for sender in step.senders()), default=0)


def _end_us(sender: SendSpec) -> int:
    after = sender.after if isinstance(sender, SenderSpec) else 0
    return after + (sender.times - 1) * sender.every


def _work(spec: SuiteSpec, case: CaseSpec) -> int:
    work = 1
    for step in case.steps:
        work += 1 + sum(account.count for verdict in step.campaigns or () for account in verdict.accounts)
        for sender in step.senders():
            exchange = described((sender, case.defaults, spec.defaults))
            each = 1 + body_size(exchange) // _BODY_WORK + exchange["duration"] // _DURATION_WORK_US
            work += sender.times * each
    return work


def _too_much_work(case: CaseSpec) -> Issue:
    message = (
        f"up to here the file asks for more than {MOST_WORK} exchanges, "
        "where each 16 KiB of a body and each minute of a duration count as one more"
    )
    return Issue.error(case.at("steps"), Code.BAD_NUMBER, message)
