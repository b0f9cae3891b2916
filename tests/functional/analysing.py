"""What the tests of the road through Redis share: replicas and analysers in this process, on a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from proxy.analysis.analyser import Analyser
from proxy.analysis.desk import RedisDesk
from proxy.analysis.keys import Keys
from proxy.analysis.lease import Lease
from proxy.analysis.link import Link
from proxy.analysis.remote import RemoteDetection
from proxy.clock import SystemClock, unique_id
from tests.unit.analysis.pool_analyst import PoolAnalyst, PoolAnalysts

PATIENCE = 10.0
CLOCK = SystemClock()


def seconds() -> float:
    return CLOCK.monotonic_us() / 1e6


async def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(0.02)


@dataclass
class Told:
    """A Watcher that remembers."""

    published_campaigns: list[int] = field(default_factory=list)
    states: list[tuple[int, bool]] = field(default_factory=list)

    def judged(self, seconds: float) -> None:
        assert seconds >= 0

    def looked(self, analyser: Analyser) -> None:
        assert analyser.is_up

    def published(self, campaigns: int) -> None:
        self.published_campaigns.append(campaigns)

    def saved(self, size: int, kept: bool) -> None:
        self.states.append((size, kept))


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    link = Link(url)
    try:
        yield link
    finally:
        await link.close()


@asynccontextmanager
async def replica(link: Link, keys: Keys, counts: dict[str, int] | None = None) -> AsyncIterator[RemoteDetection]:
    """A replica's detection; `counts` gets the numbers of events `sent` and `dropped`."""
    counted = counts if counts is not None else {}

    def count(what: str) -> Callable[[int], None]:
        def add(number: int) -> None:
            counted[what] = counted.get(what, 0) + number

        return add

    detection = RemoteDetection(
        link, keys, unique_id("r-"), CLOCK.wall_us, on_sent=count("sent"), on_dropped=count("dropped")
    )
    await detection.start()
    try:
        yield detection
    finally:
        await detection.close()


def desk(link: Link, keys: Keys, detection: RemoteDetection | None = None) -> RedisDesk:
    """A replica's desk; without `detection` of one that holds no verdict."""
    replica = detection or RemoteDetection(link, keys, unique_id("r-"), CLOCK.wall_us)
    return RedisDesk(link, keys, CLOCK.wall_us, replica)


def analyser(
    link: Link, keys: Keys, *, stopwatch: Callable[[], float] = seconds, most_state_bytes: int = 2**20
) -> Analyser:
    """An analyser that takes its turns when the test says so."""
    lease = Lease(link, keys, unique_id("a-"), stopwatch)
    return Analyser(link, keys, PoolAnalysts(), lease, Told(), seconds=stopwatch, most_state_bytes=most_state_bytes)


def analyst_of(analyser: Analyser) -> PoolAnalyst:
    analyst = analyser.follower.analyst
    assert isinstance(analyst, PoolAnalyst)
    return analyst


async def turns(analyser: Analyser, condition: Callable[[], bool]) -> None:
    """Has it take turns, keeping its lease if it ever had it, until the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            if analyser.lease.term:
                await analyser.lease.ask()
            await analyser.turn()
