"""Owns who is tied to whom by what only a pool does: echoes, conversations handed over, replayed signatures.

Payers that are tied, directly or through others, are one component, whatever they say. Bounded.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.detect.cluster import Cluster

MOST_TIED = 100_000
LEAST = 8
"""Payers that make a component worth counting."""
BRIDGES = 3
"""Payers on either side that ties lead across from, before two components that are counted become one: one tie between
a pool and the keys behind a customer's router is chance."""
_MOST_BRIDGED = 1000


class Ties:
    """Components of tied payers."""

    def __init__(self, most: int = MOST_TIED) -> None:
        self._most = most
        self._parent: dict[int, int] = {}
        self._size: dict[int, int] = {}
        self.degree: dict[int, int] = {}
        """Distinct requests that tie a payer to another one."""
        self.clusters: dict[int, Cluster] = {}
        """By the component's root."""
        self._bridges: dict[tuple[int, int], tuple[set[int], set[int]]] = {}
        """By the roots of two components that are counted: the payers that ties lead across from, on either side."""

    def tie(self, one: int, other: int) -> tuple[Cluster, Cluster] | None:
        """Joins two payers, unless too many are tied; the two clusters that are one component from now on, if any."""
        if one == other or len(self._parent) >= self._most:
            return None
        self.degree[one] = self.degree.get(one, 0) + 1
        self.degree[other] = self.degree.get(other, 0) + 1
        a, b = self._root(one), self._root(other)
        if a == b or (self._are_apart(a, b) and not self._is_bridged((a, one), (b, other))):
            return None
        if self._size.get(a, 1) < self._size.get(b, 1):
            a, b = b, a
        self._parent[b] = a
        self._size[a] = self._size.get(a, 1) + self._size.pop(b, 1)
        theirs, mine = self.clusters.pop(b, None), self.clusters.get(a)
        if theirs is None:
            return None
        if mine is None:
            self.clusters[a] = theirs
        return None if mine is None or mine is theirs else (mine, theirs)

    def largest(self) -> int:
        """Payers of the largest component."""
        return max(self._size.values(), default=0)

    def renamed(self, before: Cluster, now: Cluster) -> None:
        """Two clusters were merged: the component that was counted in the one is counted in the other."""
        for root, cluster in self.clusters.items():
            if cluster is before:
                self.clusters[root] = now

    def component(self, group: int) -> tuple[int, int]:
        """(root, payers) of the component that the payer is in; (group, 1) where it is tied to nobody."""
        if group not in self._parent:
            return group, 1
        root = self._root(group)
        return root, self._size.get(root, 1)

    def _are_apart(self, a: int, b: int) -> bool:
        """Whether two components are counted, and not in one cluster."""
        mine, theirs = self.clusters.get(a), self.clusters.get(b)
        return mine is not None and theirs is not None and mine is not theirs

    def _is_bridged(self, *ends: tuple[int, int]) -> bool:
        """Whether enough ties lead across by now; `ends`: the roots, each with the payer that is tied."""
        (a, one), (b, other) = sorted(ends)
        if (a, b) not in self._bridges and len(self._bridges) >= _MOST_BRIDGED:
            del self._bridges[next(iter(self._bridges))]
        ones, others = self._bridges.setdefault((a, b), (set(), set()))
        ones.add(one)
        others.add(other)
        if min(len(ones), len(others)) < BRIDGES:
            return False
        del self._bridges[a, b]
        return True

    def _root(self, group: int) -> int:
        parent = self._parent
        parent.setdefault(group, group)
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group


def largest_component(pairs: Iterable[tuple[int, int]]) -> int:
    """How many payers the largest set has that these pairs join; 0 for no pairs."""
    ties = Ties()
    for one, other in pairs:
        ties.tie(one, other)
    return ties.largest()
