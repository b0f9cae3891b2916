"""Owns what is counted of a cluster: all traffic that shares a template, whoever sends it.

Counts only; what they mean is `verdict.scoring`'s. Everything is bounded, whatever the traffic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from proxy.detect.ages import Ages
from proxy.detect.conversations import TEST_US, Relation
from proxy.detect.dealt import MOST_PAYERS, Again, Dealt
from proxy.detect.pairs import SAMPLE, Pairs
from proxy.detect.payers import Payer
from proxy.detect.template import Template
from proxy.detect.timeline import Timeline
from proxy.events.content import TARGETS, Content
from proxy.events.event import Answered, Asked

MOST_TEMPLATES = 64
FEWEST_PIECES = 3
"""That a request must have in common with a template to be of it, however much they weigh."""
MOST_KINDS = 32
_SAMPLED_NEIGHBOURS = 32
_MOST_PROBES = 16
_FAMILIAR = 10
_STRANGE = 0.1
"""A payer of so many requests, of which so few are the cluster's, does not belong to it."""
_YOUNG = 200
"""Requests of a cluster that may still be the new wording of an older one."""
SUMS = (
    *("requests", "admitted", "prevented", "held_requests", "probes", "controls", "control_echoes"),
    *("input_tokens", "output_tokens"),
)

K = TypeVar("K")


class Cluster:
    """One template's traffic."""

    def __init__(self, number: int, first_us: int) -> None:
        self.number = number
        self.campaign: str | None = None
        """The name it goes by once it is suspected."""
        self.first_us = self.last_us = first_us
        self.templates: list[Template] = []
        """Its wordings, at most MOST_TEMPLATES."""
        self.requests = 0
        self.admitted = 0
        self.prevented = 0
        self.controls = self.control_echoes = 0
        """Requests that were let pass and waited for, and how many of them somebody else asked."""
        self.held_requests = 0
        """Requests of its accounts that were not its words; among `admitted` or `prevented`, not among `requests`."""
        self.input_tokens = self.output_tokens = 0
        self.dealt = Dealt()
        self.networks: dict[str, int] = {}
        """Payers by the network that they were first seen in, at most MOST_PAYERS."""
        self.members: dict[str, int] = {}
        """Requests by account, at most MOST_PAYERS."""
        self.payers: dict[int, int] = {}
        """Accounts by payer."""
        self.relations: dict[Relation, int] = dict.fromkeys(Relation, 0)
        self.probes = self.borrowed = 0
        """Refusals that rest on a verdict, and of these those in another campaign's name: of accounts that are known
        for that one, whatever they say."""
        self.refused_groups: set[int] = set()
        """Payers that were refused, and so had a reason to fail over; at most SAMPLE."""
        self._probed: deque[tuple[int, str]] = deque(maxlen=_MOST_PROBES)
        """When verdicts refused a request of it and of which account, the latest ones."""
        self.pairs = Pairs()
        self.ages = Ages()
        self.payments: dict[str, int] = {}
        self.clients: dict[str, int] = {}
        """Payers by client software, at most MOST_KINDS; likewise requests by model and by shape."""
        self.models: dict[str, int] = {}
        self.shapes: dict[int, int] = {}
        self.targets = [0] * len(TARGETS)
        self.timeline = Timeline(first_us)
        self.neighbours: dict[Cluster, int] = {}
        """Payers that are in both, of the clusters that this one has most in common with."""
        self.overlaps: dict[Cluster, int] = {}
        """Requests of this cluster that have pieces of another one as well."""
        self.crossings: dict[Cluster, int] = {}
        """Requests that went on, here or there, with what another payer had begun under the other template."""
        self.judged_next = 8
        """Requests from which it is worth a judgement; a campaign always is."""
        self.gone = False
        """Forgotten, or part of another cluster."""
        self._whole: Cluster | None = None
        """The cluster that it has become part of."""

    @property
    def pieces(self) -> list[int]:
        """Of all its wordings."""
        return [piece for template in self.templates for piece in template.pieces]

    @property
    def has_text(self) -> bool:
        """Whether it is known by what it says, and not by ties alone."""
        for template in self.templates:  # noqa: SIM110 - asked for each pair of clusters, where a generator costs as much
            if template.pieces:
                return True
        return False

    @property
    def whole(self) -> Cluster:
        """What it has become part of, if it has; else itself."""
        whole = self
        while whole._whole is not None:
            whole = whole._whole
        return whole

    def worded(self) -> Template:
        """A new wording of it; the one that fewest requests had makes room."""
        self.keep(MOST_TEMPLATES - 1)
        template = Template(self)
        self.templates.append(template)
        return template

    def keep(self, most: int) -> None:
        """Gives up all but the commonest wordings; what was theirs is nobody's then."""
        if len(self.templates) <= most:
            return
        self.templates.sort(key=lambda template: -template.requests)
        for template in self.templates[most:]:
            template.cluster = _NOWHERE
        del self.templates[most:]

    def is_young(self, at_us: int) -> bool:
        """Whether it may still be the new wording of another one, of which what was refused comes again."""
        return self.requests < _YOUNG and at_us - self.first_us <= TEST_US

    def is_strange(self, payer: Payer) -> bool:
        """Whether a payer says mostly other things, so that what it has in common with a campaign is chance."""
        return (
            self.campaign is not None
            and payer.events >= _FAMILIAR
            and self.members.get(payer.account, 0) <= _STRANGE * payer.events
        )

    def asked(self, asked: Asked, payer: Payer, relation: Relation, again: Again, whose: int) -> None:
        """Counts one request, which stands in `relation` to one of the payer `whose`.

        `again`: it has pieces that its payer alone has said before.
        """
        self.requests += 1
        self._decided(asked)
        self.relations[relation] += 1
        if asked.refused:
            if asked.by_verdict:
                self.probes += 1
                self.borrowed += asked.campaign != self.campaign
                self._probed.append((asked.moment_us, asked.account))
            if len(self.refused_groups) < SAMPLE:
                self.refused_groups.add(payer.group)
        self.timeline.add(asked.moment_us, asked.refused)
        self._member(asked, payer)
        self.pairs.related(relation, whose, payer.group)
        self._deal(asked, payer, relation, again)
        if asked.model is not None:
            count(self.models, asked.model, MOST_KINDS)
        if asked.content is not None:
            self._aim(asked.content)

    def refused_since(self, moment_us: int) -> int:
        """Of the latest verdicts' refusals, how many came after a moment."""
        return sum(probed_us > moment_us for probed_us, _ in self._probed)

    def probed_accounts(self) -> tuple[str, ...]:
        """Whom the latest verdicts' refusals met."""
        return tuple(sorted({account for _, account in self._probed}))

    def held(self, asked: Asked) -> None:
        """Counts one request that was found to be of it for whom it comes from, whatever it says."""
        self.held_requests += 1
        self._decided(asked)

    def _decided(self, asked: Asked) -> None:
        self.last_us = asked.moment_us
        if asked.refused:
            self.prevented += 1
        else:
            self.admitted += 1

    def answered(self, answered: Answered) -> None:
        """Counts what an exchange of it used."""
        self.input_tokens += answered.input_tokens or 0
        self.output_tokens += answered.output_tokens or 0

    def absorb(self, other: Cluster, both: Iterable[Payer] = ()) -> None:
        """Takes over all that was counted of `other`, which turned out to be the same. `both`: who is a member of both.

        Of these, network and payment are counted once, lest everybody seem to share them with himself.
        """
        other._whole = self
        self.first_us = min(self.first_us, other.first_us)
        self.last_us = max(self.last_us, other.last_us)
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.borrowed += other.borrowed
        for relation, times in other.relations.items():
            self.relations[relation] += times
        self.dealt.absorb(other.dealt)
        self.pairs.absorb(other.pairs)
        self.refused_groups |= set(list(other.refused_groups)[: SAMPLE - len(self.refused_groups)])
        for mine, theirs, most in (
            (self.members, other.members, MOST_PAYERS),
            (self.payments, other.payments, MOST_PAYERS),
            (self.networks, other.networks, MOST_PAYERS),
            (self.clients, other.clients, MOST_KINDS),
            (self.models, other.models, MOST_KINDS),
        ):
            _add(mine, theirs, most)
        for payer in both:
            _count_once(self.networks, payer.network)
            _count_once(self.payments, payer.payment)
        _add(self.shapes, other.shapes, MOST_KINDS)
        _add(self.payers, other.payers, MOST_PAYERS)
        self._probed = deque(sorted({*self._probed, *other._probed}), maxlen=_MOST_PROBES)
        self.targets = [one + another for one, another in zip(self.targets, other.targets, strict=True)]
        self.ages.absorb(other.ages)
        self.timeline.absorb(other.timeline)
        self._take_over_neighbours(other)

    def _take_over_neighbours(self, other: Cluster) -> None:
        for third, payers in other.neighbours.items():
            if third is not self and not third.gone:
                meet(self, third, payers)

    def latest_members(self, most: int) -> tuple[str, ...]:
        """The accounts that joined last, latest first."""
        return tuple(islice(reversed(self.members), most))

    def _deal(self, asked: Asked, payer: Payer, relation: Relation, again: Again) -> None:
        shared = relation in (Relation.SECOND, Relation.AT_ONCE, Relation.SHARED)
        if shared or relation in (Relation.NEW, Relation.SIMILAR):
            is_guest = 2 * self.members.get(payer.account, 0) < payer.events
            self.dealt.opening(payer.number, again=again, shared=shared, is_guest=is_guest)
        elif relation is Relation.REPEATS:
            self.dealt.repeat(payer.number)
        elif relation is Relation.CONTINUES:
            self.dealt.turn(payer.number, in_words=asked.content is not None and not asked.content.tool_results)

    def _aim(self, content: Content) -> None:
        count(self.shapes, content.shape, MOST_KINDS)
        if content.targets:
            for bit in range(len(TARGETS)):
                if content.targets >> bit & 1:
                    self.targets[bit] += 1

    def _member(self, asked: Asked, payer: Payer) -> None:
        account = asked.account
        if (requests := self.members.get(account)) is not None:
            self.members[account] = requests + 1
            return
        if len(self.members) >= MOST_PAYERS:
            return
        self.members[account] = 1
        count(self.payers, payer.group, MOST_PAYERS)
        count(self.networks, asked.network, MOST_PAYERS)
        count(self.clients, asked.client, MOST_KINDS)
        if payer.created_us is not None:
            self.ages.add(payer.created_us, asked.moment_us)
        if payer.payment is not None:
            count(self.payments, payer.payment, MOST_PAYERS)


_NOWHERE = Cluster(0, 0)
"""Whose the wordings are that were given up."""
_NOWHERE.gone = True


def meet(one: Cluster, other: Cluster, payers: int) -> None:
    """Remembers that so many payers are in both, of the clusters that each has met first."""
    for cluster, neighbour in ((one, other), (other, one)):
        count(cluster.neighbours, neighbour, _SAMPLED_NEIGHBOURS, payers)


def count(kinds: dict[K, int], kind: K, most: int, times: int = 1) -> None:
    """Counts what is of one kind; a kind too many is left out."""
    if kind in kinds or len(kinds) < most:
        kinds[kind] = kinds.get(kind, 0) + times


def _add(mine: dict[K, int], theirs: dict[K, int], most: int) -> None:
    for kind, times in theirs.items():
        count(mine, kind, most, times)


def _count_once(kinds: dict[str, int], twice: str | None) -> None:
    if twice is not None and kinds.get(twice, 0) > 1:
        kinds[twice] -= 1
