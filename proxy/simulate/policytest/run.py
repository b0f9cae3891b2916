"""Owns the running of tests: each test in a world of its own, its exchanges in the order of their times."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from proxy.exchange import Exchange
from proxy.pipeline import FixedPolicy
from proxy.policy.issues import Position
from proxy.simulate.policytest.judge import Row, judge
from proxy.simulate.policytest.language import CaseSpec, ExchangeSpec, SenderSpec, SendSpec, StepSpec
from proxy.simulate.policytest.sender import Sender, described
from proxy.simulate.policytest.suite import Suite
from proxy.simulate.policytest.tally import Tally
from proxy.simulate.policytest.verdicts import StatedVerdicts
from proxy.simulate.replay import HASH_KEY
from proxy.simulate.world import World

Watcher = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that did not hold."""

    at: Position
    step: int
    """From 1."""
    since_start_us: int
    """When the step's sending began."""
    rows: list[Row]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test."""

    suite: Suite
    case: CaseSpec
    failures: list[Failure] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.failures


def run_case(suite: Suite, case: CaseSpec, watch: Watcher) -> Result:
    """Runs one test; `watch` is told of every exchange."""
    return Result(suite, case, list(_Run(suite, case, watch).failures()))


class _Run:
    def __init__(self, suite: Suite, case: CaseSpec, watch: Watcher) -> None:
        self._suite = suite
        self._case = case
        self._watch = watch
        self._verdicts = StatedVerdicts()
        self._world = World(FixedPolicy(suite.policy), HASH_KEY, detection=self._verdicts)
        self._now_us = case.start
        self._number = 0

    def failures(self) -> Iterator[Failure]:
        for number, step in enumerate(self._case.steps, 1):
            self._now_us += step.wait
            begun_us = self._now_us - self._case.start
            if step.campaigns is not None:
                self._verdicts.state(step.campaigns)
            whole, single = self._send(step)
            yield from _failure(step, number, begun_us, whole)
            for sender, tally in zip(step.together, single, strict=True):
                yield from _failure(sender, number, begun_us, tally)

    def _send(self, step: StepSpec) -> tuple[Tally, list[Tally]]:
        """The tally of the step, and that of each sender of several."""
        specs = step.senders()
        senders = [self._sender(spec) for spec in specs]
        whole, single = Tally(), [Tally() for _ in specs]
        begun_us = self._now_us
        for offset_us, place, index in heapq.merge(*(_times(spec, place) for place, spec in enumerate(specs))):
            self._now_us = begun_us + offset_us
            self._number += 1
            exchange = self._world.arrive(senders[place].line(index, self._number, self._now_us))
            self._watch(exchange)
            for tally in (whole, single[place]):
                tally.count(exchange, self._now_us - self._case.start)
        return whole, single[: len(step.together)]

    def _sender(self, spec: SendSpec) -> Sender:
        layers: tuple[ExchangeSpec | None, ...] = (spec, self._case.defaults, self._suite.spec.defaults)
        return Sender(described(layers), self._suite.policy.trusted_proxies)


def _failure(spec: StepSpec | SenderSpec, step: int, since_start_us: int, tally: Tally) -> Iterator[Failure]:
    if spec.expect is not None:
        rows = judge(spec.expect, tally)
        if not all(row.holds for row in rows):
            yield Failure(spec.at("expect"), step, since_start_us, rows, tally)


def _times(spec: SendSpec, place: int) -> Iterator[tuple[int, int, int]]:
    """When each of a sender's exchanges comes, from the step's beginning; the sender's place; the exchange's index."""
    after = spec.after if isinstance(spec, SenderSpec) else 0
    return ((after + index * spec.every, place, index) for index in range(spec.times))
