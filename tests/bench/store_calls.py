"""Owns the price of the bucket store by itself: a process that reserves and settles, and does nothing else.

`python -m tests.bench.store_calls STORE-URL SECONDS` prints µs of CPU a decision and its settlement. Calls meet as they
do in a proxy with `stillgate`'s load of the other rows, where some sixteen travel together.
"""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import count

import uvloop
from prometheus_client import CollectorRegistry

from proxy.admission.quota import MICRO, Concurrency, Rate
from proxy.admission.store import BucketStore, Claim, Granted
from proxy.clock import SystemClock, Ticks
from proxy.metrics.exchanges import Metrics
from proxy.serving.store import open_store
from proxy.settings import Settings
from tests.bench.wire import ACCOUNTS, MODELS, NETWORKS

_AT_ONCE = 16
_WARM_SECONDS = 0.3
_MINUTE_US = 60_000_000
_REQUESTS = Rate.of(100_000_000 * MICRO, _MINUTE_US, 100_000_000 * MICRO)
_TOKENS = Rate.of(10_000_000 * MICRO, MICRO, 100_000_000 * MICRO)
_SLOTS = Concurrency(10_000)


def _claims(number: int) -> list[Claim]:
    """What an exchange claims under the benchmark's policy."""
    account, model = number % ACCOUNTS, MODELS[number % len(MODELS)]
    network = number % NETWORKS
    return [
        Claim(f"account-rpm:{account:016x}", _REQUESTS, MICRO),
        Claim(f"account-itpm:{account:016x}{model}", _TOKENS, 260 * MICRO),
        Claim(f"account-otpm:{account:016x}{model}", _TOKENS, 400 * MICRO),
        Claim(f"in-flight:{account:016x}", _SLOTS, 1),
        Claim(f"network-rpm:{network:016x}", _REQUESTS, MICRO),
        Claim(f"network-rpm-tighter:{network:016x}", _REQUESTS, MICRO, shadow=True),
    ]


class _Caller:
    def __init__(self, store: BucketStore, ticks: Ticks) -> None:
        self.done = 0
        self.ending = False
        self._store = store
        self._ticks = ticks
        self._prepared = [_claims(number) for number in range(2000)]
        self._numbers = count()

    async def call(self) -> None:
        """Exchange after exchange until `ending`."""
        while not self.ending:
            number = next(self._numbers)
            claims = self._prepared[number % len(self._prepared)]
            self._ticks.next_us()
            admission = await self._store.reserve(f"req_{number:024x}", claims)
            if not isinstance(admission, Granted) or admission.without_store is not None:
                raise SystemExit(f"the store did not grant: {admission}")
            actual = [claim.cost - 20 * MICRO if claim.limit is _TOKENS else claim.cost for claim in claims]
            self._store.settle(admission.reservation, actual)
            self.done += 1
            await asyncio.sleep(0)  # the embedded store never waits


async def _measure(url: str, seconds: float) -> float:
    ticks = Ticks(SystemClock())
    settings = Settings(upstream="http://127.0.0.1:1", store=url)
    async with open_store(settings, ticks, Metrics(CollectorRegistry())) as store, asyncio.TaskGroup() as group:
        caller = _Caller(store.buckets, ticks)
        for _ in range(_AT_ONCE):
            group.create_task(caller.call())
        await asyncio.sleep(_WARM_SECONDS)
        done, cpu_ns = caller.done, time.process_time_ns()
        await asyncio.sleep(seconds)
        done, cpu_ns = caller.done - done, time.process_time_ns() - cpu_ns
        caller.ending = True
    return cpu_ns / 1000 / done


if __name__ == "__main__":
    print(uvloop.run(_measure(sys.argv[1], float(sys.argv[2]))))
