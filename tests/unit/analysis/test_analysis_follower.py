"""An analyst sees the whole stream in order, and judges in the stream's own time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.follower import HOLD_US, MOST_HELD, Follower
from proxy.analysis.wire import Entry, encode_event, joined
from proxy.events.event import Event
from tests.unit.analysis.pool_analyst import PoolAnalyst, asked

SECOND_US = 1_000_000


def entry(moment_us: int, total: int, *events: Event) -> Entry:
    return Entry(f"{moment_us // 1000}-0", moment_us, total, joined([encode_event(event) for event in events]))


def following(events: int = 0) -> tuple[Follower, PoolAnalyst]:
    analyst = PoolAnalyst()
    return Follower(analyst, events=events), analyst


@given(st.lists(st.integers(0, 3000), max_size=40), st.integers(1, 5))
def test_two_who_read_the_same_stream_in_other_portions_judge_at_the_same_places(steps: list[int], size: int) -> None:
    moment, entries = 10**9, []
    for number, step in enumerate(steps, start=1):
        moment += step * 1000
        entries.append(entry(moment, number, asked("a", moment)))
    (one, first), (other, second) = following(), following()
    one.take(entries)
    for start in range(0, len(entries), size):
        other.take(entries[start : start + size])
    assert first.judged_us == second.judged_us
    assert first.seen == second.seen
    assert one.position == other.position
    assert all(judged % SECOND_US == 0 for judged in first.judged_us)


@given(st.lists(st.tuples(st.integers(0, 9_000_000), st.integers(0, HOLD_US - 1000)), max_size=40))
def test_whichever_replica_is_heard_first_events_are_observed_in_order_before_their_second_is_judged(
    told: list[tuple[int, int]],
) -> None:
    start = 10**9
    arrivals = sorted((start + moment + delay, start + moment) for moment, delay in told)
    follower, analyst = following()
    follower.take(entry(at, number, asked("a", moment)) for number, (at, moment) in enumerate(arrivals, start=1))
    for passed in range(0, 12_000_000, 200_000):
        before = len(analyst.judged_us)
        follower.reach(start + 9_000_000 + HOLD_US + passed)
        if len(analyst.judged_us) > before:
            assert all(event.moment_us < analyst.judged_us[-1] for event in analyst.seen)
    assert [event.moment_us for event in analyst.seen] == sorted(start + moment for moment, _ in told)


def test_it_judges_once_for_each_second_after_all_that_came_before() -> None:
    follower, analyst = following()
    follower.take([entry(10_400_000, 1, asked("a", 10_350_000)), entry(10_900_000, 2, asked("a", 10_800_000))])
    assert (analyst.judged_us, analyst.seen) == ([10_000_000], [])
    follower.take([entry(11_200_000, 3, asked("a", 11_100_000), asked("late", 10_950_000))])
    assert analyst.judged_us == [10_000_000]
    follower.reach(11_300_000)
    follower.reach(11_900_000)
    assert analyst.judged_us == [10_000_000, 11_000_000]
    assert [event.moment_us for event in analyst.seen] == [10_350_000, 10_800_000, 10_950_000]


def test_a_long_silence_is_judged_once() -> None:
    follower, analyst = following()
    follower.take([entry(10_400_000, 1, asked("a", 1)), entry(99_400_000, 2, asked("a", 2))])
    assert analyst.judged_us == [10_000_000, 99_000_000]


def test_events_that_left_the_stream_unread_are_counted() -> None:
    follower, _ = following()
    follower.take([entry(1000, 70, asked("a", 1))])  # what was before it began is not missed
    follower.take([entry(2000, 72, asked("a", 2), asked("a", 3)), entry(3000, 80, asked("a", 4))])
    assert follower.tally.lost == 7
    follower.reach(SECOND_US + HOLD_US)
    assert follower.tally.observed == 4


def test_a_stream_that_begins_anew_misses_nothing() -> None:
    follower, analyst = following(events=500)
    follower.restart()
    follower.take([entry(1000, 1, asked("a", 1)), entry(2000, 2, asked("a", 2))])
    follower.reach(SECOND_US + HOLD_US)
    assert follower.tally.lost == 0
    assert len(analyst.seen) == 2


def test_a_batch_that_cannot_be_read_is_lost_and_the_next_one_is_not() -> None:
    follower, analyst = following()
    bad = Entry("2-0", 2000, 3, b"\xc1 of another version")
    follower.take([entry(1000, 1, asked("a", 1)), bad, entry(3000, 4, asked("a", 2))])
    follower.reach(SECOND_US + HOLD_US)
    assert follower.tally.lost == 2
    assert [event.moment_us for event in analyst.seen] == [1, 2]


def test_an_event_that_the_analyst_fails_on_is_counted_and_the_rest_is_seen() -> None:
    follower, analyst = following()
    follower.take([entry(1000, 3, asked("a", 1), asked("poison", 2), asked("a", 3))])
    follower.reach(SECOND_US + HOLD_US)
    assert follower.tally.faults == 1
    assert [event.moment_us for event in analyst.seen] == [1, 3]


def test_a_replica_whose_clock_is_ahead_takes_nobody_into_the_future() -> None:
    follower, analyst = following()
    follower.take([entry(10_000_000, 2, asked("a", 10_500_000), asked("a", 90_000_000))])
    follower.reach(11_000_000 + HOLD_US)
    assert [event.moment_us for event in analyst.seen] == [10_000_000, 10_500_000]


def test_a_flood_is_not_held_back() -> None:
    follower, analyst = following()
    event = asked("a", 10_000_000)
    for number in range(1, 12):
        follower.take([entry(10_000_000, number * 5000, *[event] * 5000)])
        assert len(follower.held) <= MOST_HELD
    assert len(analyst.seen) + len(follower.held) == 55_000
