"""Owns how the openings of conversations fall on accounts. Counts only, and bounded."""

from __future__ import annotations

MOST_PAYERS = 30_000
"""Accounts or payers counted one by one; of a larger cluster those that come later are counted in sum only."""
_SHORT_RANK = 8
"""An account that comes back before an eighth of the others had their turn came back soon."""


class Dealt:
    """How the openings of conversations fall on accounts. A scheduler deals them out, people come when they come."""

    __slots__ = ("counts", "histogram", "last", "openings", "returns", "soon")

    def __init__(self) -> None:
        self.openings = 0
        self.counts: dict[int, int] = {}
        """By account's number."""
        self.histogram: dict[int, int] = {}
        """How many accounts have so many openings."""
        self.last: dict[int, int] = {}
        """The number of the account's last opening."""
        self.returns = 0
        """Openings of accounts that had one before."""
        self.soon = 0
        """Of these, those that came before an eighth of the accounts had their turn."""

    def opening(self, account: int) -> None:
        """Counts the next opening."""
        self.openings += 1
        counts, histogram = self.counts, self.histogram
        count = counts.get(account, 0)
        if count == 0 and len(counts) >= MOST_PAYERS:
            return
        counts[account] = count + 1
        histogram[count + 1] = histogram.get(count + 1, 0) + 1
        if count:
            histogram[count] -= 1
            self.returns += 1
            if (self.openings - self.last[account]) * _SHORT_RANK < len(counts):
                self.soon += 1
        self.last[account] = self.openings

    def absorb(self, other: Dealt) -> None:
        """Takes over the counts of `other`; who had a turn lately is not known of it."""
        self.openings += other.openings
        self.returns += other.returns
        self.soon += other.soon
        for account, count in other.counts.items():
            if account in self.counts or len(self.counts) < MOST_PAYERS:
                self.counts[account] = self.counts.get(account, 0) + count
                self.last[account] = self.openings
        self.histogram = {}
        for count in self.counts.values():
            self.histogram[count] = self.histogram.get(count, 0) + 1
