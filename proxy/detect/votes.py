"""Owns whose template a request has: the votes of its pieces, and what is learned from it. Keeps nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.detect.cluster import FEWEST_PIECES, Cluster
from proxy.detect.clusters import Clusters
from proxy.detect.payers import Payer
from proxy.detect.pieces import UNTRIED, Pieces, Shared
from proxy.detect.template import TRIAL, Template

SEED = 4
"""Shared pieces of one request that no cluster has yet make a new template."""
_WEIGHED = 32
"""Requests of a template between two looks at its pieces."""
_WHOLE = 1.9
"""Votes that nobody gives by chance: three quarters of a template."""


class Votes:
    """What the shared pieces of one request say, by the wording that they are of."""

    __slots__ = ("by_cluster", "by_template", "free", "pieces")

    def __init__(self, shared: Sequence[Shared]) -> None:
        self.pieces: dict[Template, list[Shared]] = {}
        """Those of each wording that is somebody's."""
        self.free: list[Shared] = []
        """Those that are of none, and not generic."""
        for piece in shared:
            template = piece.template
            if template is None or template.cluster.gone:
                if not piece.generic:
                    self.free.append(piece)
            elif (same := self.pieces.get(template)) is None:
                self.pieces[template] = [piece]
            else:
                same.append(piece)
        self.by_template = {
            template: _strength(template, told) / template.least for template, told in self.pieces.items()
        }
        self.by_cluster: dict[Cluster, float] = {}
        for template, vote in self.by_template.items():
            self.by_cluster[template.cluster] = self.by_cluster.get(template.cluster, 0.0) + vote

    def pieces_of(self, cluster: Cluster) -> list[Shared]:
        """Those of all its wordings."""
        return [piece for template, told in self.pieces.items() if template.cluster is cluster for piece in told]

    def elected(self) -> Cluster | None:
        """The cluster that a request is of: enough of its template, and in more than a phrase."""
        best = max(self.by_cluster, key=self.by_cluster.__getitem__, default=None)
        if best is None or self.by_cluster[best] < 1.0:
            return None
        told = [len(told) for template, told in self.pieces.items() if template.cluster is best]
        return best if sum(told) >= FEWEST_PIECES else None


def _strength(template: Template, told: Sequence[Shared]) -> float:
    """The strength of these pieces of a wording: past their trial, as nearly all are, that is their weight."""
    tried_at = template.weighed - TRIAL
    return sum([piece.weight if piece.joined_at <= tried_at else piece.strength for piece in told])


def wording_of(cluster: Cluster, votes: Votes) -> Template | None:
    """The wording of the cluster that a request has; a new one where it has none, but enough to know it by again.

    Each wording that the request has is told whether it came alone.
    """
    told = {template: vote for template, vote in votes.by_template.items() if template.cluster is cluster}
    if told:
        known = [template for template, vote in told.items() if vote >= 1.0]
        for template in known:
            template.met(in_company=len(known) > 1)
        return max(told, key=told.__getitem__)
    if len(votes.free) < SEED:
        return None
    template = cluster.worded()
    template.requests = 1
    template.typical = UNTRIED * len(votes.free)
    return template


def learn(pieces: Pieces, cluster: Cluster, payer: Payer, votes: Votes, weight: float) -> None:
    """Keeps count of which pieces are the cluster's, from a request of it that gave it votes of this `weight`."""
    if weight < _WHOLE and cluster.is_strange(payer):
        for piece in votes.pieces_of(cluster):
            piece.told_by_stranger(payer.group)
        return
    wording = wording_of(cluster, votes)
    if wording is None:
        return
    wording.requests += 1
    if wording.requests % _WEIGHED == _WEIGHED - 1:
        pieces.weigh(wording)
    for template, told in votes.pieces.items():
        if template.cluster is not cluster and template.cluster not in cluster.overlaps:
            for piece in told:
                piece.missed()
    for piece in votes.pieces_of(cluster):
        piece.hits += 1
    for piece in votes.free:
        piece.join(wording)


def seeded(clusters: Clusters, votes: Votes, at_us: int) -> Cluster | None:
    """A new cluster for a request that is of none, where it has enough pieces that are of none either."""
    for told in votes.pieces.values():
        for piece in told:
            piece.missed()
    free = votes.free
    if len(free) < SEED:
        return None
    cluster = clusters.new(at_us)
    template = cluster.worded()
    for piece in free:
        piece.join(template)
    template.requests = 1
    template.typical = sum(piece.weight for piece in free)
    return cluster
