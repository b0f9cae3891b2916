"""Owns the bucket store of a single process. Knows no other process and no I/O: its coroutines never suspend.

Each call is therefore atomic, and `replay` can drive it in virtual time without an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from proxy.admission.bucket import MOST_MICRO
from proxy.admission.keeper import Keeper
from proxy.admission.quota import Budget, Concurrency, Rate
from proxy.admission.shelves import BudgetShelf, RateShelf, Shelf, SlotShelf
from proxy.admission.store import Admission, Claim, Denied, Granted, Level, Reservation

LINGER_US = 60_000_000
"""How long a bucket that is full again is kept, and so how far a clock may step back without refilling anything."""


Look = tuple[Shelf, Any, bool]
"""Where a claim's bucket is, how it stands, and whether it grants."""


class MemoryStore:
    """A BucketStore in this process's memory. `clock` gives wall-clock microseconds (virtual ones in replay)."""

    def __init__(self, clock: Callable[[], int], max_buckets: int = 2_000_000, linger_us: int = LINGER_US) -> None:
        self._clock = clock
        self._keeper = Keeper(max_buckets, linger_us)
        self._slots = SlotShelf(self._keeper)
        self._shelves: dict[type, Shelf] = {
            Rate: RateShelf(self._keeper),
            Budget: BudgetShelf(self._keeper),
            Concurrency: self._slots,
        }
        self._open: set[str] = set()
        """Ids of the reservations not yet settled: only the first settlement of each counts."""

    @property
    def buckets(self) -> int:
        """How many are kept."""
        return len(self._keeper)

    @property
    def evicted(self) -> int:
        """How many were dropped before they were full again, for want of room."""
        return self._keeper.evicted

    async def reserve(self, reservation_id: str, claims: Sequence[Claim]) -> Admission:
        now_us = self._clock()
        looks = self._look(claims, now_us)
        for claim, (_, _, grants) in zip(claims, looks, strict=True):
            if not grants and not claim.shadow:
                return Denied(_levels(claims, looks, now_us))
        levels, taken, windows = [], [], []
        for claim, (shelf, found, grants) in zip(claims, looks, strict=True):
            if grants:
                level, window = shelf.take(claim.key, claim.limit, claim.cost, reservation_id, found, now_us)
            else:
                level = shelf.level(claim.limit, found, claim.cost, False, now_us)
                window = found[1] if type(claim.limit) is Budget else 0
            levels.append(level)
            taken.append(grants)
            windows.append(window)
        self._open.add(reservation_id)
        return Granted(Reservation(reservation_id, tuple(claims), tuple(taken), tuple(windows)), tuple(levels))

    def settle(self, reservation: Reservation, actual: Sequence[int]) -> None:
        holder = reservation.id
        if holder not in self._open:
            return
        self._open.remove(holder)
        now_us = self._clock()
        for claim, taken, window, cost in zip(
            reservation.claims, reservation.taken, reservation.windows, actual, strict=True
        ):
            if taken:
                excess = (cost if cost < MOST_MICRO else MOST_MICRO) - claim.cost
                self._shelves[type(claim.limit)].correct(claim.key, claim.limit, excess, window, holder, now_us)

    async def renew(self, reservations: Sequence[Reservation]) -> None:
        now_us = self._clock()
        for reservation in reservations:
            for claim in reservation.claims:
                if type(claim.limit) is Concurrency:
                    self._slots.extend(claim.key, reservation.id, now_us)

    async def peek(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        now_us = self._clock()
        return _levels(claims, self._look(claims, now_us), now_us)

    async def close(self) -> None:
        """Nothing is held that would outlive the process."""

    def _look(self, claims: Sequence[Claim], now_us: int) -> list[Look]:
        looks: list[Look] = []
        shelves = self._shelves
        for claim in claims:
            limit, cost = claim.limit, claim.cost
            shelf = shelves[type(limit)]
            found, grants = shelf.look(claim.key, limit, cost if cost < MOST_MICRO else MOST_MICRO, now_us)
            looks.append((shelf, found, grants))
        return looks


def _levels(claims: Sequence[Claim], looks: Sequence[Look], now_us: int) -> tuple[Level, ...]:
    return tuple(
        [
            shelf.level(claim.limit, found, claim.cost, grants, now_us)
            for claim, (shelf, found, grants) in zip(claims, looks, strict=True)
        ]
    )
