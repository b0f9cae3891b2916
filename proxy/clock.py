"""Owns the reading of clocks and of randomness; everything else takes them as parameters."""

from __future__ import annotations

import os
import secrets
import time
from typing import Protocol

US_PER_SECOND = 1_000_000


class Clock(Protocol):
    """Where the shell reads the time."""

    def wall_us(self) -> int:
        """Microseconds since the Unix epoch."""

    def monotonic_us(self) -> int:
        """Microseconds from an arbitrary start; never steps back."""


class SystemClock:
    """The machine's clocks."""

    def wall_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000


class Ticks:
    """A clock's wall time as moments that never repeat and never step back.

    What happens in a process takes one each, so that a log of these moments has them in the very order they had.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last_us = 0

    def next_us(self) -> int:
        """The present moment, or the one after the last where the clock stands or has stepped back."""
        now_us = self._clock.wall_us()
        self.last_us = now_us if now_us > self.last_us else self.last_us + 1
        return self.last_us


class VirtualClock:
    """A clock that stands until it is told to move; both of its times are the same."""

    def __init__(self, now_us: int = 0) -> None:
        self.now_us = now_us

    def wall_us(self) -> int:
        return self.now_us

    def monotonic_us(self) -> int:
        return self.now_us


_NAME_BYTES = 12
_drawn: list[str] = []
"""Random names not given yet, drawn many at once: each look into the system's pool is a system call (0.6 µs)."""
os.register_at_fork(after_in_child=_drawn.clear)  # a child must not give its parent's


def unique_id(prefix: str) -> str:
    """A new random name: `prefix` and 96 bits in hexadecimal."""
    try:
        return prefix + _drawn.pop()
    except IndexError:
        drawn = secrets.token_hex(_NAME_BYTES * 256)
        _drawn.extend(drawn[start : start + 2 * _NAME_BYTES] for start in range(0, len(drawn), 2 * _NAME_BYTES))
        return prefix + _drawn.pop()
