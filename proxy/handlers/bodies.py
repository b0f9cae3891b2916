"""Owns how many bytes of request bodies wait in this process, and which body gives way where there are too many.

Knows neither what they hold nor who sends them.
"""

from __future__ import annotations

from typing import Protocol

from proxy.clock import Clock, SystemClock

MOST_BYTES = 2**30
_LEAST_PACE = 1024.0
"""Bytes a second that every body is taken to come at, so that what stands still is weighed by its size."""


class Coming(Protocol):
    """A body that somebody waits for until it is whole."""

    @property
    def size(self) -> int:
        """Bytes of it that wait."""

    def give_way(self) -> None:
        """Ends it, and lets go of what waits; nothing where its end has come."""


class Bodies:
    """All bodies of one process. What waits of them is counted in `bytes`, by themselves; `most` is the bound."""

    __slots__ = ("_before", "_clock", "_coming", "_looked", "bytes", "most")

    def __init__(self, most: int = MOST_BYTES, clock: Clock | None = None) -> None:
        self.bytes = 0
        self.most = most
        self._clock = clock or SystemClock()
        self._coming: dict[Coming, tuple[float, int, int]] = {}
        """Since when, and how large it was when they were looked at last but one, and last."""
        self._before = self._looked = self._now()

    def came(self, body: Coming) -> None:
        """It is waited for, until `gone`."""
        self._coming[body] = self._now(), 0, 0

    def gone(self, body: Coming) -> None:
        del self._coming[body]

    def look(self) -> None:
        """Notes how they come on; to be called every few seconds."""
        self._before, self._looked = self._looked, self._now()
        for body, (since, _, size) in self._coming.items():
            self._coming[body] = since, size, body.size

    def make_room(self) -> None:
        """Has those give way that hold most for the pace at which they came lately, until the bound is kept."""
        now = self._now()
        coming = sorted((body for body in self._coming if body.size), key=lambda body: self._weight(body, now))
        # What waits besides is whole, or passed through piece by piece, and leaves by itself.
        while coming and self.bytes > self.most:
            coming.pop().give_way()

    def _now(self) -> float:
        return self._clock.monotonic_us() / 1e6

    def _weight(self, body: Coming, now: float) -> float:
        """The seconds that it would take to send once more what waits, as it came lately."""
        since, before, _ = self._coming[body]
        seconds = max(now - max(since, self._before), 1e-3)
        return body.size / ((body.size - before) / seconds + _LEAST_PACE)
