"""Owns in which clusters each request was counted, until it is answered, and what two have both counted, for good.

A request may count in one cluster for what it says and in another for who is tied to whom. Each tells of all that is
its own; where they turn out to be one, what both counted is taken off the one, so that it is told once. Bounded.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.detect.cluster import SUMS, Cluster, K
from proxy.detect.payers import Payer
from proxy.events.event import Answered, Asked
from proxy.generations import Generations

_OPEN = 50_000
MOST_PAIRS = 1000
"""Of clusters; the oldest makes room."""


class Counted:
    """What was counted where."""

    def __init__(self) -> None:
        self._open: Generations[tuple[int, int], tuple[Cluster, ...]] = Generations(_OPEN)
        """By account's number and moment: the counts that an exchange is in which is not answered yet."""
        self._twice: dict[tuple[Cluster, Cluster], Cluster] = {}
        """What of the first one's counts is among the second one's as well."""

    def __len__(self) -> int:
        return len(self._open) + len(self._twice)

    def asked(self, asked: Asked, payer: Payer, *counts: Cluster) -> None:
        """Remembers what a request was counted in."""
        if counts and not asked.refused:
            self._open.put((payer.number, asked.moment_us), counts)

    def answered(self, answered: Answered, payer: Payer) -> None:
        """Counts what an exchange used where its request was counted, or in what that has become part of."""
        counts = self._open.take((payer.number, answered.asked_us)) or ()
        for cluster in dict.fromkeys(each.whole for each in counts):
            cluster.answered(answered)

    def twice(self, one: Cluster, other: Cluster) -> Cluster:
        """What of the counts of `one` is among those of `other` as well."""
        if (part := self._twice.get((one, other))) is None:
            if len(self._twice) >= MOST_PAIRS:
                del self._twice[next(iter(self._twice))]
            part = self._twice[one, other] = Cluster(0, one.timeline.start_us)
        return part

    def unite(self, cluster: Cluster, other: Cluster) -> None:
        """Takes off what both have counted, before `cluster` absorbs `other` and stands in its place."""
        for pair in [pair for pair in self._twice if other in pair]:
            part = self._twice.pop(pair)
            one, another = (cluster if each is other else each for each in pair)
            if one is another:
                _take_off(pair[0], part)
            else:
                self.twice(one, another).absorb(part)


def _take_off(cluster: Cluster, part: Cluster) -> None:
    """Takes off what is counted by the request; what is counted by the member, merging counts once itself."""
    for name in SUMS:
        setattr(cluster, name, getattr(cluster, name) - getattr(part, name))
    _less(cluster.relations, part.relations)
    _less(cluster.members, part.members)
    _less(cluster.models, part.models)
    _less(cluster.shapes, part.shapes)
    cluster.targets = [one - another for one, another in zip(cluster.targets, part.targets, strict=True)]
    cluster.dealt.take_off(part.dealt)
    cluster.timeline.take_off(part.timeline)


def _less(mine: dict[K, int], theirs: Mapping[K, int]) -> None:
    for kind, times in theirs.items():
        if kind in mine:
            mine[kind] -= times
