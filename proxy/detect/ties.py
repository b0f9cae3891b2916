"""Owns who is tied to whom by what only a pool does: echoes, conversations handed over, replayed signatures.

Payers that are tied, directly or through others, are one component, whatever they say. Bounded.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.detect.cluster import Cluster

MOST_TIED = 100_000
LEAST = 8
"""Payers that make a component worth counting."""


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

    def tie(self, one: int, other: int) -> tuple[Cluster, Cluster] | None:
        """Joins two payers, unless too many are tied; the two clusters that are one component from now on, if any."""
        if one == other or len(self._parent) >= self._most:
            return None
        self.degree[one] = self.degree.get(one, 0) + 1
        self.degree[other] = self.degree.get(other, 0) + 1
        a, b = self._root(one), self._root(other)
        if a == b:
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
