"""Owns a deadline that moves with every piece of a stream, and costs no timer each time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

NEVER = math.inf
_EARLY_SECONDS = 0.002
"""By which a timer of an event loop may be early."""


class Deadline:
    """Calls `expired` when the loop's time has come to `when`; `by` sets it.

    One timer serves all: it looks at `when` as it fires, and is set anew. So to put the deadline off, where one is set,
    it is enough to write to `when`.
    """

    __slots__ = ("_expired", "_loop", "_timer", "_timer_at", "when")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self.when = NEVER

    def by(self, when: float) -> None:
        self.when = when
        if when < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = when
            self._timer = self._loop.call_at(when, self._look)

    def end(self) -> None:
        """For ever; and forgets whom to call."""
        self.when = NEVER
        self._expired = _nobody
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, NEVER

    def _look(self) -> None:
        self._timer, self._timer_at = None, NEVER
        if self._loop.time() < self.when - _EARLY_SECONDS:
            self.by(self.when)
        else:
            self._expired()


def _nobody() -> None: ...
