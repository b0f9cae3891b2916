"""Owns the order in which an event is taken in: who, what before, which template, which cluster. Event time only.

Turns events into counted clusters; judges nothing. One instance a process; not thread-safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.detect.cluster import Cluster, tie
from proxy.detect.conversations import Conversations, Relation
from proxy.detect.generations import Generations
from proxy.detect.payers import Payer, Payers
from proxy.detect.pieces import Found, Pieces, Shared
from proxy.detect.ties import LEAST, Ties
from proxy.events.content import Content
from proxy.events.event import Answered, Asked

MOST_CLUSTERS = 10_000
_SEED = 4
"""Shared pieces of one request that no cluster has yet make a new cluster."""
_LEARN = 0.02
_PRUNE = 64
"""Requests of a cluster between two looks at its pieces."""
_SIGNATURES = 500_000
_REFUSED = 50_000
_TIES = 3
_TIED_SHARE = 0.25
"""Ties, and their share of a payer's requests, from which it is counted with those that it is tied to."""
_YOUNG = 200
"""Requests of a cluster that may still be the new wording of an older one."""
_NEIGHBOURS = 3


class Engine:
    """Everything that is remembered of the traffic."""

    def __init__(self) -> None:
        self.payers = Payers()
        self.pieces = Pieces()
        self.conversations = Conversations()
        self.ties = Ties()
        self.clusters: dict[int, Cluster] = {}
        """By number, in the order in which they were last seen."""
        self.by_campaign: dict[str, Cluster] = {}
        self.touched: dict[Cluster, None] = {}
        """Clusters that have changed since they were last judged."""
        self._refused: Generations[Cluster] = Generations(_REFUSED)
        """By payer: the cluster of the request that was refused last."""
        self._signatures: Generations[int] = Generations(_SIGNATURES)
        self._next = 0

    def asked(self, asked: Asked) -> None:
        """Takes in a decision."""
        payer = self.payers.seen(asked)
        content = asked.content
        if content is None:
            return
        refused = asked.action != "allow"
        group = payer.group
        relation, whose = self.conversations.meet(content, group, asked.moment_us, refused)
        found = self.pieces.meet(content.pieces, group, refused)
        cluster = self._cluster(asked, found)
        if relation is Relation.NEW and self._picks_up(found, cluster):
            relation, whose = Relation.ECHO, found.other
        if refused and cluster is not None:
            self._refused.put(group, cluster)
        replayed = self._replayed(content, group) if content.signatures else ()
        if relation in (Relation.ECHO, Relation.HANDOVER):
            self.ties.tie(whose, group)
        for other in replayed:
            self.ties.tie(other, group)
        again = found.again >= 2
        if cluster is not None:
            self._count(cluster, asked, payer, relation, again, whose, replayed)
        tied = self._tied(payer, asked.moment_us) if group in self.ties.degree else None
        if tied is not None and tied is not cluster:
            self._count(tied, asked, payer, relation, again, whose, replayed)

    def answered(self, answered: Answered) -> None:
        """Takes in the end of an exchange."""
        payer = self.payers.find(answered.account)
        if payer is None:
            return
        for signature in answered.signatures:
            self._signatures.put(signature, payer.group)
        if payer.clusters:
            payer.clusters[0].answered(answered)

    def adopt(self, campaign: str, pieces: tuple[int, ...], first_us: int) -> Cluster:
        """A cluster for a campaign that is known by its marks only: after a restart, or when it comes back."""
        cluster = self._new(first_us)
        self.name(cluster, campaign)
        for piece in pieces:
            self.pieces.adopt(piece, cluster)
        return cluster

    def name(self, cluster: Cluster, campaign: str) -> None:
        """Has the cluster go by a campaign's name from now on."""
        cluster.campaign = campaign
        self.by_campaign[campaign] = cluster

    def merge(self, cluster: Cluster, other: Cluster) -> None:
        """Makes `other` part of `cluster`."""
        cluster.absorb(other)
        for piece in other.pieces:
            if (shared := self.pieces.shared(piece)) is not None and shared.cluster is other:
                shared.cluster = None
                shared.join(cluster)
        self.ties.renamed(other, cluster)
        self._drop(other)
        if other.campaign is not None:
            self.by_campaign[other.campaign] = cluster

    def _count(
        self,
        cluster: Cluster,
        asked: Asked,
        payer: Payer,
        relation: Relation,
        again: bool,
        whose: int,
        replayed: tuple[int, ...],
    ) -> None:
        cluster.asked(asked, payer, relation, again, whose)
        for other in replayed:
            tie(cluster.replays, other, payer.group)
        self.touched[cluster] = None
        if cluster in payer.clusters:
            return
        for neighbour in payer.clusters:
            _meet(cluster, neighbour)
        payer.clusters = (cluster, *payer.clusters[: _NEIGHBOURS - 1])

    def _cluster(self, asked: Asked, found: Found) -> Cluster | None:
        """The cluster of a request: the campaign it was found in, else the one most of its shared pieces are of."""
        cluster = self.by_campaign.get(asked.campaign) if asked.campaign is not None else None
        votes = 0
        if cluster is None:
            cluster, votes = _elect(found.shared)
            if cluster is None:
                return self._seed(found.shared, asked.moment_us)
        else:
            votes = sum(shared.cluster is cluster for shared in found.shared)
        if votes >= 3:
            cluster.typical += (votes - cluster.typical) * _LEARN
        if cluster.requests % _PRUNE == _PRUNE - 1:
            self.pieces.prune(cluster)
        for shared in found.shared:
            if shared.cluster is cluster:
                shared.hits += 1
            elif shared.cluster is None or shared.cluster.gone:
                if not shared.generic:
                    shared.join(cluster)
            else:
                shared.missed()
        return cluster

    def _seed(self, shared: list[Shared], at_us: int) -> Cluster | None:
        free = [piece for piece in shared if not piece.generic and (piece.cluster is None or piece.cluster.gone)]
        for piece in shared:
            piece.missed()
        if len(free) < _SEED:
            return None
        cluster = self._new(at_us)
        for piece in free:
            piece.join(cluster)
        cluster.typical = float(len(free))
        return cluster

    def _new(self, at_us: int) -> Cluster:
        self._next += 1
        cluster = self.clusters[self._next] = Cluster(self._next, at_us)
        if len(self.clusters) > MOST_CLUSTERS:
            self._drop(min(self._coldest(), key=lambda cold: cold.last_us))
        return cluster

    def _coldest(self) -> Iterator[Cluster]:
        """Of the first that no campaign goes by, a few; they then stand last, so that each has its turn."""
        found = 0
        for number in list(self.clusters)[:64]:
            cluster = self.clusters.pop(number)
            self.clusters[number] = cluster
            if cluster.campaign is None:
                found += 1
                yield cluster
        if not found:
            yield next(iter(self.clusters.values()))

    def _drop(self, cluster: Cluster) -> None:
        cluster.gone = True
        self.clusters.pop(cluster.number, None)
        self.touched.pop(cluster, None)
        for other in cluster.neighbours:
            other.neighbours.pop(cluster, None)

    def _picks_up(self, found: Found, cluster: Cluster | None) -> bool:
        """Not the same request as one that was refused, but the same matter: a pool may word its wrapper anew.

        Under a template of its own and long known it is somebody else who has the same matter.
        """
        if found.refused < 3 or found.refused * 2 < found.lone:
            return False
        return cluster is None or cluster.requests < _YOUNG or self._refused.get(found.other) is cluster

    def _replayed(self, content: Content, group: int) -> tuple[int, ...]:
        """The other payers whose reasoning signatures a request carries."""
        others: set[int] = set()
        for signature in content.signatures:
            owner = self._signatures.get(signature)
            if owner is None:
                self._signatures.put(signature, group)
            elif owner != group:
                others.add(owner)
        return tuple(others)

    def _tied(self, payer: Payer, at_us: int) -> Cluster | None:
        """The cluster of those that the payer is tied to, where that is no accident: most of what it asks ties it."""
        if self.ties.degree[payer.group] < max(_TIES, _TIED_SHARE * payer.events):
            return None
        root, payers = self.ties.component(payer.group)
        cluster = self.ties.clusters.get(root)
        if cluster is None or cluster.gone:
            if payers < LEAST:
                return None
            cluster = self.ties.clusters[root] = self._new(at_us)
        return cluster


def _elect(shared: list[Shared]) -> tuple[Cluster | None, int]:
    """The cluster that most pieces are of, with their number; None where too few are of any."""
    votes: dict[Cluster, int] = {}
    for piece in shared:
        cluster = piece.cluster
        if cluster is not None and not cluster.gone:
            votes[cluster] = votes.get(cluster, 0) + 1
    if not votes:
        return None, 0
    best = max(votes, key=votes.__getitem__)
    count = votes[best]
    return (best, count) if count >= best.least else (None, 0)


def _meet(one: Cluster, other: Cluster) -> None:
    """A payer is in both."""
    for cluster, neighbour in ((one, other), (other, one)):
        if neighbour in cluster.neighbours or len(cluster.neighbours) < 16:
            cluster.neighbours[neighbour] = cluster.neighbours.get(neighbour, 0) + 1
