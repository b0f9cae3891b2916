"""Owns what a serving process runs on: its event loop, how busy that is, and how Python looks for garbage in cycles."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")
_BUSY_SECONDS = 0.001
"""How long the exchanges that were read of just now are left to themselves."""
_PATIENCE_SECONDS = 0.005
"""How long in all."""
_TIDY_SECONDS = 0.05
_YOUNG = 300
"""Objects that make it worth while."""
_MIDDLE = 20
"""Times that the young ones were gone through, until those that were left are once more."""


class Reads:
    """How often anything was read that an exchange waits for: where that was just now, what can wait should."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


async def quiet(reads: Reads) -> bool:
    """Lets others go first: waits for a turn of the event loop in which nothing was read, but not too long.

    An exchange takes some six turns, and would meet in each what does not wait; and what it writes leaves at the end of
    a turn. False where there was no such turn in time.
    """
    time = asyncio.get_running_loop().time
    until = time() + _PATIENCE_SECONDS
    while True:
        before = reads.count
        await asyncio.sleep(0)
        if reads.count == before:
            return True
        if time() >= until:
            return False
        await asyncio.sleep(_BUSY_SECONDS)


def collect_seldom() -> None:
    """To be called when all is set up; then `tidy` is to run.

    An exchange leaves no cycles behind, and to go through all that detection keeps would stop everything for as long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 100, 10_000)


async def tidy(reads: Reads) -> None:
    """For ever: goes through the young objects while they are few, between exchanges.

    500 of them take 0.3 ms, and the 20,000 after which Python would do it in the midst of a request 7 to 15.
    """
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        young, middle, _ = gc.get_count()
        if young >= _YOUNG and await quiet(reads):
            gc.collect(1 if middle >= _MIDDLE else 0)
