"""The arithmetic of the benchmark's table."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.figures import Comparison, Goal, compared, quantiles

FIGURES = st.floats(0.01, 1e6)
LATENCIES = st.lists(st.integers(0, 10**10), min_size=1)


@given(st.lists(st.tuples(FIGURES, FIGURES), min_size=1))
def test_a_ratio_is_the_median_of_the_ratios_within_the_rounds(pairs: list[tuple[float, float]]) -> None:
    row = compared(Comparison("", "µs", "ours", "theirs"), [{"ours": a, "theirs": b} for a, b in pairs])
    assert row.ratio == median(a / b for a, b in pairs)
    assert row.figure == median(a for a, _ in pairs)
    assert row.reference_figure == median(b for _, b in pairs)


def test_a_machine_that_is_slow_for_a_whole_round_changes_no_ratio() -> None:
    rounds = [{"ours": 50.0, "theirs": 100.0}, {"ours": 500.0, "theirs": 1000.0}]
    assert compared(Comparison("", "µs", "ours", "theirs"), rounds).ratios == (0.5, 0.5)


def test_a_peer_that_is_missing_leaves_our_figure_and_no_verdict() -> None:
    row = compared(Comparison("", "µs", "ours", "theirs", Goal("<=", 1)), [{"ours": 50.0}])
    assert (row.figure, row.reference_figure, row.ratio, row.met) == (50.0, None, None, None)


def test_an_experiment_without_rounds_has_no_figures() -> None:
    row = compared(Comparison("", "µs", "ours", None, Goal("<=", 1, "figure")), [])
    assert (row.figure, row.ratio, row.met) == (None, None, None)


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal("<=", 0.5), True),
        (Goal("<=", 0.4), False),
        (Goal(">=", 0.5), True),
        (Goal(">=", 0.6), False),
        (Goal("<=", 50, "figure"), True),
        (Goal("<=", 49, "figure"), False),
        (None, None),
    ],
)
def test_a_goal_binds_the_ratio_or_the_figure(goal: Goal | None, met: bool | None) -> None:
    assert compared(Comparison("", "µs", "ours", "theirs", goal), [{"ours": 50.0, "theirs": 100.0}]).met is met


@given(LATENCIES)
def test_at_least_so_many_of_a_hundred_latencies_are_within_a_quantile(latencies: list[int]) -> None:
    found = quantiles("first ", latencies)
    for percent in (50, 99):
        within = [latency for latency in latencies if latency / 1000 <= found[f"first p{percent}"]]
        assert len(within) * 100 >= percent * len(latencies)


@given(LATENCIES)
def test_a_quantile_is_a_latency_that_was_measured(latencies: list[int]) -> None:
    assert set(quantiles("", latencies).values()) <= {latency / 1000 for latency in latencies}
