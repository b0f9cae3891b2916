"""Owns who reacted how to a refusal, and who took over from whom: pairs of payers that only a pool makes. Bounded.

Counts only; what they mean is `verdict.reaction`'s.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from proxy.detect.conversations import ECHO_US, Relation
from proxy.detect.dealt import MOST_PAYERS

SAMPLE = 512
SOON_US = 60_000_000
"""A relay that fails over at once does so within this time, in which few could ask the same by chance."""
_HOUSE_KEYS, _EACH = 3, 3
"""Payers at most that a product falls back to, and from how many each takes over: in a pool all do from all."""


class Pairs:
    """Which payers did what only a pool does: pairs (who before, who after), at most SAMPLE of each kind."""

    def __init__(self) -> None:
        self.echoes: set[tuple[int, int]] = set()
        """One was refused, the other asked the same."""
        self.tested: set[tuple[int, int]] = set()
        """The same where a verdict had refused it."""
        self.tested_soon: set[tuple[int, int]] = set()
        """Of these, where the other asked within SOON_US."""
        self.handovers: set[tuple[int, int]] = set()
        self.replays: set[tuple[int, int]] = set()
        self.pool: set[int] = set()
        """Payers that took over what a verdict had refused another one, or had it taken over; MOST_PAYERS and one."""
        self.returned: set[int] = set()
        """Payers that came back by themselves to what a verdict had refused them; at most MOST_PAYERS."""
        self.prompt: set[int] = set()
        """Of these, payers that came back soon, as a client library does."""

    @property
    def customers(self) -> set[int]:
        """Payers that came back by themselves, and never in a pair."""
        return self.returned - self.pool

    def kinds(self) -> tuple[set[tuple[int, int]], ...]:
        return self.echoes, self.tested, self.handovers, self.replays

    def related(self, relation: Relation, whose: int, group: int) -> None:
        """Counts a request of the payer `group` that stands in `relation` to one of the payer `whose`."""
        if relation is Relation.ECHO:
            _tie(self.echoes, whose, group)
        elif relation is Relation.TESTED_ECHO:
            _tie(self.tested, whose, group)
            if len(self.pool) < MOST_PAYERS:
                self.pool.update((whose, group))
        elif relation is Relation.HANDOVER and not self._moved(whose, group):
            _tie(self.handovers, whose, group)
        elif relation is Relation.CAME_BACK and len(self.returned) < MOST_PAYERS:
            self.returned.add(group)

    def reacted(self, relation: Relation, whose: int, group: int, after_us: int) -> None:
        """Counts that `group` asked what the payer `whose` was refused, so long after its latest refusal."""
        if relation is Relation.TESTED_ECHO and after_us <= SOON_US:
            _tie(self.tested_soon, whose, group)
        elif relation is Relation.CAME_BACK and after_us <= ECHO_US and len(self.prompt) < MOST_PAYERS:
            self.prompt.add(group)

    def replayed(self, whose: int, group: int) -> None:
        """Counts that `group` sent a reasoning signature of another payer's."""
        if not self._moved(whose, group):
            _tie(self.replays, whose, group)

    def _moved(self, one: int, other: int) -> bool:
        """Whether a verdict has had a conversation move between them, or may have: it takes its signatures along."""
        return one in self.pool and other in self.pool

    def absorb(self, other: Pairs) -> None:
        """Takes over those of another cluster."""
        for ties, more in zip((*self.kinds(), self.tested_soon), (*other.kinds(), other.tested_soon), strict=True):
            ties |= set(list(more)[: SAMPLE - len(ties)])
        for mine, theirs in ((self.pool, other.pool), (self.returned, other.returned), (self.prompt, other.prompt)):
            mine |= set(list(theirs)[: max(MOST_PAYERS - len(mine), 0)])


def _tie(ties: set[tuple[int, int]], one: int, other: int) -> None:
    """Remembers that two payers are tied."""
    if len(ties) < SAMPLE and one != other:
        ties.add((one, other))


class Takeovers(NamedTuple):
    """How many payers pairs tell of, at either end."""

    before: int
    after: int

    @property
    def apart(self) -> int:
        """How many tell of different payers at both ends; none where few take over from all the others."""
        return 0 if self._is_house else min(self)

    @property
    def house(self) -> int:
        """Payers from whom the same few take over: customers of a product that falls back to keys of its own."""
        return self.before if self._is_house else 0

    @property
    def _is_house(self) -> bool:
        return 0 < self.after <= _HOUSE_KEYS and _EACH * self.after <= self.before


def takeovers(pairs: Collection[tuple[int, int]]) -> Takeovers:
    """What pairs (who before, who after) tell of who takes over from whom."""
    return Takeovers(len({one for one, _ in pairs}), len({other for _, other in pairs}))
