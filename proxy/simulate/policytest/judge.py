"""Owns the comparison of what was expected with what came, line by line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from proxy.exchange import Action
from proxy.simulate.policytest.language import ALLOW, Expectation, ExpectSpec
from proxy.simulate.policytest.tally import Tally
from proxy.simulate.policytest.texts import Bounds, show_duration

NOTHING_REFUSED = "nothing refused"


class Row(NamedTuple):
    """One thing that was expected, beside what came."""

    name: str
    expected: str
    actual: str
    holds: bool


def judge(expect: Expectation, tally: Tally) -> list[Row]:
    """A row for everything that `expect` names."""
    if expect == ALLOW:
        return [Row("expect", ALLOW, ALLOW if not tally.refused else _counts(tally), not tally.refused)]
    assert isinstance(expect, ExpectSpec)
    return [*_count_rows(expect, tally), *_refusal_rows(expect, tally), *_shadow_rows(expect, tally)]


def _count_rows(expect: ExpectSpec, tally: Tally) -> Iterator[Row]:
    for name, bounds, action in (
        ("allowed", expect.allowed, Action.ALLOW),
        ("throttled", expect.throttled, Action.THROTTLE),
        ("blocked", expect.blocked, Action.BLOCK),
    ):
        if bounds is not None:
            found = tally.actions[action]
            yield Row(name, bounds.text, str(found), bounds.hold(found, found))


def _refusal_rows(expect: ExpectSpec, tally: Tally) -> Iterator[Row]:
    for name, expected, found in (
        ("rule", expect.rule, tally.rules),
        ("scope", expect.scope, tally.scopes),
        ("campaign", expect.campaign, tally.campaigns),
        ("status", expect.status, tally.statuses),
    ):
        if expected is not None:
            actual = _listed(found) if tally.refused else NOTHING_REFUSED
            yield Row(name, _listed(expected), actual, set(expected) == found)
    if expect.retry_after is not None:
        yield _retry_row(expect.retry_after, tally)
    if expect.reasons is not None:
        actual = _listed(tally.reasons) if tally.refused else NOTHING_REFUSED
        yield Row("reasons", _listed(expect.reasons), actual, set(expect.reasons) <= tally.reasons)


def _retry_row(expected: Bounds, tally: Tally) -> Row:
    if tally.retry_us is None:
        return Row("retry_after", expected.text, "none" if tally.refused else NOTHING_REFUSED, False)
    least, most = tally.retry_us
    actual = show_duration(least) if least == most else f"{show_duration(least)}..{show_duration(most)}"
    return Row("retry_after", expected.text, actual, expected.hold(least, most))


def _shadow_rows(expect: ExpectSpec, tally: Tally) -> Iterator[Row]:
    if expect.shadowed is not None:
        yield Row("shadowed", _listed(expect.shadowed), _listed(tally.shadowed), set(expect.shadowed) == tally.shadowed)


def _counts(tally: Tally) -> str:
    words = {Action.ALLOW: "allowed", Action.THROTTLE: "throttled", Action.BLOCK: "blocked"}
    return ", ".join(f"{word} {tally.actions[action]}" for action, word in words.items() if tally.actions[action])


def _listed(values: Collection[object]) -> str:
    return ", ".join(sorted(map(str, values))) or "none"
