"""Owns how few buckets stay in memory. Knows no arithmetic: the shelves say what is idle and what would be lost.

A bucket that is full again, or whose period is over, says no more than one that is not there. It is dropped some time
later, so that a clock which steps back by less still finds it.
"""

from __future__ import annotations

from typing import Protocol

SAMPLE = 16
"""Buckets looked at to find one to evict: the one found is then among the fullest tenth or so."""
HELD = 2.0
"""More than any share that may be lost: such a bucket stays."""


class Holder(Protocol):
    """Where kept buckets are."""

    def is_idle(self, key: str, before_us: int) -> bool:
        """Whether the bucket was full at `before_us` and has not been drawn on since."""

    def used_share(self, key: str, now_us: int) -> float:
        """What would be lost with the bucket: 0 where it is full, 1 where it is empty, `HELD` where it must stay."""

    def drop(self, key: str) -> None: ...


class Keeper:
    """A ring of all buckets. Each new one pays for a look at two old ones, so that no call waits for a sweep.

    Above `max_buckets` each new bucket has another evicted, the fullest of some under the hand and some of the newest:
    a flood of invented keys evicts itself and not the buckets that somebody has drawn down.
    """

    def __init__(self, max_buckets: int, linger_us: int) -> None:
        self.evicted = 0
        """Buckets dropped although something was lost with them."""
        self._max_buckets = max_buckets
        self._linger_us = linger_us
        self._ring: list[tuple[Holder, str]] = []
        self._hand = 0

    def __len__(self) -> int:
        return len(self._ring)

    def add(self, holder: Holder, key: str, now_us: int) -> None:
        """To be called once for each new bucket, before it is there; it may drop others."""
        before_us = now_us - self._linger_us
        for _ in range(min(2, len(self._ring))):
            self._hand %= len(self._ring)
            kept, old = self._ring[self._hand]
            if kept.is_idle(old, before_us):
                self._drop(self._hand)
            else:
                self._hand += 1
        if len(self._ring) >= self._max_buckets:
            self._evict(now_us)
        self._ring.append((holder, key))

    def _evict(self, now_us: int) -> None:
        size, half = len(self._ring), SAMPLE // 2
        places = {(start + step) % size for start in (self._hand, size - half) for step in range(half)}
        self._hand += half
        shares = {place: self._share(place, now_us) for place in places}
        fullest = min(places, key=lambda place: (shares[place], place))
        if shares[fullest] < HELD:
            self.evicted += shares[fullest] > 0
            self._drop(fullest)

    def _share(self, place: int, now_us: int) -> float:
        holder, key = self._ring[place]
        return holder.used_share(key, now_us)

    def _drop(self, place: int) -> None:
        holder, key = self._ring[place]
        holder.drop(key)
        last = self._ring.pop()
        if place < len(self._ring):
            self._ring[place] = last
