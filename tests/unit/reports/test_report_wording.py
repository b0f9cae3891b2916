"""Numbers, moments and names as people read them."""

from __future__ import annotations

import pytest

from proxy.reports.wording import count, duration, moment, percent, plain, several, share


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (7_260, "2 h 1 min"),
        (3_888_000, "45 d"),
        (-5, "0 s"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: int, said: str) -> None:
    assert duration(seconds * 1_000_000) == said


def test_a_moment_is_utc_in_iso_8601_and_an_unknown_one_says_so() -> None:
    assert moment(1_776_816_000_999_999) == "2026-04-22T00:00:00Z"
    assert moment(0) == "unknown"


def test_counts_and_shares_are_grouped_rounded_and_defined_for_nothing() -> None:
    assert (count(28_800_000), several(1, "account"), several(2, "account")) == (
        "28,800,000",
        "1 account",
        "2 accounts",
    )
    assert (share(1, 8), percent(1, 8), share(0, 0)) == ("12.5 %", "12.5", "–")


def test_a_name_cannot_order_a_terminal_about() -> None:
    assert plain("a\x1b[2J\n\u202eb") == "a\ufffd[2J\ufffd\ufffdb"
