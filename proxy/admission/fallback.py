"""Owns how admission goes on while the shared store is lost: a circuit breaker and the policy's `on_store_failure`.

Knows the stores by their contract only. While the breaker is open no exchange waits for the shared store; a probe
beside the traffic finds out when it is back. A reservation is settled where it was made.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from math import inf
from typing import Protocol, TypeVar, assert_never

from proxy.admission.quota import MICRO, Budget, Concurrency, Limit, Rate, capacity_of
from proxy.admission.store import Admission, BucketStore, Claim, Denied, Granted, Level, Reservation, StoreFailure
from proxy.errors import StoreError
from proxy.tasks import Tasks

log = logging.getLogger("stillgate.store")
T = TypeVar("T")

FAULTS_TO_OPEN = 3
SECONDS_TO_OPEN = 1.0
"""Faults in a row open the breaker when there are so many, or when they have gone on for so long."""
RELAPSE_SECONDS = 10.0
"""A store that is lost again so soon after it was back is asked half as often, so that it is not told of as one that
comes and goes: a full one has room for a moment whenever something in it expires."""
COUNTS = 3
"""The highest of so many counts of replicas holds, a lease's worth: a store that came back empty counts anew."""
MOST_RELAPSES = 5
"""That count: 32 times the usual pause between two probes."""


class SharedStore(BucketStore, Protocol):
    """A store that can be lost."""

    def settle_later(self, reservation: Reservation, actual: Sequence[int]) -> None: ...

    async def ping(self) -> None: ...

    async def announce(self, replica_id: str) -> int: ...


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """Open, with a probe under way."""


class LocalReservation(Reservation, frozen=True):
    """Made without the shared store."""


class ResilientStore:
    """A BucketStore that decides without the shared one while that is lost. Belongs to one event loop.

    `local` holds this replica's share meanwhile, a `replicas`-th of each limit: as many as were counted, and at least
    those given here. `jitter` gives 0 to 1 at random, and spreads the probes of many replicas. `on_fallback(mode)` is
    told of each decision taken without the shared store.
    """

    def __init__(
        self,
        shared: SharedStore,
        local: BucketStore,
        jitter: Callable[[], float],
        *,
        mode: StoreFailure = StoreFailure.LOCAL,
        replicas: int = 1,
        probe_seconds: float = 0.5,
        on_fallback: Callable[[str], None] | None = None,
    ) -> None:
        self.state = BreakerState.CLOSED
        self.replicas = self._fewest = replicas
        self._counted: deque[int] = deque(maxlen=COUNTS)
        self._shared = shared
        self._local = local
        self._jitter = jitter
        self._mode = mode
        self._probe_seconds = probe_seconds
        self._on_fallback = on_fallback
        self._faults = 0
        self._first_fault_at = 0.0
        self._relapses = 0
        self._closed_at = -inf
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = Tasks()

    def set_mode(self, mode: StoreFailure) -> None:
        """From the next call on; to be called with each policy that takes over."""
        self._mode = mode

    async def announce(self, replica_id: str) -> int:
        """Tells the other replicas of this one; returns how many there are, or were when that was last known."""
        with suppress(StoreError):
            self._counted.append(await self._watched(self._shared.announce(replica_id)))
            self.replicas = max(self._fewest, *self._counted)
        return self.replicas

    async def reserve(self, reservation_id: str, claims: Sequence[Claim]) -> Admission:
        if self.state is BreakerState.CLOSED:
            try:  # as `_watched` does, but without one more coroutine for every exchange
                admission = await self._shared.reserve(reservation_id, claims)
            except StoreError:
                self._count_fault()
            else:
                self._faults = 0
                return admission
        mode = self._mode
        if self._on_fallback is not None:
            self._on_fallback(mode)
        match mode:
            case StoreFailure.DENY:
                raise StoreError("the bucket store is lost")
            case StoreFailure.ALLOW:
                return _allowed(reservation_id, claims)
            case StoreFailure.LOCAL:
                return await self._reserve_share(reservation_id, claims)

    def settle(self, reservation: Reservation, actual: Sequence[int]) -> None:
        if isinstance(reservation, LocalReservation):
            self._local.settle(reservation, actual)
        elif self.state is BreakerState.CLOSED:
            self._shared.settle(reservation, actual)
        else:
            self._shared.settle_later(reservation, actual)

    async def renew(self, reservations: Sequence[Reservation]) -> None:
        """Never fails: a lease that cannot be renewed in time is lost, and its slot free."""
        await self._local.renew([held for held in reservations if isinstance(held, LocalReservation)])
        if self.state is BreakerState.CLOSED:
            shared = [held for held in reservations if not isinstance(held, LocalReservation)]
            with suppress(StoreError):
                await self._watched(self._shared.renew(shared))

    async def peek(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        if self.state is BreakerState.CLOSED:
            with suppress(StoreError):
                return await self._watched(self._shared.peek(claims))
        match self._mode:
            case StoreFailure.DENY:
                raise StoreError("the bucket store is lost")
            case StoreFailure.ALLOW:
                return _untouched(claims)
            case StoreFailure.LOCAL:
                return await self._local.peek([share_of(claim, self.replicas) for claim in claims])

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.close(patience_seconds=0)
        await self._shared.close()
        await self._local.close()

    async def _reserve_share(self, reservation_id: str, claims: Sequence[Claim]) -> Admission:
        admission = await self._local.reserve(reservation_id, [share_of(claim, self.replicas) for claim in claims])
        if isinstance(admission, Denied):
            return Denied(admission.levels, StoreFailure.LOCAL)
        made = admission.reservation
        held = LocalReservation(made.id, made.claims, made.taken, made.windows)
        return Granted(held, admission.levels, StoreFailure.LOCAL)

    # The breaker

    async def _watched(self, call: Awaitable[T]) -> T:
        try:
            answer = await call
        except StoreError:
            self._count_fault()
            raise
        self._faults = 0
        return answer

    def _count_fault(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._faults:
            self._first_fault_at = now
        self._faults += 1
        lasting = now - self._first_fault_at >= SECONDS_TO_OPEN
        if self.state is BreakerState.CLOSED and (self._faults >= FAULTS_TO_OPEN or lasting):
            log.warning("deciding without the bucket store from now on", extra={"mode": self._mode})
            self._relapses = self._relapses + 1 if now - self._closed_at < RELAPSE_SECONDS else 0
            self._open()

    def _open(self) -> None:
        self.state = BreakerState.OPEN
        delay = self._probe_seconds * 2 ** min(self._relapses, MOST_RELAPSES) * (0.75 + 0.5 * self._jitter())
        self._timer = asyncio.get_running_loop().call_later(delay, self._half_open)

    def _half_open(self) -> None:
        self.state = BreakerState.HALF_OPEN
        _ = self._tasks.spawn(self._probe(), "bucket-store-probe")

    async def _probe(self) -> None:
        try:
            await self._shared.ping()
        except StoreError:
            self._open()
            return
        self.state = BreakerState.CLOSED
        self._faults = 0
        self._closed_at = asyncio.get_running_loop().time()
        log.info("deciding with the bucket store again")


def share_of(claim: Claim, replicas: int) -> Claim:
    """`claim` on one of `replicas` shares of its bucket, one unit at least where the whole has one.

    A cost that only the whole bucket could hold takes the share's all; what it really was is settled as ever.
    """
    whole = capacity_of(claim.limit)
    size = max(whole // replicas, min(whole, 1 if isinstance(claim.limit, Concurrency) else MICRO))
    limit: Limit
    match claim.limit:
        case Rate(_, num, den, spent_us):
            limit = Rate(size, num, den * replicas, spent_us)
        case Budget(_, calendar):
            limit = Budget(size, calendar)
        case Concurrency():
            limit = Concurrency(size)
        case _:
            assert_never(claim.limit)
    cost = min(claim.cost, size) if claim.cost <= whole else claim.cost
    return Claim(claim.key, limit, cost, claim.shadow)


def _allowed(reservation_id: str, claims: Sequence[Claim]) -> Granted:
    nothing = (False,) * len(claims)
    reservation = LocalReservation(reservation_id, tuple(claims), nothing, (0,) * len(claims))
    return Granted(reservation, _untouched(claims), StoreFailure.ALLOW)


def _untouched(claims: Sequence[Claim]) -> tuple[Level, ...]:
    return tuple(Level(True, capacity_of(claim.limit), 0, 0) for claim in claims)
