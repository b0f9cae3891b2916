"""Owns one question of statistics: do counts over payers look dealt out, or as people leave them? Pure arithmetic.

People's volumes have a heavy tail: their rates differ by a factor of ten and more. A scheduler's differ by chance and
by when an account joined. Both are negative binomials, cut at zero because nobody sees who never came; they differ in
the shape of the rates' gamma distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import exp, lgamma, log, log1p

DEALT_SHAPE = 6.0
"""Rates that vary by 40 %: a pool that grows while it works, accounts that drop out."""
PEOPLE_SHAPE = 0.5
"""Rates that vary by 140 %, a cautious choice: published API traffic is more skewed still."""

_PASSING = 0.1
"""Of the count of whoever a usual request comes from: who has less is passing by."""


def evenness(histogram: Mapping[int, int]) -> float:
    """As `dealt_rather_than_come`; but payers who hardly came make nothing look like people.

    Nor do they make it look dealt: some of a product's customers hardly come either.
    """
    whole = dealt_rather_than_come(histogram)
    return whole if whole >= 0 else min(dealt_rather_than_come(_regulars(histogram)), 0.0)


def dealt_rather_than_come(histogram: Mapping[int, int]) -> float:
    """The log likelihood ratio, in nats, of 'dealt out' over 'as people come'. `histogram`: payers by their count."""
    payers = sum(histogram.values())
    total = sum(count * number for count, number in histogram.items())
    if payers == 0 or total <= payers:
        return 0.0
    mean = round(total / payers, 3)
    dealt, people = _Cut(mean, DEALT_SHAPE), _Cut(mean, PEOPLE_SHAPE)
    return sum(
        [number * (dealt.log_chance(count) - people.log_chance(count)) for count, number in histogram.items() if number]
    )


def _regulars(histogram: Mapping[int, int]) -> dict[int, int]:
    """Without payers that have next to nothing of what there is: they may have met it by chance."""
    total = sum(count * number for count, number in histogram.items())
    usual = sum(count * count * number for count, number in histogram.items()) / max(total, 1)
    return {count: number for count, number in histogram.items() if count >= _PASSING * usual}


class _Cut:
    """A negative binomial that is cut at zero, of which `mean` is the mean after the cut."""

    __slots__ = ("_none", "_seen", "_shape", "_slope")

    def __init__(self, mean: float, shape: float) -> None:
        rate = _uncut_mean(mean, shape)
        self._shape = shape
        self._slope = log(rate / (shape + rate))
        self._none = -shape * log1p(rate / shape)
        self._seen = log(max(1.0 - exp(self._none), 1e-300))

    def log_chance(self, count: int) -> float:
        """Of `count`."""
        return _log_ways(count, self._shape) + self._none + count * self._slope - self._seen


@lru_cache(maxsize=4096)
def _log_ways(count: int, shape: float) -> float:
    return lgamma(count + shape) - lgamma(shape) - lgamma(count + 1)


@lru_cache(maxsize=4096)
def _uncut_mean(mean: float, shape: float) -> float:
    """The mean of the uncut distribution whose part above zero has mean `mean`, which is over 1."""
    low, high = 1e-9, mean
    for _ in range(60):
        middle = (low + high) / 2
        seen = 1.0 - exp(-shape * log1p(middle / shape))
        if middle / seen < mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2
