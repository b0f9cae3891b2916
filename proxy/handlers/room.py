"""Owns for how many clients there is room, and who leaves where there is none. Pure: ends no connection itself.

What runs out first is the number of files that a process may have open.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest
from math import inf
from operator import attrgetter
from typing import Protocol, TypeVar

RESERVED_FILES = 64
"""For the admin pages, the store, the log and the policy: these go on however many clients there are."""
_AT_ONCE = 16
"""A sixteenth of all places is made free together, for to find out who was idle for longest is to look at all."""
_BUSY_SECONDS = 1.0
"""How long nobody is looked at again where nobody was idle."""


class Kept(Protocol):
    """A connection of a client."""

    @property
    def is_idle(self) -> bool:
        """No request is under way."""

    @property
    def idle_since(self) -> float:
        """When the last one ended, or the connection began; in seconds."""


K = TypeVar("K", bound=Kept)


class Room:
    """For `most` clients where so many `files` may be open: each of them may need a connection to the upstream, too."""

    def __init__(self, files: int) -> None:
        self.most = max((files - RESERVED_FILES) // 2, 1)
        self._busy_until = -inf

    def leaving(self, connections: Iterable[K], now: float) -> list[K]:
        """Who is to make room at `now`, in seconds: those idle for longest; none where all are at work."""
        if now < self._busy_until:
            return []
        idle = (connection for connection in connections if connection.is_idle)
        leaving = nsmallest(max(self.most // _AT_ONCE, 1), idle, key=attrgetter("idle_since"))
        if not leaving:
            self._busy_until = now + _BUSY_SECONDS
        return leaving
