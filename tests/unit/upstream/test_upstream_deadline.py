"""A deadline fires when its time has come, however often it was moved, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.wire.deadline import NEVER, Deadline


class Timer:
    """One call at a time to come."""

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        self.when, self.call, self.cancelled = when, call, False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualLoop:
    """The clock and the timers of an event loop, in virtual time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, call))
        return self.timers[-1]

    def run_to(self, time: float) -> None:
        while due := [timer for timer in self.timers if timer.when <= time and not timer.cancelled]:
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when)
            first.call()
        self.now = time


MOVES = st.lists(
    st.tuples(st.integers(0, 50), st.sampled_from(["by", "later", "never"]), st.integers(1, 50)), max_size=30
)


@given(moves=MOVES)
def test_it_fires_at_the_last_time_it_was_set_to_and_only_then(moves: list[tuple[int, str, int]]) -> None:
    loop, fired = VirtualLoop(), []

    def expired() -> None:
        fired.append(loop.now)
        deadline.when = NEVER

    deadline = Deadline(cast("asyncio.AbstractEventLoop", loop), expired)
    expected: list[float] = []
    for passed, move, ahead in moves:
        until = loop.now + passed
        if deadline.when <= until:
            expected.append(deadline.when)
        loop.run_to(until)
        if move == "by":
            deadline.by(loop.now + ahead)
        elif move == "never":
            deadline.when = NEVER
        elif deadline.when != NEVER:
            deadline.when += ahead
    assert fired == expected


@given(pieces=st.integers(1, 1000))
def test_putting_it_off_sets_no_timer(pieces: int) -> None:
    loop = VirtualLoop()
    deadline = Deadline(cast("asyncio.AbstractEventLoop", loop), lambda: None)
    deadline.by(10.0)
    for _ in range(pieces):
        loop.now += 0.001
        deadline.when = loop.now + 10.0
    deadline.by(loop.now + 10.0)
    assert len(loop.timers) == 1


def test_once_it_has_ended_nobody_is_called() -> None:
    loop, fired = VirtualLoop(), []
    deadline = Deadline(cast("asyncio.AbstractEventLoop", loop), lambda: fired.append(loop.now))
    deadline.by(10.0)
    deadline.end()
    loop.run_to(20.0)
    assert fired == []
