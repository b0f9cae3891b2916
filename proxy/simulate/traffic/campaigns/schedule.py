"""Owns whose turn it is in a pool, and how long until the next. Pure: the moment and the random source are given."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from math import cos, pi
from random import Random  # noqa: TID251 - a parameter
from typing import Protocol

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.campaigns.knobs import Timing
from proxy.simulate.traffic.campaigns.member import Member

US_PER_DAY = 86_400 * US_PER_SECOND
_TRIES = 40
"""Members looked at before the pool counts as busy."""


class Scheduler(Protocol):
    def next(self, now_us: int, rng: Random) -> Member | None:
        """A member that may send now; None where there is none to be found."""


class RoundRobin:
    """One after the other."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._at = 0

    def next(self, now_us: int, rng: Random) -> Member | None:
        for _ in range(min(_TRIES, len(self._members))):
            member = self._members[self._at % len(self._members)]
            self._at += 1
            if member.ready(now_us):
                return member
        return None


class AtRandom:
    """Whoever comes."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members

    def next(self, now_us: int, rng: Random) -> Member | None:
        for _ in range(_TRIES):
            member = rng.choice(self._members)
            if member.ready(now_us):
                return member
        return None


class MostHeadroom:
    """Whoever was used least."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._heap = [(0, number, member) for number, member in enumerate(members)]

    def next(self, now_us: int, rng: Random) -> Member | None:
        for _ in range(min(_TRIES, len(self._heap))):
            used, number, member = self._heap[0]
            if member.dead:
                heapq.heappop(self._heap)
                continue
            heapq.heapreplace(self._heap, (used + 1, number, member))
            if member.ready(now_us):
                return member
        return None


def scheduler_of(timing: Timing, members: Sequence[Member]) -> Scheduler:
    """How a pool picks who sends; people take turns at random as far as the pool is concerned."""
    if timing is Timing.ROUND_ROBIN:
        return RoundRobin(members)
    if timing is Timing.HEADROOM:
        return MostHeadroom(members)
    return AtRandom(members)


def gap_us(mean_us: float, timing: Timing, jitter: float, rng: Random) -> int:
    """Until the pool's next request: exponential where it is random, about even elsewhere."""
    if timing is Timing.RANDOM:
        return round(rng.expovariate(1 / mean_us))
    return round(mean_us * max(0.05, rng.gauss(1.0, jitter)))


def awake(moment_us: int, noon_us: int) -> float:
    """From 0 to 1: how likely somebody whose day has its middle at `noon_us` (of the UTC day) works at this moment."""
    phase = 2 * pi * ((moment_us - noon_us) % US_PER_DAY) / US_PER_DAY
    return max(0.0, min(1.0, 0.45 + 0.75 * cos(phase)))


def next_session_us(now_us: int, noon_us: int, per_day: float, rng: Random) -> int:
    """When a person with `per_day` sessions on average sits down next."""
    # The shape's mean over a day is about 0.5, so candidates come twice as often as sessions.
    mean_us, moment_us = US_PER_DAY / per_day / 2, now_us
    while True:
        moment_us += max(1, round(rng.expovariate(1 / mean_us)))
        if rng.random() < awake(moment_us, noon_us):
            return moment_us
