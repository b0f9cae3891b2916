"""Moments of a process: never twice the same, never back."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.clock import Ticks, VirtualClock, unique_id


@given(st.lists(st.integers(0, 50), min_size=2))
def test_moments_go_on_whatever_the_clock_does(readings: list[int]) -> None:
    clock = VirtualClock()
    ticks = Ticks(clock)
    moments = []
    for clock.now_us in readings:
        moments.append(ticks.next_us())
        assert ticks.last_us == moments[-1] >= clock.now_us
    assert moments == sorted(set(moments))


def test_names_are_unique_and_of_one_form() -> None:
    names = [unique_id("req_") for _ in range(1_000)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("req_[0-9a-f]{24}", name) for name in names)
