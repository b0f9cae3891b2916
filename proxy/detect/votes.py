"""Owns whose template a request has: the votes of its pieces, and what is learned from it. Keeps nothing itself."""

from __future__ import annotations

from proxy.detect.cluster import FEWEST_PIECES, Cluster
from proxy.detect.clusters import Clusters
from proxy.detect.payers import Payer
from proxy.detect.pieces import UNTRIED, Pieces, Shared
from proxy.detect.template import Template

SEED = 4
"""Shared pieces of one request that no cluster has yet make a new template."""
_WEIGHED = 32
"""Requests of a template between two looks at its pieces."""
_WHOLE = 1.9
"""Votes that nobody gives by chance: three quarters of a template."""


def elected(votes: dict[Cluster, float], shared: list[Shared]) -> Cluster | None:
    """The cluster that a request is of: enough of its template, and in more than a phrase."""
    best = max(votes, key=votes.__getitem__)
    if votes[best] < 1.0 or sum(piece.cluster is best for piece in shared) < FEWEST_PIECES:
        return None
    return best


def votes_of(shared: list[Shared]) -> dict[Cluster, float]:
    """The weight of a request's pieces by the cluster whose template they are of."""
    votes: dict[Cluster, float] = {}
    for piece in shared:
        if piece.weight and (template := piece.template) is not None and not template.cluster.gone:
            cluster = template.cluster
            votes[cluster] = votes.get(cluster, 0.0) + piece.vote
    return votes


def wording_of(cluster: Cluster, shared: list[Shared]) -> Template | None:
    """The wording of the cluster that a request has; a new one where it has none, but enough to know it by again.

    Each wording that the request has is told whether it came alone.
    """
    votes: dict[Template, float] = {}
    free = 0
    for piece in shared:
        if piece.cluster is cluster and piece.template is not None:
            votes[piece.template] = votes.get(piece.template, 0.0) + piece.vote
        elif piece.cluster is None and not piece.generic:
            free += 1
    if votes:
        known = [template for template, weight in votes.items() if weight >= 1.0]
        for template in known:
            template.met(in_company=len(known) > 1)
        return max(votes, key=votes.__getitem__)
    if free < SEED:
        return None
    template = cluster.worded()
    template.requests = 1
    template.typical = UNTRIED * free
    return template


def learn(pieces: Pieces, cluster: Cluster, payer: Payer, shared: list[Shared], weight: float) -> None:
    """Keeps count of which pieces are the cluster's, from a request of it that gave it votes of this `weight`."""
    if weight < _WHOLE and cluster.is_strange(payer):
        for piece in shared:
            if piece.cluster is cluster:
                piece.told_by_stranger(payer.group)
        return
    template = wording_of(cluster, shared)
    if template is None:
        return
    template.requests += 1
    if template.requests % _WEIGHED == _WEIGHED - 1:
        pieces.weigh(template)
    for piece in shared:
        owner = piece.cluster
        if owner is cluster:
            piece.hits += 1
        elif owner is None:
            piece.join(template)
        elif owner not in cluster.overlaps:
            piece.missed()


def seeded(clusters: Clusters, shared: list[Shared], at_us: int) -> Cluster | None:
    """A new cluster for a request that is of none, where it has enough pieces that are of none either."""
    free = [piece for piece in shared if not piece.generic and piece.cluster is None]
    for piece in shared:
        piece.missed()
    if len(free) < SEED:
        return None
    cluster = clusters.new(at_us)
    template = cluster.worded()
    for piece in free:
        piece.join(template)
    template.requests = 1
    template.typical = sum(piece.weight for piece in free)
    return cluster
