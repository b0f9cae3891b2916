"""Owns what is told of a Redis that does not keep what it is given. Knows no bucket."""

from __future__ import annotations

import asyncio
import logging

from proxy.admission.redis import RedisStore
from proxy.admission.redis_memory import RedisMemory
from proxy.errors import StoreError
from proxy.metrics.replica import RedisMetrics

log = logging.getLogger("stillgate.store")
LOOK_SECONDS = 60.0


async def watch_memory(redis: RedisStore, metrics: RedisMetrics) -> None:
    """For ever: looks at once, and every minute."""
    teller = _Teller()
    while True:
        try:
            memory = await redis.memory()
        except StoreError as fault:
            teller.unseen(redis.is_up, str(fault))
        else:
            metrics.evicted.set(memory.evicted_keys)
            teller.seen(memory)
        await asyncio.sleep(LOOK_SECONDS)


class _Teller:
    """Says each thing once, and an eviction whenever there were more."""

    def __init__(self) -> None:
        self._last: RedisMemory | None = None
        self._told_unseen = False

    def seen(self, memory: RedisMemory) -> None:
        last, self._last = self._last, memory
        told = {"maxmemory_policy": memory.policy, "evicted_keys": memory.evicted_keys}
        if memory.may_evict and (last is None or not last.may_evict):
            log.warning(
                "Redis may evict keys when it is full, and an evicted bucket is a full one, budgets included: "
                "set its maxmemory-policy noeviction",
                extra=told,
            )
        if last is not None and memory.evicted_keys > last.evicted_keys:
            log.warning("Redis has evicted keys: quotas may have been granted again", extra=told)

    def unseen(self, store_is_up: bool, fault: str) -> None:
        """A store that is away is told of elsewhere."""
        if store_is_up and not self._told_unseen:
            self._told_unseen = True
            log.warning("it cannot be seen whether Redis evicts keys, which it must not", extra={"fault": fault})
