"""Owns how the openings of conversations fall on payers. Counts only, and bounded."""

from __future__ import annotations

MOST_PAYERS = 30_000
"""Payers counted one by one; of a larger cluster those that come later are counted in sum only."""
_SHORT_RANK = 8
"""A payer that comes back before an eighth of the other payers had their turn came back soon."""


class Dealt:
    """How the openings of conversations fall on payers. A scheduler deals them out, people come when they come."""

    __slots__ = ("counts", "histogram", "last", "openings", "returns", "soon")

    def __init__(self) -> None:
        self.openings = 0
        self.counts: dict[int, int] = {}
        """By group."""
        self.histogram: dict[int, int] = {}
        """How many payers have so many openings."""
        self.last: dict[int, int] = {}
        """The number of the payer's last opening."""
        self.returns = 0
        """Openings of payers that had one before."""
        self.soon = 0
        """Of these, those that came before an eighth of the payers had their turn."""

    def opening(self, group: int) -> None:
        """Counts the next opening."""
        self.openings += 1
        counts, histogram = self.counts, self.histogram
        count = counts.get(group, 0)
        if count == 0 and len(counts) >= MOST_PAYERS:
            return
        counts[group] = count + 1
        histogram[count + 1] = histogram.get(count + 1, 0) + 1
        if count:
            histogram[count] -= 1
            self.returns += 1
            if (self.openings - self.last[group]) * _SHORT_RANK < len(counts):
                self.soon += 1
        self.last[group] = self.openings

    def absorb(self, other: Dealt) -> None:
        """Takes over the counts of `other`; who had a turn lately is not known of it."""
        self.openings += other.openings
        self.returns += other.returns
        self.soon += other.soon
        for group, count in other.counts.items():
            if group in self.counts or len(self.counts) < MOST_PAYERS:
                self.counts[group] = self.counts.get(group, 0) + count
                self.last[group] = self.openings
        self.histogram = {}
        for count in self.counts.values():
            self.histogram[count] = self.histogram.get(count, 0) + 1
