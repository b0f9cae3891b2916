"""Whether a client takes anything of what waits for it."""

from __future__ import annotations

from proxy.handlers.uptake import Uptake


def test_who_takes_nothing_is_stalled_since_what_waits_was_first_looked_at() -> None:
    uptake = Uptake()
    uptake.written = 1000
    assert [uptake.stalled_seconds(600, now) for now in (10.0, 15.0, 70.0)] == [0.0, 5.0, 60.0]


def test_a_single_byte_taken_begins_the_wait_anew_though_more_waits_than_before() -> None:
    uptake = Uptake()
    uptake.written = 1000
    uptake.stalled_seconds(600, 10.0)
    uptake.written += 5000
    assert uptake.stalled_seconds(5599, 60.0) == 0.0
    assert uptake.stalled_seconds(5599, 65.0) == 5.0


def test_what_is_only_written_takes_nothing() -> None:
    uptake = Uptake()
    uptake.written = 1000
    uptake.stalled_seconds(600, 10.0)
    uptake.written += 5000
    assert uptake.stalled_seconds(5600, 60.0) == 50.0


def test_where_nothing_waits_nobody_is_stalled() -> None:
    uptake = Uptake()
    uptake.written = 1000
    assert [uptake.stalled_seconds(0, now) for now in (10.0, 500.0)] == [0.0, 0.0]
