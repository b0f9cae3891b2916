"""Owns how the openings of conversations fall on accounts, and what they repeat. Counts only, and bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from heapq import nlargest
from math import exp, log

from msgspec import Struct

MOST_PAYERS = 30_000
"""Accounts or payers counted one by one; of a larger cluster those that come later are counted in sum only."""
_SHORT_RANK = 8
"""An account that comes back before an eighth of the others had their turn came back soon."""
_GUESTS = 50
"""One account in so many may be a guest, like a batch job that now and then meets the template by chance."""
_TURNS = 2
"""Of an account that has conversations, at least."""
_FEWEST = 12
"""Accounts from which one may be at least."""


class Again(Enum):
    """Whether an opening has much of what its account alone had asked before."""

    NO = "no"
    ONCE = "once"
    ALWAYS = "always"
    """It has words that the account always says, and little of any earlier matter besides."""


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
    habits: int = 0
    """Of these, those that may be no matter, but words that it always says."""
    others: int = 0
    """Openings that somebody else had asked."""
    turns: int = 0
    """Times that it went on with a conversation of its own."""
    is_guest: bool = False
    """It does mostly something else."""


@dataclass(slots=True)
class Fall:
    """How openings fall on accounts, in sum."""

    openings: int = 0
    histogram: dict[int, int] = field(default_factory=dict)
    """How many accounts have so many openings."""
    returns: int = 0
    soon: int = 0
    own: int = 0
    habits: int = 0
    others: int = 0

    @property
    def carriers(self) -> float:
        """How many accounts carry it, but for the busiest one: the exponential of the entropy of their shares.

        As many as there are where all have as many openings; few where few have most. One account alone must not hide
        the others by being loud.
        """
        counts = {count: accounts for count, accounts in self.histogram.items() if accounts}
        if not counts:
            return 0.0
        counts[max(counts)] -= 1
        openings = sum(count * accounts for count, accounts in counts.items())
        if not openings:
            return 0.0
        return exp(log(openings) - sum(count * accounts * log(count) for count, accounts in counts.items()) / openings)


class Dealt:
    """How the openings of conversations fall on accounts. A scheduler deals them out, people come when they come."""

    __slots__ = ("conversing", "shares", "talked", "total", "turns")

    def __init__(self) -> None:
        self.shares: dict[int, Share] = {}
        """By account's number."""
        self.total = Fall()
        """Of all of them."""
        self.turns = self.talked = 0
        """Times that an account went on with a conversation of its own, and how often in words."""
        self.conversing = 0
        """Accounts that did so more than once."""

    @property
    def openings(self) -> int:
        """Of all accounts."""
        return self.total.openings

    @property
    def questions(self) -> int:
        """All that begins a conversation or goes on with one; what is asked again is none."""
        return self.openings + self.turns

    def opening(self, account: int, *, again: Again = Again.NO, shared: bool = False, is_guest: bool = False) -> None:
        """Counts the next opening; `again`: of an earlier matter of the account's, `shared`: somebody else had it.

        `is_guest`: most of what the account does is something else.
        """
        fall, own, habit = self.total, again is not Again.NO, again is Again.ALWAYS
        fall.openings += 1
        fall.own += own
        fall.habits += habit
        fall.others += shared
        if (share := self._share(account)) is None:
            return
        count, histogram = share.openings, fall.histogram
        share.openings = count + 1
        share.own += own
        share.habits += habit
        share.others += shared
        share.is_guest = is_guest
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

    def turn(self, account: int, *, in_words: bool) -> None:
        """Counts that an account went on with a conversation of its own; `in_words`: not with what a tool has found."""
        self.turns += 1
        self.talked += in_words
        if (share := self.shares.get(account)) is not None:
            share.turns += 1
            self.conversing += share.turns == _TURNS

    def asks_once(self, share: float) -> bool:
        """Whether so many of all questions, at least, begin a conversation."""
        return self.openings >= share * self.questions

    def usual(self) -> Fall:
        """How they fall without the busiest few guests: a single one could make any pool look like people."""
        whole, accounts = self.total, len(self.shares)
        few = max(accounts // _GUESTS, accounts >= _FEWEST)
        guests = [share for share in self.shares.values() if share.is_guest]
        busy = nlargest(few, guests, key=lambda share: share.openings)
        histogram = dict(whole.histogram)
        for share in busy:
            histogram[share.openings] -= 1
        return Fall(
            whole.openings - sum(share.openings for share in busy),
            histogram,
            whole.returns - sum(share.returns for share in busy),
            whole.soon - sum(share.soon for share in busy),
            whole.own - sum(share.own for share in busy),
            whole.habits - sum(share.habits for share in busy),
            whole.others - sum(share.others for share in busy),
        )

    def absorb(self, other: Dealt) -> None:
        """Takes over the counts of `other`; who had a turn lately is not known of it."""
        mine, theirs = self.total, other.total
        for name in ("openings", "returns", "soon", "own", "habits", "others"):
            setattr(mine, name, getattr(mine, name) + getattr(theirs, name))
        self.turns += other.turns
        self.talked += other.talked
        for account, share in other.shares.items():
            if (kept := self._share(account)) is not None:
                kept.is_guest = share.is_guest and (kept.is_guest or not kept.openings)
                kept.openings += share.openings
                kept.returns += share.returns
                kept.soon += share.soon
                kept.own += share.own
                kept.habits += share.habits
                kept.others += share.others
                kept.turns += share.turns
                kept.last = mine.openings
        self._recount()

    def take_off(self, part: Dealt) -> None:
        """Takes the counts of `part` off, which are among these."""
        mine, theirs = self.total, part.total
        self.turns -= part.turns
        self.talked -= part.talked
        for name in ("openings", "own", "habits", "others"):
            setattr(mine, name, getattr(mine, name) - getattr(theirs, name))
        for account, share in part.shares.items():
            if (kept := self.shares.get(account)) is None:
                continue
            returns = kept.returns - share.returns
            soon = min(max(kept.soon - share.soon, 0), returns)
            mine.returns += returns - kept.returns
            mine.soon += soon - kept.soon
            kept.returns, kept.soon = returns, soon
            for name in ("openings", "own", "habits", "others", "turns"):
                setattr(kept, name, getattr(kept, name) - getattr(share, name))
            if not kept.openings:
                del self.shares[account]
        self._recount()

    def _recount(self) -> None:
        self.conversing = sum(share.turns >= _TURNS for share in self.shares.values())
        self.total.histogram = {}
        for share in self.shares.values():
            self.total.histogram[share.openings] = self.total.histogram.get(share.openings, 0) + 1

    def _share(self, account: int) -> Share | None:
        share = self.shares.get(account)
        if share is None and len(self.shares) < MOST_PAYERS:
            share = self.shares[account] = Share()
        return share
