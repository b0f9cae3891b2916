"""Owns the contract between the pipeline and whatever holds the buckets. Knows no implementation.

One call reserves everything an exchange needs, or nothing; one call settles it. The store supplies the clock
(Redis: its own; memory: the clock it was built with), so that replicas whose clocks differ agree.

The values are msgspec structs because a hundred of them are built for every few exchanges, and a frozen dataclass takes
eight times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from proxy.admission.quota import Limit


class Claim(Struct, frozen=True):
    """What one exchange wants of one bucket."""

    key: str
    """The bucket's name within the store: the quota's id and a hash of the principals it is kept for."""
    limit: Limit
    cost: int
    """Micro-units for a rate or budget (0 or more); 1 slot for concurrency."""
    shadow: bool = False
    """A shadow claim is kept like any other, but its refusal does not refuse the exchange."""


class Level(Struct, frozen=True, gc=False):
    """How one bucket stands after a reservation (or, after a refusal, how it stood)."""

    granted: bool
    remaining: int
    """Micro-units, or free slots; below zero while a bucket is in debt."""
    reset_after_us: int
    """Until the bucket is full again (rate), or its period ends (budget); 0 for concurrency."""
    retry_after_us: int | None
    """Until this very cost could pass if nobody else drew: 0 where granted, None for never (cost above capacity)."""


class Reservation(Struct, frozen=True):
    """What was taken, so that it can be settled. `windows`: the budget period each claim was charged to (0: none)."""

    id: str
    claims: tuple[Claim, ...]
    taken: tuple[bool, ...]
    """Per claim: False where a shadow claim refused, and so was not charged."""
    windows: tuple[int, ...]


class Granted(Struct, frozen=True):
    reservation: Reservation
    levels: tuple[Level, ...]
    without_store: str | None = None
    """The mode that decided because the store was lost; None where the store decided."""


class Denied(Struct, frozen=True):
    """No bucket was changed. Each claim that refused has `granted=False`; shadow refusals are told as well."""

    levels: tuple[Level, ...]
    without_store: str | None = None


Admission = Granted | Denied


class StoreFailure(StrEnum):
    """How exchanges are decided while the store is lost."""

    LOCAL = "local"
    """Each replica holds its share of every limit in its own memory."""
    ALLOW = "allow"
    DENY = "deny"


class BucketStore(Protocol):
    """All methods but `settle` raise StoreError where the store is lost; the caller has the policy's answer to that."""

    async def reserve(self, reservation_id: str, claims: Sequence[Claim]) -> Admission:
        """Takes every claim, or none. Claims of one call have distinct keys."""

    def settle(self, reservation: Reservation, actual: Sequence[int]) -> None:
        """Corrects each taken claim from its reserved to its `actual` cost (micro-units) and frees its slots.

        The same settlement may be repeated, and counts once. A bucket may go into debt. A budget whose period is over
        is left alone. Never waits and never fails: what a far store has to be told goes there with, and before, what is
        asked next, or is kept until it can be told.
        """

    async def renew(self, reservations: Sequence[Reservation]) -> None:
        """Extends the leases of slots still held; to be called every `LEASE_US / 3`."""

    async def peek(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        """How each bucket stands and whether it would grant; changes nothing."""

    async def close(self) -> None: ...


LEASE_US = 15_000_000
"""A slot whose holder is gone is free after this long."""
