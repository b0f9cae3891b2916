"""The time line loses nothing, however far it reaches and whatever it takes over."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detect.timeline import SLICES, Timeline

_DAY_US = 86_400_000_000
_STARTS = st.integers(0, 3 * _DAY_US)
_ADDED = st.lists(st.tuples(st.integers(0, 400 * _DAY_US), st.booleans(), st.integers(1, 1000)), max_size=30)

Added = list[tuple[int, bool, int]]


def timeline(start_us: int, added: Added) -> Timeline:
    found = Timeline(start_us)
    for at_us, prevented, count in added:
        found.add(at_us, prevented, count)
    return found


def sums(found: Timeline) -> tuple[int, int]:
    return sum(found.admitted), sum(found.prevented)


@settings(max_examples=40)
@given(_STARTS, _ADDED)
def test_every_exchange_is_counted_once_however_far_apart_they_are(start_us: int, added: Added) -> None:
    found = timeline(start_us, added)
    assert sums(found) == tuple(
        sum(count for _, is_prevented, count in added if is_prevented is each) for each in (False, True)
    )
    assert len(found.admitted) == len(found.prevented) == SLICES


@settings(max_examples=40)
@given(_STARTS, _ADDED, _STARTS, _ADDED)
def test_taking_over_another_one_adds_what_it_counted(one_us: int, one: Added, other_us: int, other: Added) -> None:
    mine, theirs = timeline(one_us, one), timeline(other_us, other)
    expected = tuple(here + there for here, there in zip(sums(mine), sums(theirs), strict=True))
    mine.absorb(theirs)
    assert sums(mine) == expected
    assert mine.start_us == min(one_us, other_us)
    assert len(mine.admitted) == len(mine.prevented) == SLICES


@settings(max_examples=40)
@given(_STARTS, _ADDED, st.integers(1, 10 * _DAY_US))
def test_no_time_of_a_length_had_less_than_its_mean_at_the_busiest_nor_more_than_all(
    start_us: int, added: Added, span_us: int
) -> None:
    found = timeline(start_us, added)
    every = sum(sums(found))
    length = found.width_us * SLICES
    assert every * min(span_us / length, 1) * 0.5 <= found.busiest(span_us)
    if span_us >= found.width_us:
        assert found.busiest(span_us) <= every * (1 + found.width_us / span_us) * 2


@settings(max_examples=40)
@given(_STARTS, _ADDED)
def test_each_exchange_stands_in_the_slice_of_its_moment(start_us: int, added: Added) -> None:
    found = timeline(start_us, added)
    slices = {at_us: admitted + prevented for at_us, admitted, prevented in found.slices()}
    expected: dict[int, int] = {}
    for at_us, _, count in added:
        index = max(at_us - start_us, 0) // found.width_us
        expected[start_us + index * found.width_us] = expected.get(start_us + index * found.width_us, 0) + count
    assert slices == expected
