"""Owns the order in which an event is taken in: who, what before, which template, which cluster. Event time only.

Turns events into counted clusters; judges nothing. One instance a process; not thread-safe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy.detect.cluster import Cluster, count
from proxy.detect.clusters import Clusters, found_in
from proxy.detect.conversations import Conversations, Relation
from proxy.detect.counted import Counted
from proxy.detect.dealt import Again
from proxy.detect.echoes import ALIKE, Echoes, Trial
from proxy.detect.found import Found
from proxy.detect.networks import Networks
from proxy.detect.payers import Payer, Payers
from proxy.detect.pieces import Pieces
from proxy.detect.replays import Replays
from proxy.detect.ties import LEAST, Ties
from proxy.detect.votes import Votes, learn, seeded
from proxy.events.content import Content
from proxy.events.event import Answered, Asked
from proxy.generations import Generations

_LATEST = 50_000
_BUSY, _FAILED = 429, 500
"""Statuses of an upstream that did not answer, the latter and all above, so that a client tries again."""
_REACTIONS = (Relation.CAME_BACK, Relation.TESTED_ECHO)
_CROSSINGS = 32
_HALF = 0.75
"""Votes for another cluster that say a request has its template as well."""
_OVERLAPS = 6
_OVERLAPPING = 0.3
"""Requests with pieces of two clusters, and their share of the smaller one's, that make these one."""
_OVERLAPPING_A_CAMPAIGN = 2.0
"""The same share where one is a campaign, so that two thirds of all who say these pieces are its."""
_TIES = 3
_TIED_SHARE = 0.15
"""Ties, and their share of a payer's requests, from which it is counted with those that it is tied to."""
_CONTROL = 8
"""Of so many requests of a suspicion that were let pass, one is waited for as those are that were refused."""
_STILL = 0.5
"""Votes that say a request has the words of its campaign, which may have changed since it was decided."""


class Engine:
    """Everything that is remembered of the traffic."""

    def __init__(self) -> None:
        self.payers = Payers()
        self.networks = Networks()
        self.pieces = Pieces()
        self.conversations = Conversations()
        self.ties = Ties()
        self.clusters = Clusters()
        self.by_campaign: dict[str, Cluster] = {}
        self._latest: Generations[int, Cluster] = Generations(_LATEST)
        """By payer: the cluster of its latest request."""
        self._counted = Counted()
        self._replays = Replays()
        self._echoes = Echoes()

    def asked(self, asked: Asked) -> None:
        """Takes in a decision."""
        payer = self.payers.seen(asked)
        if payer.events == 1:
            self.networks.welcome(asked.network)
        content = asked.content
        if content is None:
            return
        group = payer.group
        stands = self.conversations.meet(content, payer, asked)
        found = self.pieces.meet(content.pieces, group, asked.refused)
        cluster = self._cluster(asked, payer, found)
        relation, whose = self._reacted(asked, payer, content, found, cluster, *stands)
        if cluster is not None:
            self._latest.put(group, cluster)
            if relation in _REACTIONS and (refusal := self._echoes.refusal_of(whose)) is not None:
                cluster.pairs.reacted(relation, whose, group, asked.moment_us - refusal.at_us)
        self._echoes.decided(asked, group)
        replayed = self._replays.others(content.signatures, group) if content.signatures else ()
        if relation in (Relation.ECHO, Relation.TESTED_ECHO, Relation.HANDOVER):
            self._tie(whose, group)
            self._cross(whose, cluster)
        for other in replayed:
            self._tie(other, group)
        again = found.returns
        enters = self.conversations.enters(content, 0 if cluster is None else cluster.number)
        if enters and cluster is not None and relation is Relation.CONTINUES:
            relation, again = Relation.NEW, Again.NO  # what is asked for only in a later turn begins there
        tied = self._tied(asked, payer) if group in self.ties.degree else None
        counts = list(dict.fromkeys([each.whole for each in (cluster, tied) if each is not None]))
        for each in counts:
            self._count(each, asked, payer, relation, again, whose, replayed)
        if len(counts) > 1:
            twice = self._counted.twice(counts[1], counts[0])
            twice.asked(asked, payer, relation, again, whose)
            counts.append(twice)
        self._counted.asked(asked, payer, *counts, *self._held(asked, counts))

    def answered(self, answered: Answered) -> None:
        """Takes in the end of an exchange."""
        payer = self.payers.find(answered.account)
        if payer is None:
            return
        if answered.status is not None and (answered.status >= _FAILED or answered.status == _BUSY):
            self.conversations.failed(payer, answered.moment_us)
        self._replays.issued(answered.signatures, payer.group)
        self._counted.answered(answered, payer)

    def adopt(self, campaign: str, weights: Mapping[int, float], least: float, requests: int, first_us: int) -> Cluster:
        """A cluster for a campaign that is known by its marks only: after a restart, or when it comes back."""
        cluster = self.clusters.new(first_us)
        cluster.requests = requests
        self.name(cluster, campaign)
        template = cluster.worded()
        # What every request of it says weighs 1, as before.
        most = max(weights.values(), default=1.0)
        template.least, template.requests, template.weighed = least / most, requests, requests
        for piece, weight in weights.items():
            self.pieces.adopt(piece, template, weight / most)
        return cluster

    def name(self, cluster: Cluster, campaign: str) -> None:
        """Has the cluster go by a campaign's name from now on."""
        cluster.campaign = campaign
        self.by_campaign[campaign] = cluster

    def merge(self, cluster: Cluster, other: Cluster) -> None:
        """Makes `other` part of `cluster`."""
        both = self.payers.remembered(cluster.members.keys() & other.members.keys())
        self._counted.unite(cluster, other)
        cluster.absorb(other, both)
        self.pieces.move(other, cluster)
        self.ties.renamed(other, cluster)
        self.clusters.drop(other)
        if other.campaign is not None:
            self.by_campaign[other.campaign] = cluster

    def _count(
        self,
        cluster: Cluster,
        asked: Asked,
        payer: Payer,
        relation: Relation,
        again: Again,
        whose: int,
        replayed: tuple[int, ...],
    ) -> None:
        cluster.asked(asked, payer, relation, again, whose)
        for other in replayed:
            cluster.pairs.replayed(other, payer.group)
        if cluster.campaign is not None or cluster.requests >= cluster.judged_next:
            self.clusters.touched[cluster] = None
        found_in(cluster, payer)

    def _cluster(self, asked: Asked, payer: Payer, found: Found) -> Cluster | None:
        """The cluster of a request: the campaign it was found in, else whose template most of it is."""
        cluster = self._named(asked)
        if cluster is not None and not cluster.has_text:
            return None  # known by its ties, see `_tied`; what it says may be what all customers of a product say
        votes = Votes(found.shared)
        if cluster is None or votes.by_cluster.get(cluster, 0.0) < _STILL:
            cluster = votes.elected()
        if cluster is None:
            return seeded(self.clusters, votes, asked.moment_us)
        told = votes.by_cluster
        if len(told) > 1 and (whole := self._overlapping(cluster, told)) is not None:
            cluster, votes = whole, Votes(found.shared)
        learn(self.pieces, cluster, payer, votes, told.get(cluster, 0.0))
        return cluster

    def _held(self, asked: Asked, counts: Sequence[Cluster]) -> Sequence[Cluster]:
        """Counts a request for the campaign that it was found in for whom it comes from, unless that has counted it."""
        cluster = self._named(asked)
        if cluster is None or cluster in counts:
            return ()
        self.clusters.touched[cluster] = None
        held = (cluster, self._counted.twice(cluster, counts[0])) if counts else (cluster,)
        for each in held:
            each.held(asked)
        return held

    def _named(self, asked: Asked) -> Cluster | None:
        """The campaign that a request was found to be of when it was decided."""
        return self.by_campaign.get(asked.campaign) if asked.campaign is not None else None

    def _overlapping(self, cluster: Cluster, votes: dict[Cluster, float]) -> Cluster | None:
        """What two clusters have become whose pieces one request has: where that is common, they are halves of one."""
        for other, weight in votes.items():
            if other is cluster or weight < _HALF:
                continue
            if other not in cluster.overlaps and len(cluster.overlaps) >= _CROSSINGS:
                continue
            often = cluster.overlaps[other] = cluster.overlaps.get(other, 0) + 1
            campaigns = (cluster.campaign is not None) + (other.campaign is not None)
            share = _OVERLAPPING_A_CAMPAIGN if campaigns else _OVERLAPPING
            if campaigns == 2 or often < max(_OVERLAPS, share * min(cluster.requests, other.requests)):
                continue
            whole, part = sorted((cluster, other), key=lambda each: (each.campaign is None, -each.requests))
            self.pieces.fold(part, whole)
            self.merge(whole, part)
            return whole
        return None

    def _reacted(
        self,
        asked: Asked,
        payer: Payer,
        content: Content,
        found: Found,
        cluster: Cluster | None,
        relation: Relation,
        whose: int,
    ) -> tuple[Relation, int]:
        """How a request stands to what was refused others, in whatever words, given how it stands to what was asked."""
        if relation is Relation.NEW and found.others >= ALIKE and found.others * 3 >= found.lone * 2:
            related = cluster is None or cluster.is_young(asked.moment_us) or self._latest.get(found.other) is cluster
            relation, whose = self._echoes.alike(found, related, asked.moment_us)
        trial = self._tried(content, payer, asked, found)
        if trial is not None and relation in (Relation.NEW, Relation.SIMILAR):
            relation, whose = self._picked_up(trial, payer.group, cluster, relation, whose)
        if relation in (Relation.ECHO, Relation.TESTED_ECHO) and self._is_next_door(whose, asked):
            relation = Relation.ROUTED if relation is Relation.TESTED_ECHO else Relation.RETRIES
        return relation, whose

    def _picked_up(
        self, trial: Trial, group: int, cluster: Cluster | None, relation: Relation, whose: int
    ) -> tuple[Relation, int]:
        """How a request stands that has the words of what was refused; it says nothing of what was not tested."""
        if cluster is not None and self.by_campaign.get(trial.campaign) is cluster:
            return Relation.TESTED_ECHO, trial.group
        self._tie(trial.group, group)
        self._cross(trial.group, cluster)
        return relation, whose

    def _is_next_door(self, group: int, asked: Asked) -> bool:
        """Whether a request comes from the very place where another payer was refused, and few others are there: then
        both may be keys of one customer."""
        refusal = self._echoes.refusal_of(group)
        return refusal is not None and refusal.network == asked.network and self.networks.is_narrow(asked.network)

    def _tried(self, content: Content, payer: Payer, asked: Asked, found: Found) -> Trial | None:
        """What a verdict refused another payer, whose words these are; and waits for these, if they are to be tried."""
        probed, met = self._named(asked), self._echoes.met(content.pieces, asked.moment_us)
        tries = probed is not None and (asked.by_verdict or (not asked.refused and probed.requests % _CONTROL == 0))
        if not (met or tries):
            return None
        own = found.own(content.pieces)
        trial = self._echoes.heard(met, len(own))
        if trial is not None and (trial.group == payer.group or self._is_next_door(trial.group, asked)):
            return None
        if probed is not None and probed.campaign is not None and tries:
            waited_for = Trial(payer.group, probed.campaign, asked.moment_us, asked.by_verdict, len(own))
            if self._echoes.wait_for(own, waited_for) and not asked.by_verdict:
                probed.controls += 1
        if trial is None or trial.refused:
            return trial
        if (whose := self.by_campaign.get(trial.campaign)) is not None:
            whose.control_echoes += 1
        return None

    def _tie(self, one: int, other: int) -> None:
        if (pair := self.ties.tie(one, other)) is None:
            return
        whole, part = pair
        if part.has_text or part.campaign is not None:
            whole, part = part, whole
        if not (whole.gone or part.gone) and (part.campaign is None or part.campaign == whole.campaign):
            self.merge(whole, part)

    def _cross(self, whose: int, cluster: Cluster | None) -> None:
        """What was asked under one template goes on under another: both may be wordings of one wrapper."""
        before = self._latest.get(whose)
        if cluster is not None and before is not None and before is not cluster and not before.gone:
            for one, other in ((before, cluster), (cluster, before)):
                count(one.crossings, other, _CROSSINGS)

    def _tied(self, asked: Asked, payer: Payer) -> Cluster | None:
        """The cluster of those that the payer is tied to, where that is no accident: most of what it asks ties it.

        Or it is known for them by now, and what is refused ties nobody.
        """
        known = self._named(asked)
        if known is not None and not known.has_text:
            return known
        if self.ties.degree[payer.group] < max(_TIES, _TIED_SHARE * payer.events):
            return None
        root, payers = self.ties.component(payer.group)
        cluster = self.ties.clusters.get(root)
        if cluster is None or cluster.gone:
            if payers < LEAST:
                return None
            cluster = self.ties.clusters[root] = self.clusters.new(asked.moment_us)
        return cluster
