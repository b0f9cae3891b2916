"""Owns which bucket store a process uses, and how its health reaches the metrics. Part of the composition."""

from __future__ import annotations

import asyncio
import logging
import random  # noqa: TID251 - jitter between replicas; nothing is decided by it
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from proxy.admission.fallback import BreakerState, ResilientStore
from proxy.admission.memory import MemoryStore
from proxy.admission.quota import Budget, Concurrency
from proxy.admission.redis import HASH_KEY, REPLICA_LEASE_US, RedisStore
from proxy.admission.store import BucketStore, Reservation, StoreFailure
from proxy.clock import Ticks, unique_id
from proxy.errors import StoreError, UsageError
from proxy.metrics.exchanges import Metrics
from proxy.metrics.replica import RedisMetrics
from proxy.policy.match import Policy
from proxy.redis_place import key_prefix
from proxy.serving.redis_memory import watch_memory
from proxy.settings import Settings
from proxy.tasks import Tasks

log = logging.getLogger("stillgate.store")


@dataclass(slots=True)
class Store:
    """The buckets of one process; `resilient` and `redis` are None on the embedded store."""

    buckets: BucketStore
    memory: MemoryStore
    redis: RedisStore | None = None
    resilient: ResilientStore | None = None
    tasks: Tasks = field(default_factory=Tasks)
    _may_refuse_all: bool = False
    _shared_key: bytes | None = None
    """The hash key that was had from Redis, as long as Redis holds no other one."""

    @property
    def state(self) -> str:
        """For /readyz: `memory`, or how the circuit breaker before Redis stands."""
        return "memory" if self.resilient is None else f"redis, breaker {self.resilient.state.value}"

    @property
    def is_up(self) -> bool:
        """Redis answers, or none is needed."""
        return self.resilient is None or self.resilient.state is BreakerState.CLOSED

    @property
    def refuses_all(self) -> bool:
        """Redis is lost, and the policy in force refuses whatever a quota is about meanwhile."""
        return self._may_refuse_all and not self.is_up

    def follow(self, policy: Policy) -> None:
        """Another policy is in force: what it says of a lost store, which the embedded one cannot be."""
        self._may_refuse_all = policy.on_store_failure is StoreFailure.DENY and bool(policy.quotas)
        if self.resilient is not None:
            self.resilient.set_mode(policy.on_store_failure)
        elif budgets := [quota.id for quota in policy.quotas if not quota.shadow and isinstance(quota.limit, Budget)]:
            log.warning(
                "budgets begin anew with each restart, as the store is this process's memory; "
                "--store redis://… keeps what is left of them",
                extra={"quotas": budgets},
            )

    async def hash_key(self, settings: Settings) -> bytes:
        """The key of the hashes that stand for API keys and content: the one given, else one that all replicas share.

        UsageError where the store that keeps it is away.
        """
        if settings.hash_key:
            return settings.hash_key.encode()
        if self.redis is None:
            return secrets.token_bytes(32)
        try:
            self._shared_key = await self.redis.shared_secret(HASH_KEY)
        except StoreError as fault:
            raise UsageError(
                f"--store {urlsplit(settings.store).hostname}: {fault}; "
                "mend that first, or give --hash-key so that stillgate can start without it"
            ) from fault
        return self._shared_key

    async def keep_hash_key(self) -> None:
        """Puts the shared hash key back where Redis has lost it, so that whoever starts next finds the one in use.

        Where another one is there by then, that is told once and left to the operator: neither may change under way.
        """
        if self.redis is None or self._shared_key is None:
            return
        with suppress(StoreError):
            if await self.redis.shared_secret(HASH_KEY, self._shared_key) != self._shared_key:
                self._shared_key = None
                log.warning(
                    "Redis holds another hash key than the one in use here: whoever is known by an API key has two "
                    "accounts among the replicas; restart those that say this, or give all of them one --hash-key"
                )

    async def renew_slots(self, reservations: Iterable[Reservation | None]) -> None:
        """Renews the leases of those that hold slots; while the store is away they wait for the next time."""
        held = [
            reservation
            for reservation in reservations
            if reservation is not None and any(isinstance(claim.limit, Concurrency) for claim in reservation.claims)
        ]
        with suppress(StoreError):
            await self.buckets.renew(held)

    def observe(self, metrics: Metrics) -> None:
        """Brings the gauges up to date."""
        metrics.store_buckets.set(self.memory.buckets)
        metrics.store_up.set(int(self.is_up))


@asynccontextmanager
async def open_store(settings: Settings, ticks: Ticks, metrics: Metrics) -> AsyncIterator[Store]:
    """The store that the settings name, closed at the end. UsageError for a URL that is none.

    The embedded one lives in the moments that the exchange log tells, so that a replay finds it as it was.
    """
    memory = MemoryStore(lambda: ticks.last_us)
    if settings.store.startswith("memory:"):
        yield Store(memory, memory)
        return

    def travelled(kind: str, seconds: float, operations: int) -> None:
        metrics.store_roundtrip.labels(kind).observe(seconds)
        metrics.store_operations.labels(kind).inc(operations)

    redis = RedisStore(
        settings.store,
        password=settings.store_password,
        prefix=key_prefix(settings.store_prefix),
        timeout_seconds=settings.store_timeout_ms / 1000,
        on_roundtrip=travelled,
        on_fault=lambda kind, operations: metrics.store_faults.labels(kind).inc(operations),
    )
    resilient = ResilientStore(
        redis,
        memory,
        random.random,
        replicas=settings.replicas * settings.workers,
        on_fallback=lambda mode: metrics.store_fallbacks.labels(mode).inc(),
    )
    store = Store(resilient, memory, redis, resilient)
    # Before the first request, so that a share is a share from the start; a Redis that is away costs one timeout.
    replica_id = unique_id("r-")
    await resilient.announce(replica_id)
    _ = store.tasks.spawn_endless(_announce(store, resilient, replica_id), "announce replica")
    _ = store.tasks.spawn_endless(watch_memory(redis, RedisMetrics(metrics.registry)), "watch the memory of Redis")
    try:
        yield store
    finally:
        await store.tasks.close()
        await resilient.close()


async def _announce(store: Store, resilient: ResilientStore, replica_id: str) -> None:
    while True:
        await asyncio.sleep(REPLICA_LEASE_US / 3e6)
        await resilient.announce(replica_id)
        await store.keep_hash_key()
