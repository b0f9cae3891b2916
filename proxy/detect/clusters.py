"""Owns the table of all clusters, bounded: the coldest that no campaign goes by makes room. Counts nothing."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.detect.cluster import Cluster, meet
from proxy.detect.payers import Payer

MOST_CLUSTERS = 10_000
_NEIGHBOURS = 6


class Clusters(dict[int, Cluster]):
    """By number, in the order in which they came or were last passed over."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: dict[Cluster, None] = {}
        """Clusters that have changed so much since they were last judged that it may matter."""
        self._next = 0

    def new(self, at_us: int) -> Cluster:
        """One more cluster."""
        self._next += 1
        cluster = self[self._next] = Cluster(self._next, at_us)
        if len(self) > MOST_CLUSTERS:
            self.drop(min(self._coldest(), key=lambda cold: cold.last_us))
        return cluster

    def take_touched(self) -> list[Cluster]:
        """Those that have changed since they were taken last."""
        touched, self.touched = self.touched, {}
        return list(touched)

    def drop(self, cluster: Cluster) -> None:
        """Forgets one, and whom it has met."""
        cluster.gone = True
        self.pop(cluster.number, None)
        self.touched.pop(cluster, None)
        for other in {*cluster.neighbours, *cluster.crossings, *cluster.overlaps}:
            for met in (other.neighbours, other.crossings, other.overlaps):
                met.pop(cluster, None)
        for met in (cluster.neighbours, cluster.crossings, cluster.overlaps):
            met.clear()

    def _coldest(self) -> Iterator[Cluster]:
        """Of the first that no campaign goes by, a few; they then stand last, so that each has its turn."""
        found = 0
        for number in list(self)[:64]:
            cluster = self.pop(number)
            self[number] = cluster
            if cluster.campaign is None:
                found += 1
                yield cluster
        if not found:
            yield next(iter(self.values()))


def found_in(cluster: Cluster, payer: Payer) -> None:
    """Remembers that a payer is in a cluster, which it shares with the others that it was found in last."""
    if cluster in payer.clusters:
        return
    for neighbour in payer.clusters:
        if not neighbour.gone:
            meet(cluster, neighbour, 1)
    payer.clusters = (cluster, *payer.clusters[: _NEIGHBOURS - 1])
