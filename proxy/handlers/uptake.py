"""Owns how a client takes what is sent to it: whether any of it has left lately. Knows no socket and no clock."""

from __future__ import annotations


class Uptake:
    """Of one connection. `written`: bytes of answers so far, counted by whoever writes them."""

    __slots__ = ("_since", "_taken", "written")

    def __init__(self) -> None:
        self.written = 0
        self._taken, self._since = -1, 0.0

    def stalled_seconds(self, unsent: int, now: float) -> float:
        """For how long none of what waits has left, where `unsent` bytes do at `now`; to be asked every few seconds."""
        taken = self.written - unsent
        if not unsent or taken > self._taken:
            self._taken, self._since = taken, now
        return now - self._since
