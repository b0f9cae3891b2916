"""Owns what a serving process runs on: its event loop, its open files, and how Python looks for garbage in cycles."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import uvloop

from proxy.quiet import Reads, quiet

T = TypeVar("T")
_TIDY_SECONDS = 0.05
_YOUNG = 300
"""Objects that make it worth while."""
_MIDDLE = 20
"""Times that the young ones were gone through, until those that were left are once more."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on uvloop, and with as many open files as the system lets it have."""
    open_more_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def open_more_files() -> None:
    """Has this process, and those that it starts, open as many files as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS lets nobody have as many as it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def open_files() -> int:
    """How many files this process may have open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else files


def when_readable(loop: asyncio.AbstractEventLoop, fd: int, told: Callable[[], None]) -> None:
    """Calls `told` once, as soon as `fd` can be read."""

    def call() -> None:
        loop.remove_reader(fd)
        told()

    loop.add_reader(fd, call)


def collect_seldom() -> None:
    """To be called when all is set up; then `tidy` is to run.

    An exchange leaves no cycles behind, and to go through all that detection keeps would stop everything for as long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 100, 10_000)


async def tidy(reads: Reads) -> None:
    """For ever: goes through the young objects while they are few, between exchanges, and not while a policy is read.

    500 of them take 0.3 ms, and the 20,000 after which Python would do it in the midst of a request 7 to 15.
    """
    while True:
        await asyncio.sleep(_TIDY_SECONDS)
        young, middle, _ = gc.get_count()
        if young >= _YOUNG and await quiet(reads) and gc.isenabled():
            gc.collect(1 if middle >= _MIDDLE else 0)
