"""Owns how customers come by: sessions along a day, a run of work through a queue. Parties are made of these."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.actor import Reply, Scene
from proxy.simulate.traffic.benign.party import Customer, Request
from proxy.simulate.traffic.benign.rhythm import MINUTE_US, DayShape
from proxy.simulate.traffic.benign.talk import Conversation, Opener
from proxy.simulate.traffic.responses import Answer

_AGAIN = 0.03
"""Share of answers that somebody lets be made anew: the same request once more."""
_LATER = 0.3
"""Share of the conversations that a quota broke off which are taken up some minutes later, on the same account."""


def hold(scene: Scene, customer: Customer, conversation: Conversation) -> None:
    """Has a conversation from now on, until it is done or the customer gives up."""
    customer.ask(scene, conversation.request(), partial(_heard, scene, customer, conversation))


def _heard(scene: Scene, customer: Customer, conversation: Conversation, reply: Reply, given: Answer) -> None:
    rng = scene.rng
    if reply.status == 429:
        if rng.random() < _LATER:
            scene.at(scene.now_us + int(rng.uniform(1, 15) * MINUTE_US), partial(hold, scene, customer, conversation))
        return
    if reply.status != 200:
        return
    ready_us = scene.now_us + finished_in_us(given)
    if rng.random() < _AGAIN:
        scene.at(ready_us + int(rng.uniform(2, 30) * US_PER_SECOND), partial(hold, scene, customer, conversation))
    elif conversation.habit.continued(conversation, given, rng):
        scene.at(ready_us + conversation.habit.pause_us(rng), partial(hold, scene, customer, conversation))


def finished_in_us(given: Answer) -> int:
    """How long the answer takes."""
    return int(given.response.get("duration_s", 0.0) * US_PER_SECOND)


class Visits:
    """One account's sessions, as they come along its day, singly or in bursts."""

    __slots__ = ("_burst", "_customer", "_opener", "_per_day", "_scene", "_shape", "_until_us")

    def __init__(
        self,
        scene: Scene,
        customer: Customer,
        opener: Opener,
        shape: DayShape,
        per_day: float,
        *,
        burst: float = 1.0,
        until_us: int | None = None,
    ) -> None:
        """`per_day`: conversations begun on an average day, `burst` of them at a time; none at or after `until_us`."""
        self._scene = scene
        self._customer = customer
        self._opener = opener
        self._shape = shape
        self._per_day = per_day / burst
        self._burst = burst
        self._until_us = until_us

    def start(self) -> None:
        """Waits for the first session."""
        moment_us = self._shape.next_us(self._scene.rng, self._scene.now_us, self._per_day)
        if self._until_us is None or moment_us < self._until_us:
            self._scene.at(moment_us, self._come)

    def _come(self) -> None:
        self.start()
        scene, rng = self._scene, self._scene.rng
        hold(scene, self._customer, self._opener.opened(rng))
        for _ in range(int(rng.expovariate(1.0 / (self._burst - 1.0))) if self._burst > 1.0 else 0):
            moment_us = scene.now_us + int(rng.expovariate(0.5) * US_PER_SECOND)
            scene.at(moment_us, partial(hold, scene, self._customer, self._opener.opened(rng)))


class Work:
    """A queue that workers of one or several accounts empty, one request at a time each, as fast as answers come."""

    __slots__ = ("_customers", "_gap_s", "_jobs", "_scene")

    def __init__(self, scene: Scene, customers: list[Customer], jobs: Iterator[Request], gap_s: float = 0.2) -> None:
        """`gap_s`: a worker's mean pause between two requests. A job that fails is dropped: batch tools note it."""
        self._scene = scene
        self._customers = customers
        self._jobs = jobs
        self._gap_s = gap_s

    def start(self, workers: int) -> None:
        """Sets so many workers going, spread evenly over the accounts."""
        for number in range(workers):
            self._next(self._customers[number % len(self._customers)])

    def _next(self, customer: Customer) -> None:
        job = next(self._jobs, None)
        if job is not None:
            customer.ask(self._scene, job, partial(self._done, customer))

    def _done(self, customer: Customer, reply: Reply, given: Answer) -> None:
        rng = self._scene.rng
        wait_us = int(rng.expovariate(1.0 / self._gap_s) * US_PER_SECOND)
        if reply.status == 200:
            wait_us += finished_in_us(given)
        elif reply.status == 403:
            wait_us += max(30 * MINUTE_US, customer.away_until_us - self._scene.now_us)
        else:
            wait_us += int(rng.uniform(20, 90) * US_PER_SECOND)
        self._scene.at(self._scene.now_us + wait_us, partial(self._next, customer))
