"""Owns what a limit is, in exact integers. Pure data: knows no store, clock, policy file or account.

A `Rate` refills by `refill_num / refill_den` micro-units each microsecond, a fraction in lowest terms, so that no rate
drifts (a floor at every request would let a bucket of 90/min admit fewer than its due). Every product that the bucket's
arithmetic forms stays below 2**53, because Redis's Lua counts in doubles; `Rate.of` refuses what would not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import gcd
from typing import assert_never

MICRO = 1_000_000
"""Micro-units in a unit (one request, one token)."""
EXACT = 2**53
"""Integers below this are exact in Lua's doubles."""


class Unit(StrEnum):
    """What a quota counts."""

    REQUESTS = "requests"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    TOTAL_TOKENS = "total_tokens"
    CONCURRENT = "concurrent"


class Calendar(StrEnum):
    """The calendar period of a budget, in UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `capacity_micro` at most, refilled continuously."""

    capacity_micro: int
    refill_num: int
    refill_den: int
    spent_us: int | None = None
    """When a bucket that is not there was empty; None for one that is full then."""

    @classmethod
    def of(cls, amount_micro: int, period_us: int, capacity_micro: int) -> Rate:
        """`amount_micro` every `period_us`, holding `capacity_micro`. ValueError where doubles would not be exact."""
        divisor = gcd(amount_micro, period_us)
        rate = cls(capacity_micro, amount_micro // divisor, period_us // divisor)
        if min(rate.capacity_micro, rate.refill_num) <= 0:
            raise ValueError("a rate and its burst must be greater than zero")
        if max(rate.capacity_micro + rate.refill_num, (rate.refill_num + 1) * rate.refill_den) >= EXACT:
            raise ValueError("the rate or its burst is too large to be counted exactly")
        if rate.capacity_micro // rate.refill_num * rate.refill_den >= EXACT // 2:
            raise ValueError("the burst would take centuries to refill")
        return rate


@dataclass(frozen=True, slots=True)
class Budget:
    """So much in a calendar period, all of it back when the next one begins."""

    limit_micro: int
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Concurrency:
    """So many exchanges under way at once; each holds a slot on a lease."""

    limit: int


Limit = Rate | Budget | Concurrency


def capacity_of(limit: Limit) -> int:
    """The most a bucket can hold: micro-units, or slots."""
    match limit:
        case Rate():
            return limit.capacity_micro
        case Budget():
            return limit.limit_micro
        case Concurrency():
            return limit.limit
    assert_never(limit)


class Reserve(StrEnum):
    """What an output or total quota is charged at admission, before the answer tells."""

    MAX_TOKENS = "max_tokens"
    ESTIMATE = "estimate"
    NONE = "none"
