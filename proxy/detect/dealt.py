"""Owns how the openings of conversations fall on accounts, and what they repeat. Counts only, and bounded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import Struct

MOST_PAYERS = 30_000
"""Accounts or payers counted one by one; of a larger cluster those that come later are counted in sum only."""
_SHORT_RANK = 8
"""An account that comes back before an eighth of the others had their turn came back soon."""
_BUSIEST = 50
"""One account in so many may be busy with something else of its own: a batch job that meets the template by chance."""
_FEWEST = 12
"""Accounts from which one is left out at least."""


class Share(Struct, gc=False):
    """One account's part of a cluster."""

    openings: int = 0
    last: int = 0
    """The number of its last opening."""
    returns: int = 0
    """Openings but the first."""
    soon: int = 0
    """Of these, those before which less than an eighth of the accounts had had their turn."""
    own: int = 0
    """Times that it came back to an earlier matter of its own."""
    others: int = 0
    """Openings that somebody else had asked."""


@dataclass(slots=True)
class Fall:
    """How openings fall on accounts, in sum."""

    openings: int = 0
    histogram: dict[int, int] = field(default_factory=dict)
    """How many accounts have so many openings."""
    returns: int = 0
    soon: int = 0
    own: int = 0
    others: int = 0

    @property
    def carriers(self) -> float:
        """How many accounts it would be if all had as many openings: few where few have most."""
        squares = sum(count * count * accounts for count, accounts in self.histogram.items())
        counted = sum(count * accounts for count, accounts in self.histogram.items())
        return counted * counted / squares if squares else 0.0


class Dealt:
    """How the openings of conversations fall on accounts. A scheduler deals them out, people come when they come."""

    __slots__ = ("shares", "total")

    def __init__(self) -> None:
        self.shares: dict[int, Share] = {}
        """By account's number."""
        self.total = Fall()
        """Of all of them."""

    @property
    def openings(self) -> int:
        """Of all accounts."""
        return self.total.openings

    def opening(self, account: int, *, again: bool = False, shared: bool = False) -> None:
        """Counts the next opening; `again`: of an earlier matter of the account's, `shared`: somebody else had it."""
        fall = self.total
        fall.openings += 1
        fall.own += again
        fall.others += shared
        if (share := self._share(account)) is None:
            return
        count, histogram = share.openings, fall.histogram
        share.openings = count + 1
        share.own += again
        share.others += shared
        histogram[count + 1] = histogram.get(count + 1, 0) + 1
        if count:
            histogram[count] -= 1
            share.returns += 1
            fall.returns += 1
            if (fall.openings - share.last) * _SHORT_RANK < len(self.shares):
                share.soon += 1
                fall.soon += 1
        share.last = fall.openings

    def repeat(self, account: int) -> None:
        """Counts that an account asked what it had asked before."""
        self.total.own += 1
        if (share := self.shares.get(account)) is not None:
            share.own += 1

    def usual(self) -> Fall:
        """How they fall without the busiest few accounts: a single one could make any pool look like people."""
        whole, accounts = self.total, len(self.shares)
        spared = max(accounts // _BUSIEST, accounts >= _FEWEST)
        histogram = dict(whole.histogram)
        busy = _busiest(self.shares.values(), histogram, spared)
        for share in busy:
            histogram[share.openings] -= 1
        return Fall(
            whole.openings - sum(share.openings for share in busy),
            histogram,
            whole.returns - sum(share.returns for share in busy),
            whole.soon - sum(share.soon for share in busy),
            whole.own - sum(share.own for share in busy),
            whole.others - sum(share.others for share in busy),
        )

    def absorb(self, other: Dealt) -> None:
        """Takes over the counts of `other`; who had a turn lately is not known of it."""
        mine, theirs = self.total, other.total
        for name in ("openings", "returns", "soon", "own", "others"):
            setattr(mine, name, getattr(mine, name) + getattr(theirs, name))
        for account, share in other.shares.items():
            if (kept := self._share(account)) is not None:
                kept.openings += share.openings
                kept.returns += share.returns
                kept.soon += share.soon
                kept.own += share.own
                kept.others += share.others
                kept.last = mine.openings
        mine.histogram = {}
        for share in self.shares.values():
            mine.histogram[share.openings] = mine.histogram.get(share.openings, 0) + 1

    def _share(self, account: int) -> Share | None:
        share = self.shares.get(account)
        if share is None and len(self.shares) < MOST_PAYERS:
            share = self.shares[account] = Share()
        return share


def _busiest(shares: Iterable[Share], histogram: dict[int, int], most: int) -> list[Share]:
    """The `most` with most openings; of those that have equally many, the first."""
    if not most:
        return []
    above, least = 0, 0
    for least in sorted(histogram, reverse=True):
        if above + histogram[least] >= most:
            break
        above += histogram[least]
    level = most - above
    found = []
    for share in shares:
        if share.openings > least:
            found.append(share)
        elif share.openings == least and level:
            level -= 1
            found.append(share)
    return found
