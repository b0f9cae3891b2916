"""Owns counting on the request path: plain numbers, handed over to prometheus_client whenever somebody reads them.

A metric of that library takes about 1 µs to find by its labels and 0.4 µs to move (2 µs in a file shared with other
processes); a tally takes 0.15 µs, and what it holds is bounded by what the metric's labels are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client import Counter, Histogram

Labels = tuple[str, ...]
"""Values of all labels of a metric, in the order of its names."""


class Count:
    """What a counter has gained since it was last told."""

    __slots__ = ("_counter", "_gained")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._gained: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int = 1) -> None:
        gained = self._gained
        gained[labels] = gained.get(labels, 0) + amount

    def tell(self) -> None:
        """Hands over what was counted."""
        for labels, amount in self._gained.items():
            (self._counter.labels(*labels) if labels else self._counter).inc(amount)
        self._gained.clear()


class Spread:
    """What a histogram has observed since it was last told."""

    __slots__ = ("_bounds", "_gained", "_histogram")

    def __init__(self, histogram: Histogram, bounds: Sequence[float]) -> None:
        """`bounds`: the upper ones of its buckets, without infinity, in order."""
        self._histogram = histogram
        self._bounds = bounds
        self._gained: dict[Labels, list[float]] = {}

    def observe(self, labels: Labels, value: float) -> None:
        found = self._gained.get(labels)
        if found is None:
            found = self._gained[labels] = [0.0] * (len(self._bounds) + 2)
        found[bisect_left(self._bounds, value)] += 1
        found[-1] += value

    def tell(self) -> None:
        """Hands over what was observed."""
        for labels, found in self._gained.items():
            child = self._histogram.labels(*labels) if labels else self._histogram
            # The library has no way to add many observations at once.
            for bucket, count in zip(child._buckets, found[:-1], strict=True):
                if count:
                    bucket.inc(count)
            child._sum.inc(found[-1])
        self._gained.clear()
