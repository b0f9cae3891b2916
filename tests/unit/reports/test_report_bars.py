"""The time line made ready to be drawn."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import example, given
from msgspec.structs import replace

from proxy.reports.bars import Bars, bars_of, count_ticks, merged, text_chart, time_ticks
from proxy.verdict.campaign import Slice
from tests.any_campaign import FOUND, MINUTE_US, START_US, timelines

Timeline = tuple[int, tuple[Slice, ...]]


def drawn(timeline: Timeline, most: int) -> Bars | None:
    width_us, slices = timeline
    return bars_of(replace(FOUND, timeline=slices, slice_us=width_us), most)


def sums(bars: Bars) -> tuple[int, int]:
    return sum(bar.admitted for bar in bars.bars), sum(bar.prevented for bar in bars.bars)


@given(timelines().filter(lambda timeline: bool(timeline[1])), st.integers(1, 150))
def test_no_exchange_is_lost_and_no_more_bars_are_drawn_than_asked_for(timeline: Timeline, most: int) -> None:
    bars = drawn(timeline, most)
    assert bars is not None
    assert len(bars.bars) <= most
    assert sums(bars) == (sum(piece.admitted for piece in timeline[1]), sum(piece.prevented for piece in timeline[1]))
    assert sums(merged(bars, max(most // 3, 1))) == sums(bars)


@given(timelines().filter(lambda timeline: bool(timeline[1])))
def test_bars_stand_side_by_side_over_gaps_too(timeline: Timeline) -> None:
    bars = drawn(timeline, 60)
    assert bars is not None
    starts = [bar.start_us for bar in bars.bars]
    assert starts == list(range(bars.start_us, bars.end_us, bars.width_us))
    assert bars.bars[-1].admitted + bars.bars[-1].prevented or timeline[1][-1].admitted + timeline[1][-1].prevented == 0


def test_without_a_time_line_there_are_no_bars() -> None:
    assert drawn((MINUTE_US, ()), 60) is None


@given(st.integers(0, 10**12))
def test_counts_are_marked_at_a_handful_of_round_numbers_from_zero_to_the_highest(most: int) -> None:
    ticks = count_ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 7
    assert str(ticks[1]).rstrip("0") in {"1", "2", "5"}


@example(2_515_968_000_000_001, 251_596_799_999_999)
@given(st.integers(START_US, 2 * START_US), st.integers(1_000_000, 10**16))
def test_times_are_marked_at_no_more_than_seven_moments_within_the_plot(start_us: int, span_us: int) -> None:
    ticks = time_ticks(start_us, start_us + span_us)
    assert 1 <= len(ticks) <= 7
    assert all(start_us <= tick <= start_us + span_us for tick in ticks)


def test_a_chart_of_characters_tells_when_each_bar_begins_and_counts_and_marks_the_detection() -> None:
    start_us = START_US + 34_000_000
    bars = drawn((MINUTE_US, (Slice(start_us, 40, 0), Slice(start_us + MINUTE_US, 10, 10))), 10)
    assert bars is not None
    assert text_chart(bars, start_us + MINUTE_US + 5, "confirmed") == [
        f"2026-04-22 00:00:34 {'█' * 40}        40         0",
        f"2026-04-22 00:01:34 {'█' * 10 + '░' * 10:40}        10        10  < confirmed",
    ]
