"""Owns the arithmetic of rate buckets and budgets: how a state moves with time, and what a claim finds there.

Pure integers; time is a parameter. Knows no store and no key. `lua/buckets.lua` says the same in doubles, so all
values here stay below 2**53 where `Rate.of` made the rate: amounts and debts end at `MOST_MICRO`, waits at
`FOREVER_US`. A bucket that is not there is full, but where its rate says since when it fills.
"""

from __future__ import annotations

from proxy.admission.quota import EXACT, Budget, Calendar, Concurrency, Rate
from proxy.admission.store import Level

MOST_MICRO = EXACT - 1
"""A larger cost counts as this one, and no bucket's debt grows past it."""
FOREVER_US = 2**52
"""142 years; a longer wait is told as this one."""
SLOT_RETRY_US = 1_000_000
"""When a slot frees is nobody's to know; who finds all taken is asked to wait this long."""
DAY_US = 86_400_000_000

RateState = tuple[int, int, int]
"""`level_micro` (below zero: debt), `remainder` of the last refill in `1 / refill_den` micro-units, and `stamp_us`."""
BudgetState = tuple[int, int]
"""`used_micro` and the `window` it was used in."""


def refill(rate: Rate, state: RateState | None, now_us: int) -> RateState:
    """`state` at `now_us`. A clock that stepped back refills nothing, and the time it repeats refills nothing again."""
    capacity = rate.capacity_micro
    if state is None:
        if rate.spent_us is None:
            return capacity, 0, now_us
        state = 0, 0, rate.spent_us
    level, remainder, stamp_us = state
    if level >= capacity:
        return capacity, 0, stamp_us if stamp_us > now_us else now_us
    if level < 0:
        level = max(level, capacity - MOST_MICRO)
    denominator = rate.refill_den
    if remainder >= denominator:  # kept under another limit
        remainder = 0
    elapsed = now_us - stamp_us
    if elapsed <= 0:
        return level, remainder, stamp_us
    gained, remainder = divmod(elapsed * rate.refill_num + remainder, denominator)
    level += gained
    if level >= capacity:
        return capacity, 0, now_us
    return level, remainder, now_us


def charge(rate: Rate, state: RateState, cost: int) -> RateState:
    """`state` less `cost`, which is below zero for a refund; between full and the deepest debt."""
    level = state[0] - cost
    capacity = rate.capacity_micro
    if level >= capacity:
        return capacity, 0, state[2]
    return level if level >= 0 else max(level, capacity - MOST_MICRO), state[1], state[2]


def draw(rate: Rate, state: RateState, cost: int, now_us: int) -> tuple[RateState, Level]:
    """A bucket in `state`, already refilled to `now_us`, after a claim of `cost` that it grants; how it stands then.

    What `charge` and `rate_level` say, in half of their time (0.5 µs).
    """
    level, remainder, stamp_us = state
    level -= cost
    missing = rate.capacity_micro - level
    if missing <= 0:
        return (rate.capacity_micro, 0, stamp_us), Level(True, rate.capacity_micro, 0, 0)
    wait_us = -((remainder - missing * rate.refill_den) // rate.refill_num)
    full_us = stamp_us - now_us + (wait_us if wait_us < FOREVER_US else FOREVER_US)
    return (level, remainder, stamp_us), Level(True, level, full_us, 0)


def time_to_gain(rate: Rate, missing_micro: int, remainder: int) -> int:
    """The least `t` in microseconds such that `t` of refilling brings `missing_micro`."""
    if missing_micro <= 0:
        return 0
    wait_us = -((remainder - missing_micro * rate.refill_den) // rate.refill_num)
    return wait_us if wait_us < FOREVER_US else FOREVER_US


def rate_level(rate: Rate, state: RateState, cost: int, granted: bool, now_us: int) -> Level:
    """How a bucket in `state`, already refilled to `now_us`, stands for a claim of `cost`."""
    level, remainder, stamp_us = state
    capacity = rate.capacity_micro
    behind_us = stamp_us - now_us
    full_us = behind_us + time_to_gain(rate, capacity - level, remainder) if level < capacity else 0
    if granted:
        return Level(True, level, full_us, 0)
    if cost > capacity:
        return Level(False, level, full_us, None)
    return Level(False, level, full_us, behind_us + time_to_gain(rate, cost - level, remainder))


def roll(budget: Budget, state: BudgetState | None, now_us: int) -> BudgetState:
    """`state` at `now_us`: nothing used in a new period. A clock that stepped back stays in the later one."""
    window = window_of(budget.calendar, now_us)
    if state is None or state[1] < window:
        return 0, window
    return state


def spend(state: BudgetState, cost: int) -> BudgetState:
    """`state` with `cost` more used, or less where it is below zero."""
    used = state[0] + cost
    if used <= 0:
        return 0, state[1]
    return used if used < MOST_MICRO else MOST_MICRO, state[1]


def budget_level(budget: Budget, state: BudgetState, cost: int, granted: bool, now_us: int) -> Level:
    """How a budget in `state`, already rolled to `now_us`, stands for a claim of `cost`."""
    used, window = state
    end_us = window_end(budget.calendar, window) - now_us
    if granted:
        retry_us: int | None = 0
    else:
        retry_us = None if cost > budget.limit_micro else end_us
    return Level(granted, budget.limit_micro - used, end_us, retry_us)


def slots_level(concurrency: Concurrency, held: int, cost: int, granted: bool, now_us: int) -> Level:
    """How a set of slots stands, `held` of them taken. Neither `cost`, always one, nor the time makes a difference."""
    if granted:
        return Level(True, concurrency.limit - held, 0, 0)
    return Level(False, concurrency.limit - held, 0, SLOT_RETRY_US if concurrency.limit >= 1 else None)


def window_of(calendar: Calendar, now_us: int) -> int:
    """The number of the UTC day since the epoch, or of the month since January of the year 0.

    Months are counted from a March, so that a leap day is the last of its year and needs no case of its own.
    """
    day = now_us // DAY_US
    if calendar is Calendar.DAY:
        return day
    day += 719_468  # from 1 March of the year 0 to the epoch
    era, day = divmod(day, 146_097)  # 400 years
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    return (era * 400 + year) * 12 + (5 * day + 2) // 153 + 2


def window_end(calendar: Calendar, window: int) -> int:
    """When `window` is over, microseconds since the epoch."""
    if calendar is Calendar.DAY:
        return (window + 1) * DAY_US
    year, month = divmod(window - 1, 12)
    day = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 - 719_468
    return day * DAY_US
