"""Owns the settlements that wait until Redis answers again: bounded in number and in age. Knows no connection."""

from __future__ import annotations

from collections import deque

from proxy.admission.redis_calls import SettleCall

BACKLOG = 10_000
"""Settlements that wait; the oldest is dropped first, and counted."""
REPEAT_SECONDS = 100.0
"""A settlement is repeated for so long; the script remembers for longer which ones it has seen."""


class Backlog:
    """Settlements in the order in which they came to wait. Times are in seconds, on any one clock."""

    def __init__(self) -> None:
        self.dropped = 0
        """Those that grew too old, or for which there was no room."""
        self._waiting: deque[tuple[SettleCall, float]] = deque()

    def keep(self, call: SettleCall, expires_at: float) -> None:
        """Until `expires_at`, and while there is room."""
        if len(self._waiting) >= BACKLOG:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append((call, expires_at))

    def take(self, most: int, now: float) -> list[tuple[SettleCall, float]]:
        """Up to `most` of them, each with the time at which it expires."""
        taken = []
        for _ in range(min(len(self._waiting), most)):
            call, expires_at = self._waiting.popleft()
            if expires_at > now:
                taken.append((call, expires_at))
            else:
                self.dropped += 1
        return taken
