"""Owns the look into buckets as a store: it answers as the store behind it would, and takes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.admission.store import Admission, BucketStore, Claim, Denied, Granted, Level, Reservation
from proxy.errors import StoreError


class LookingStore:
    """Answers as the store would, and takes nothing. Looks once, so that all answers are of one moment."""

    def __init__(self, store: BucketStore) -> None:
        self._store = store
        self._levels: tuple[Level, ...] | None = None
        self.fault: str | None = None

    async def reserve(self, reservation_id: str, claims: Sequence[Claim]) -> Admission:
        levels = await self.peek(claims)
        if any(not level.granted and not claim.shadow for claim, level in zip(claims, levels, strict=True)):
            return Denied(levels)
        taken = tuple(level.granted for level in levels)
        return Granted(Reservation(reservation_id, tuple(claims), taken, (0,) * len(claims)), levels)

    async def peek(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        if self._levels is None:
            try:
                self._levels = await self._store.peek(claims)
            except StoreError as fault:
                self.fault = str(fault)
                raise
        return self._levels

    def settle(self, reservation: Reservation, actual: Sequence[int]) -> None:
        """Nothing was taken."""

    async def renew(self, reservations: Sequence[Reservation]) -> None:
        """Nothing is held."""

    async def close(self) -> None:
        """The store is its owner's to close."""
