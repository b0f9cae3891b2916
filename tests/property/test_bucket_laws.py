"""The laws of a bucket, over arbitrary rates and schedules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from hypothesis import assume, given, reject
from hypothesis import strategies as st

from proxy.admission.bucket import (
    DAY_US,
    FOREVER_US,
    MOST_MICRO,
    RateState,
    charge,
    draw,
    rate_level,
    refill,
    spend,
    time_to_gain,
    window_end,
    window_of,
)
from proxy.admission.quota import MICRO, Calendar, Rate

START_US = 1_780_000_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    """From a unit a year to millions a second, in lowest terms or not, holding less or more than a period's worth."""
    amount = draw(st.integers(1, 10**6).map(lambda units: units * MICRO) | st.integers(1, 10**12))
    period_us = draw(st.sampled_from([1, 1_000_000, 60_000_000, 3_600_000_000, DAY_US]) | st.integers(1, 10**13))
    capacity = draw(st.integers(1, 10**6).map(lambda units: units * MICRO) | st.integers(1, 10**13))
    try:
        return Rate.of(amount, period_us, capacity)
    except ValueError:
        reject()


@st.composite
def states(draw: st.DrawFn, rate: Rate) -> RateState:
    level = draw(st.integers(-2 * rate.capacity_micro, rate.capacity_micro))
    remainder = draw(st.integers(0, rate.refill_den - 1)) if level < rate.capacity_micro else 0
    return level, remainder, START_US


gaps = st.integers(0, 10**6) | st.integers(0, 10**12)
schedules = st.lists(st.tuples(gaps, st.integers(0, 10**7) | st.integers(0, 10**13)), min_size=1, max_size=40)


def admitted(rate: Rate, schedule: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """When and how much of the demand `(time, cost)` a bucket grants that is full at first."""
    state: RateState | None = None
    grants = []
    for now_us, cost in schedule:
        found = refill(rate, state, now_us)
        if found[0] >= cost:
            state = charge(rate, found, cost)
            grants.append((now_us, cost))
    return grants


@given(rates(), gaps)
def test_a_debt_made_under_another_limit_is_no_deeper_than_this_ones_can_be(rate: Rate, gap: int) -> None:
    deepest = rate.capacity_micro - MOST_MICRO
    level, _, _ = refill(rate, (-MOST_MICRO, 0, START_US), START_US)
    assert level == deepest
    assert refill(rate, (-MOST_MICRO, 0, START_US), START_US + gap) == refill(
        rate, (deepest, 0, START_US), START_US + gap
    )


@given(st.data(), rates(), gaps, st.integers(0, 10**13))
def test_to_draw_is_to_charge_and_to_look_how_the_bucket_stands(
    data: st.DataObject, rate: Rate, gap: int, cost: int
) -> None:
    now_us = START_US + gap
    found = refill(rate, data.draw(states(rate)), now_us)
    assume(found[0] >= cost)
    state, level = draw(rate, found, cost, now_us)
    assert state == charge(rate, found, cost)
    assert level == rate_level(rate, state, cost, True, now_us)


def in_sequence(schedule: list[tuple[int, int]]) -> list[tuple[int, int]]:
    times = accumulate((gap for gap, _ in schedule), initial=START_US)
    return [(time, cost) for time, (_, cost) in zip(times, schedule, strict=False)]


@given(rates(), gaps)
def test_a_bucket_that_is_not_there_holds_what_came_in_since_it_was_spent(rate: Rate, gap_us: int) -> None:
    spent = replace(rate, spent_us=START_US)
    assert refill(spent, None, START_US) == (0, 0, START_US)
    assert refill(spent, None, START_US + gap_us) == refill(rate, (0, 0, START_US), START_US + gap_us)
    assert refill(rate, None, START_US + gap_us)[0] == rate.capacity_micro


@given(rates(), schedules)
def test_over_any_schedule_a_bucket_admits_at_most_its_burst_and_the_rate_times_the_time(
    rate: Rate, schedule: list[tuple[int, int]]
) -> None:
    grants = admitted(rate, in_sequence(schedule))
    for first, (start_us, _) in enumerate(grants):
        total = 0
        for now_us, cost in grants[first:]:
            total += cost
            # What was left over of the refill before may complete one more micro-unit: hence less than one above.
            assert (total - rate.capacity_micro - 1) * rate.refill_den < rate.refill_num * (now_us - start_us)


@given(rates(), st.integers(1, 60))
def test_under_greedy_demand_a_bucket_admits_at_least_the_rate_times_the_time_less_one(rate: Rate, grants: int) -> None:
    # The burst holds the unit that is waited for and what one more tick of the clock brings: nothing spills over.
    assume((rate.capacity_micro - MICRO) * rate.refill_den >= rate.refill_num)
    state = charge(rate, (rate.capacity_micro, 0, START_US), rate.capacity_micro)
    now_us = START_US
    for _ in range(grants):
        found = refill(rate, state, now_us)
        now_us += time_to_gain(rate, MICRO - found[0], found[1])
        state = charge(rate, refill(rate, state, now_us), MICRO)
    # Just before the next grant is due, `grants` units have come out of all that has flowed in.
    due_us = now_us + time_to_gain(rate, MICRO - state[0], state[1]) - 1
    assert grants * MICRO * rate.refill_den >= rate.refill_num * (due_us - START_US) - MICRO * rate.refill_den


@given(rates(), st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 10**13)), min_size=1, max_size=40))
def test_a_clock_that_steps_back_admits_no_more_than_one_that_went_straight_to_its_latest_time(
    rate: Rate, schedule: list[tuple[int, int]]
) -> None:
    grants = admitted(rate, in_sequence(schedule))
    span_us = max((now for now, _ in grants), default=0) - min((now for now, _ in grants), default=0)
    total = sum(cost for _, cost in grants)
    assert (total - rate.capacity_micro) * rate.refill_den <= rate.refill_num * span_us


@given(st.data(), rates(), gaps, gaps)
def test_refilling_in_two_steps_is_refilling_in_one(data: st.DataObject, rate: Rate, first: int, second: int) -> None:
    state = data.draw(states(rate))
    at_once = refill(rate, state, START_US + first + second)
    assert refill(rate, refill(rate, state, START_US + first), START_US + first + second) == at_once


@given(st.data(), rates())
def test_the_wait_for_an_amount_is_the_least_that_brings_it(data: st.DataObject, rate: Rate) -> None:
    state = data.draw(states(rate))
    wanted = data.draw(st.integers(state[0], rate.capacity_micro))
    wait_us = time_to_gain(rate, wanted - state[0], state[1])
    assume(wait_us < FOREVER_US)
    assert refill(rate, state, START_US + wait_us)[0] >= wanted
    assert wait_us == 0 or refill(rate, state, START_US + wait_us - 1)[0] < wanted


@given(st.data(), rates(), st.integers(0, 10**14) | st.just(MOST_MICRO))
def test_reserving_then_settling_at_the_same_moment_equals_charging_the_actual_cost(
    data: st.DataObject, rate: Rate, actual: int
) -> None:
    state = data.draw(states(rate))
    reserved = data.draw(st.integers(0, max(state[0], 0)))
    assert charge(rate, charge(rate, state, reserved), actual - reserved) == charge(rate, state, actual)


@given(st.integers(0, 10**14), st.integers(0, 10**14), st.integers(0, 10**14))
def test_a_budget_reserved_then_settled_has_used_the_actual_cost(used: int, reserved: int, actual: int) -> None:
    assert spend(spend((used, 7), reserved), actual - reserved) == spend((used, 7), actual)


@given(st.integers(0, 230 * 366 * DAY_US))
def test_a_window_is_the_calendars_day_or_month(now_us: int) -> None:
    moment = EPOCH + timedelta(microseconds=now_us)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    next_month = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    for calendar, end in ((Calendar.DAY, midnight + timedelta(days=1)), (Calendar.MONTH, next_month)):
        window = window_of(calendar, now_us)
        assert window_end(calendar, window) == (end - EPOCH) // timedelta(microseconds=1)
        assert window_of(calendar, window_end(calendar, window)) == window + 1
