"""What can wait waits for a turn of the event loop in which nothing was read, and no longer than a while."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from proxy.quiet import Reads, quiet
from proxy.serving import runtime
from proxy.serving.runtime import tidy


class Node:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


async def reading(reads: Reads) -> None:
    """Something is read in every turn."""
    while True:
        reads.count += 1
        await asyncio.sleep(0)


async def test_where_nothing_is_read_it_is_quiet_at_once() -> None:
    assert await quiet(Reads())


async def test_where_something_is_read_in_every_turn_nobody_waits_for_ever() -> None:
    reads = Reads()
    busy = asyncio.ensure_future(reading(reads))
    assert not await quiet(reads)
    busy.cancel()


async def test_it_is_quiet_once_reading_ends() -> None:
    reads = Reads()
    busy = asyncio.ensure_future(reading(reads))
    waiting = asyncio.ensure_future(quiet(reads))
    await asyncio.sleep(0)
    busy.cancel()
    assert await waiting


async def test_cycles_are_found_while_it_is_quiet_and_left_alone_while_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "_TIDY_SECONDS", 0.0)
    monkeypatch.setattr(runtime, "_YOUNG", 1)
    reads = Reads()
    gc.collect()
    thresholds = gc.get_threshold()
    gc.set_threshold(1_000_000)
    try:
        node = weakref.ref(Node())
        busy = asyncio.ensure_future(reading(reads))
        tidying = asyncio.ensure_future(tidy(reads))
        for _ in range(200):
            await asyncio.sleep(0)
        assert node() is not None
        busy.cancel()
        gc.disable()  # as while a policy is read
        for _ in range(200):
            await asyncio.sleep(0)
        assert node() is not None
        gc.enable()
        async with asyncio.timeout(5.0):
            while node() is not None:
                await asyncio.sleep(0)
        tidying.cancel()
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()
