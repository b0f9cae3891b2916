"""Owns how old the accounts of a cluster are: when they were created, and how old they were when they first came.

Of a sample, kept in order, because it is asked for at each judgement and changes only while accounts join.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from proxy.detect.pairs import SAMPLE


class Ages:
    """Of the first SAMPLE accounts that joined and of which it is known."""

    __slots__ = ("_at_first_use", "_joined", "created")

    def __init__(self) -> None:
        self._joined: list[tuple[int, int]] = []
        """When they were created and when they first came, in the order in which they joined."""
        self.created: list[int] = []
        """When they were created, in the order of time."""
        self._at_first_use: list[int] = []

    def __len__(self) -> int:
        return len(self._joined)

    def add(self, created_us: int, first_us: int) -> None:
        """One more account has joined."""
        if len(self._joined) < SAMPLE:
            self._joined.append((created_us, first_us))
            insort(self.created, created_us)
            insort(self._at_first_use, first_us - created_us)

    def absorb(self, other: Ages) -> None:
        """Takes over those of another cluster."""
        for created_us, first_us in other._joined:
            self.add(created_us, first_us)

    def younger(self, than_us: int) -> int:
        """How many were younger than that when they first came."""
        return bisect_left(self._at_first_use, than_us)
