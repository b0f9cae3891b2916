"""Owns how a failed test is told on a terminal: expected and actual side by side, and what was decided."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.exchange import Action, Decision
from proxy.simulate.policytest.judge import Row
from proxy.simulate.policytest.run import Failure, Result
from proxy.simulate.policytest.tally import Kind, Tally
from proxy.simulate.policytest.texts import show_duration

_MOST_KINDS = 5


def told(result: Result) -> str:
    """A failed test: its name, then each expectation that did not hold."""
    lines = [f"FAILED {result.case.name}"]
    for failure in result.failures:
        lines += told_failure(failure)
    return "\n".join(lines)


def told_failure(failure: Failure) -> list[str]:
    """`file:line:col`, the two columns with `!=` where they part, and the decisions."""
    sent = failure.tally.actions.total()
    at = f"{failure.at}: step {failure.step}, {sent} sent from +{show_duration(failure.since_start_us)}"
    return [at, *_table(failure.rows), *_decisions(failure.tally)]


def _table(rows: list[Row]) -> Iterator[str]:
    left = ["expected", *(f"{row.name}: {row.expected}" for row in rows)]
    right = ["actual", *(f"{row.name}: {row.actual}" for row in rows)]
    width = max(map(len, left))
    marks = ["  ", *("  " if row.holds else "!=" for row in rows)]
    for one, mark, other in zip(left, marks, right, strict=True):
        yield f"    {one:{width}}  {mark}  {other}"


def _decisions(tally: Tally) -> Iterator[str]:
    kinds = sorted(tally.kinds.values(), key=lambda kind: kind.first.action is Action.ALLOW)
    for kind in kinds[:_MOST_KINDS]:
        yield f"    {_kind(kind)}"
    if len(kinds) > _MOST_KINDS:
        yield f"    and {len(kinds) - _MOST_KINDS} other decisions"


def _kind(kind: Kind) -> str:
    first = f"{kind.first_account}, +{show_duration(kind.first_us)}"
    where = first if kind.count == 1 else f"first {first}"
    return f"{kind.count} x {_decision(kind.first)} ({where})"


def _decision(decision: Decision) -> str:
    words = [decision.action.value]
    if decision.action is not Action.ALLOW:
        words.append(str(decision.status))
        words.append(f"by {decision.rule}")
    if decision.retry_after_us is not None:
        words.append(f"for {show_duration(decision.retry_after_us)}")
    return " ".join(words) + (f": {' '.join(decision.reasons)}" if decision.reasons else "")
