"""Owns the way from a quota's written numbers to a limit in exact integers. Knows no quota and no override."""

from __future__ import annotations

from proxy.admission.quota import EXACT, MICRO, Budget, Concurrency, Limit, Rate
from proxy.policy.issues import Code
from proxy.policy.scalars import BadValueError, RateText
from proxy.policy.spec import Numbers


class LimitError(BadValueError):
    """Numbers that make no limit; `key` is the one to blame."""

    def __init__(self, key: str, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.key = key


def build_limit(numbers: Numbers) -> Limit | None:
    """The limit, or None where the numbers are not of exactly one kind. LimitError where it cannot be counted."""
    match numbers:
        case Numbers(rate=RateText() as rate, budget=None, limit=None):
            return rate_limit(rate, numbers.burst)
        case Numbers(rate=None, budget=budget, limit=None) if budget is not None:
            if budget.amount_micro < MICRO:
                raise LimitError("budget", Code.RATE_TOO_SMALL, "a budget below 1 can never admit even one")
            if budget.amount_micro >= EXACT:
                raise LimitError("budget", Code.RATE_TOO_LARGE, f"a budget is below {EXACT // MICRO}")
            return Budget(budget.amount_micro, budget.calendar)
        case Numbers(rate=None, budget=None, limit=limit) if limit is not None:
            if limit >= EXACT:
                raise LimitError("limit", Code.RATE_TOO_LARGE, f"a limit is below {EXACT}")
            return Concurrency(limit)
        case _:
            return None


def numbers_text(numbers: Numbers) -> str:
    """The numbers as they were written: `50/min, burst 100`, `5M/day`, `limit 16`."""
    if numbers.rate is not None:
        return (
            numbers.rate.text if numbers.burst is None else f"{numbers.rate.text}, burst {amount_text(numbers.burst)}"
        )
    return numbers.budget.text if numbers.budget is not None else f"limit {numbers.limit}"


def amount_text(micro: int) -> str:
    """So many micro-units in the words of the language: `200k`, `2.5`."""
    for factor, letter in ((1_000_000, "M"), (1_000, "k")):
        if micro and micro % (factor * MICRO) == 0:
            return f"{micro // (factor * MICRO)}{letter}"
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest:06}".rstrip("0") if rest else str(whole)


def rate_limit(rate: RateText, burst: int | None) -> Rate:
    """A bucket of `burst` micro-units; None: of what the rate gives in one of its periods. LimitError as above."""
    capacity = rate.amount_micro if burst is None else burst
    if capacity < MICRO:
        raise LimitError(
            "rate" if burst is None else "burst",
            Code.RATE_TOO_SMALL,
            f"a bucket of {capacity / MICRO:g} can never admit even one; give a burst of 1 or more",
        )
    try:
        return Rate.of(rate.amount_micro, rate.period_us, capacity)
    except ValueError as error:
        raise LimitError(
            "rate", Code.RATE_TOO_LARGE, f"{error}; use a smaller number, or one that is rounder"
        ) from None
