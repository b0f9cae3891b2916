"""Owns when an event loop is quiet: no exchange was read of just now, so that what can wait is in nobody's way."""

from __future__ import annotations

import asyncio

_BUSY_SECONDS = 0.001
"""How long the exchanges that were read of just now are left to themselves."""
_PATIENCE_SECONDS = 0.005
"""How long in all."""


class Reads:
    """How often anything was read that an exchange waits for: where that was just now, what can wait should."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


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
