"""Owns the buckets that one process keeps in its memory: a shelf for each kind of limit, the same four verbs on each.

Knows no exchange: `memory` takes all or nothing from several shelves. Costs come clamped to `MOST_MICRO`.
"""

from __future__ import annotations

from typing import Any, Protocol

from proxy.admission.bucket import (
    BudgetState,
    RateState,
    budget_level,
    charge,
    draw,
    rate_level,
    refill,
    roll,
    slots_level,
    spend,
)
from proxy.admission.keeper import HELD, Keeper
from proxy.admission.quota import Budget, Calendar, Concurrency, Rate
from proxy.admission.store import LEASE_US, Level


class Shelf(Protocol):
    """The buckets of one kind. What `look` found is handed back to `take` and `level` within the same call."""

    def look(self, key: str, limit: Any, cost: int, now_us: int) -> tuple[Any, bool]:
        """The bucket as it stands, and whether it grants `cost`."""

    def take(self, key: str, limit: Any, cost: int, holder: str, found: Any, now_us: int) -> tuple[Level, int]:
        """Takes `cost` from what was found, which grants it; how the bucket stands then, and the period charged."""

    def level(self, limit: Any, found: Any, cost: int, granted: bool, now_us: int, /) -> Level:
        """How what was found stands, where nothing is taken."""

    def correct(self, key: str, limit: Any, excess: int, window: int, holder: str, now_us: int) -> None:
        """Takes `excess` more (gives back, where it is below zero) and frees the holder's slot."""


class RateShelf:
    """Rate buckets, each with the rate it was last used under."""

    level = staticmethod(rate_level)

    def __init__(self, keeper: Keeper) -> None:
        self._buckets: dict[str, tuple[RateState, Rate]] = {}
        self._keeper = keeper

    def look(self, key: str, limit: Rate, cost: int, now_us: int) -> tuple[RateState, bool]:
        entry = self._buckets.get(key)
        state = refill(limit, entry and entry[0], now_us)
        return state, state[0] >= cost

    def take(self, key: str, limit: Rate, cost: int, holder: str, found: RateState, now_us: int) -> tuple[Level, int]:
        state, level = draw(limit, found, cost, now_us)
        buckets = self._buckets
        if key not in buckets:
            self._keeper.add(self, key, now_us)
        buckets[key] = state, limit
        return level, 0

    def correct(self, key: str, limit: Rate, excess: int, window: int, holder: str, now_us: int) -> None:
        if excess:
            entry = self._buckets.get(key)
            state = charge(limit, refill(limit, entry and entry[0], now_us), excess)
            if entry is None:
                self._keeper.add(self, key, now_us)
            self._buckets[key] = state, limit

    def is_idle(self, key: str, before_us: int) -> bool:
        state, rate = self._buckets[key]
        return state[2] <= before_us and refill(rate, state, before_us)[0] == rate.capacity_micro

    def used_share(self, key: str, now_us: int) -> float:
        state, rate = self._buckets[key]
        return 1 - refill(rate, state, now_us)[0] / rate.capacity_micro

    def drop(self, key: str) -> None:
        del self._buckets[key]


class BudgetShelf:
    """Budgets of one calendar, each with the limit it was last used under."""

    level = staticmethod(budget_level)

    def __init__(self, keeper: Keeper) -> None:
        self._buckets: dict[str, tuple[BudgetState, Budget]] = {}
        self._keeper = keeper

    def look(self, key: str, limit: Budget, cost: int, now_us: int) -> tuple[BudgetState, bool]:
        key = _by_calendar(key, limit)
        entry = self._buckets.get(key)
        state = roll(limit, entry and entry[0], now_us)
        return state, limit.limit_micro - state[0] >= cost

    def take(
        self, key: str, limit: Budget, cost: int, holder: str, found: BudgetState, now_us: int
    ) -> tuple[Level, int]:
        state = spend(found, cost)
        self._put(_by_calendar(key, limit), state, limit, now_us)
        return budget_level(limit, state, cost, True, now_us), found[1]

    def correct(self, key: str, limit: Budget, excess: int, window: int, holder: str, now_us: int) -> None:
        if excess:
            state, _ = self.look(key, limit, 0, now_us)
            if state[1] == window:
                self._put(_by_calendar(key, limit), spend(state, excess), limit, now_us)

    def _put(self, key: str, state: BudgetState, limit: Budget, now_us: int) -> None:
        if key not in self._buckets:
            self._keeper.add(self, key, now_us)
        self._buckets[key] = state, limit

    def is_idle(self, key: str, before_us: int) -> bool:
        state, budget = self._buckets[key]
        return roll(budget, state, before_us) != state

    def used_share(self, key: str, now_us: int) -> float:
        state, budget = self._buckets[key]
        return roll(budget, state, now_us)[0] / max(budget.limit_micro, 1)

    def drop(self, key: str) -> None:
        del self._buckets[key]


class Slots:
    """The leases of one concurrency limit: reservation id to expiry in microseconds."""

    __slots__ = ("_first_expiry_us", "leases")

    def __init__(self) -> None:
        self.leases: dict[str, int] = {}
        self._first_expiry_us = 0
        """No lease is over before this; it saves going through all of them."""

    def held(self, now_us: int) -> int:
        """How many are taken; those whose lease is over are freed."""
        if self.leases and self._first_expiry_us <= now_us:
            self.leases = {holder: expiry for holder, expiry in self.leases.items() if expiry > now_us}
            self._first_expiry_us = min(self.leases.values(), default=0)
        return len(self.leases)

    def take(self, holder: str, expiry_us: int) -> None:
        if not self.leases or expiry_us < self._first_expiry_us:
            self._first_expiry_us = expiry_us
        self.leases[holder] = expiry_us


class SlotShelf:
    """Concurrency limits. What `look` finds is the number of slots taken."""

    level = staticmethod(slots_level)

    def __init__(self, keeper: Keeper) -> None:
        self._buckets: dict[str, Slots] = {}
        self._keeper = keeper

    def look(self, key: str, limit: Concurrency, cost: int, now_us: int) -> tuple[int, bool]:
        slots = self._buckets.get(key)
        held = 0 if slots is None else slots.held(now_us)
        return held, held < limit.limit

    def take(self, key: str, limit: Concurrency, cost: int, holder: str, found: int, now_us: int) -> tuple[Level, int]:
        slots = self._buckets.get(key)
        if slots is None:
            self._keeper.add(self, key, now_us)
            slots = self._buckets[key] = Slots()
        slots.take(holder, now_us + LEASE_US)
        return slots_level(limit, len(slots.leases), cost, True, now_us), 0

    def correct(self, key: str, limit: Concurrency, excess: int, window: int, holder: str, now_us: int) -> None:
        if slots := self._buckets.get(key):
            slots.leases.pop(holder, None)

    def extend(self, key: str, holder: str, now_us: int) -> None:
        """Starts the lease anew, unless it is over already."""
        slots = self._buckets.get(key)
        if slots and slots.leases.get(holder, now_us) > now_us:
            slots.take(holder, now_us + LEASE_US)

    def is_idle(self, key: str, before_us: int) -> bool:
        return self._buckets[key].held(before_us) == 0

    def used_share(self, key: str, now_us: int) -> float:
        return HELD if self._buckets[key].held(now_us) else 0.0

    def drop(self, key: str) -> None:
        del self._buckets[key]


def _by_calendar(key: str, limit: Budget) -> str:
    """A quota whose period was changed starts anew: days and months are not numbered alike."""
    return key if limit.calendar is Calendar.DAY else "month:" + key
