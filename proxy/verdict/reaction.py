"""Owns what it means how a cluster's payers react: who takes over what one was refused, or was in the midst of.

Counts only; knows no event and no policy.
"""

from __future__ import annotations

from itertools import chain
from math import exp, lgamma, log, log1p, log2

from proxy.detect.cluster import Cluster
from proxy.detect.conversations import ECHO_US, TEST_US, Relation
from proxy.detect.pairs import SOON_US, takeovers
from proxy.detect.ties import largest_component
from proxy.verdict.campaign import Evidence
from proxy.verdict.nats import LEAST_PAYERS, capped, evidence

_PICKED_UP = 0.6
"""Of what a pool's quotas refuse, it tries again elsewhere so much at least."""
_MOST_TRIALS, _USUAL_TRIALS = 40, 10
"""Beyond which refusals count as their share, lest a few in a thousand look like a pool that seldom tries again."""
_PROMPT = 0.6
"""Pools that fail over at once or soon; the others put what was refused at the end of their queue, or drop it."""
_BACK, _SELDOM = 0.8, 0.07
"""Refusals after which a client that tries again comes back by itself, and one that does not, or whose pool does."""
_POOLS_BACK, _CUSTOMERS_BACK = 0.1, 0.85
"""Pools, and products, whose clients try again by themselves."""
_SETTLED_US = 5 * 60 * 1_000_000
"""After this time it is known whether who was refused comes back by itself."""
_LUCK, _MOST_LUCK = 0.02, 0.6
"""How often somebody else asks by chance what one was refused, at least and at most."""
_EXPECTED = 8
"""Controls that what is expected of them counts as much as."""
_EITHER = log(2)
"""What a look tells less, in nats, because there is another one that would do."""
_WIDE = 8
_WIDE_SHARE = 0.05
_NEARLY_ALL = 0.75
_STANDS_FOR_ALL = 1 / 3
"""Of a cluster's requests: so many were refused or taken over, whoever was chosen for it."""
_MANY_KEYS = 64
"""More than one customer has behind a router: what joins so many payers is a pool that deals out every turn."""
_REACH = 0.7
"""Of the payers that so many pairs would tie by lot: a router ties its own few keys again and again."""


def reaction(cluster: Cluster) -> list[Evidence]:
    """Benign: one customer's keys behind a router, where no organisation tells that they are one; a session resumed.

    Such routers stand where quotas refuse most. A verdict refuses anybody, so its echo needs no doubt but of a few.
    """
    found = _tested(cluster)
    pairs = cluster.pairs
    echoes, handovers, replays = (takeovers(each).apart for each in (pairs.echoes, pairs.handovers, pairs.replays))
    if max(echoes, handovers, replays) < 2 or not _is_wide(cluster):
        return found
    if echoes >= 2:
        detail = f"{echoes} pairs of payers: what a quota refused one, the other asked within 15 min"
        each = capped(log(_PICKED_UP / _luck(_same(cluster, ECHO_US) + _like(cluster, ECHO_US))), 0, 2.5)
        found.append(evidence("reaction", "quota-echo", capped(echoes * each, 0, 8), detail))
    if handovers >= 2:
        joined = largest_component(pairs.handovers)
        most = 6 + capped(2 * log2(max(joined, 1) / _MANY_KEYS), 0, 4)
        detail = f"{handovers} pairs of payers: one went on with the other's conversation; this joins {joined} payers"
        found.append(evidence("reaction", "conversation-handover", capped(handovers * 1.5, 0, most), detail))
    if replays >= 2:
        detail = f"{replays} pairs of payers: one sent reasoning signatures that the other was issued or had sent"
        found.append(evidence("replay", "signature-replay", capped(replays * 2.0, 0, 8), detail))
    return found


def _is_wide(cluster: Cluster) -> bool:
    """Whether ties join many of the cluster's payers, as they come, rather than the few keys of some customers."""
    payers = len(cluster.payers)
    least = max(_WIDE, _WIDE_SHARE * payers) if payers >= LEAST_PAYERS else _NEARLY_ALL * payers
    pairs = set().union(*cluster.pairs.kinds())
    return not _few(pairs, payers) and largest_component(pairs) >= least


def _few(pairs: set[tuple[int, int]], payers: int) -> set[int]:
    """Whom these pairs tie, where they tie fewer than so many pairs would by lot: the same ones again and again."""
    tied = set(chain.from_iterable(pairs))
    by_lot = payers * (1 - exp(-2 * len(pairs) / payers))
    return tied if len(tied) < _REACH * by_lot else set()


def _luck(chance: float) -> float:
    return capped(chance, _LUCK, _MOST_LUCK)


def _same(cluster: Cluster, span_us: int) -> float:
    """How often somebody asks by chance, within a time, just what a given payer was refused.

    So many openings are somebody's too, each one of all that were asked, at the pace of the busiest hours.
    """
    same, openings = cluster.dealt.total.others, max(cluster.dealt.openings, 1)
    return same / openings / max(openings - same, 1) * cluster.timeline.busiest(span_us)


def _soon(cluster: Cluster) -> float:
    """How often somebody asks by chance within a minute what a given payer was refused, or something like it."""
    drawn = cluster.relations[Relation.AT_ONCE] / max(cluster.dealt.openings, 1)
    return _same(cluster, SOON_US) + _like(cluster, SOON_US) + drawn


def _like(cluster: Cluster, span_us: int) -> float:
    """How often somebody asks by chance within a time something like it: so many openings are like one payer's."""
    alike, openings = cluster.relations[Relation.SIMILAR], max(cluster.dealt.openings, 1)
    return alike / openings / max(len(cluster.payers), 1) * cluster.timeline.busiest(span_us)


def _like_controls(cluster: Cluster) -> float:
    """The same, corrected by how often somebody else asked what was let pass."""
    return (cluster.control_echoes + _like(cluster, ECHO_US) * _EXPECTED) / (cluster.controls + _EXPECTED)


def _tested(cluster: Cluster) -> list[Evidence]:
    """Who was refused by a verdict, and for how many of them somebody else took over.

    How often a pool's do is not known, since some wait, some drop what was refused, some word it anew: any share is
    as likely as any other.
    """
    pairs = cluster.pairs
    if not (cluster.probes or pairs.tested) or _is_hearsay(cluster):
        return []
    # What a few do among themselves, who take turns anyway, says nothing of all the others.
    few = _few(pairs.handovers | pairs.echoes | pairs.replays, len(cluster.payers))
    picked_up, soon = (
        takeovers([pair for pair in kind if not few.issuperset(pair)]) for kind in (pairs.tested, pairs.tested_soon)
    )
    tested = picked_up.apart
    others = len(cluster.refused_groups - few)
    routed = cluster.relations[Relation.ROUTED] + picked_up.house
    refused = max(min(cluster.probes, others) - routed, tested)
    if not refused:
        return []
    by_chance = _luck(_same(cluster, TEST_US) + _like_controls(cluster))
    came_back = min(cluster.relations[Relation.CAME_BACK], refused - tested)
    waiting = min(cluster.refused_since(cluster.last_us - _SETTLED_US), refused - tested - came_back)
    at_once = _picked_up(soon.apart, refused - waiting, _luck(_soon(cluster)))
    weight = capped(max(_picked_up(tested, refused - waiting, by_chance), at_once - _EITHER), -1.5, 10)
    weight += _returns(came_back, refused - waiting - tested)
    # Silence never speaks for it: of some products no client tries again.
    weight = min(weight, 10.0 if tested else 0.0)
    # What is weighed counts pairs, and is bounded; what is told counts requests and payers.
    detail = (
        f"{max(cluster.probes, picked_up.before)} requests in its words refused by a verdict; "
        f"for {picked_up.before} of their payers another one asked the same within 2 h, "
        f"{len(pairs.returned)} came back themselves"
    )
    return [evidence("reaction", "refusal-echo" if weight > 0 else "no-echo", weight, detail)]


def _is_hearsay(cluster: Cluster) -> bool:
    """Whether only accounts that are known for another campaign were tested, by its verdicts, and they make little of
    the cluster: a pool's tasks have phrases in them that anybody says, and of anybody else nothing was tested."""
    tested = cluster.probes + cluster.relations[Relation.TESTED_ECHO]
    return cluster.borrowed >= cluster.probes and tested < _STANDS_FOR_ALL * cluster.requests


def _picked_up(tested: int, refused: int, by_chance: float) -> float:
    """What it tells that of so many refusals so many were picked up, in nats."""
    trials = min(refused, _MOST_TRIALS)
    hits = tested * trials / max(refused, 1)
    prompt = log(_PROMPT) + lgamma(hits + 1) + lgamma(trials - hits + 1) - lgamma(trials + 2)
    of_others = hits * log(by_chance) + (trials - hits) * log(1 - by_chance)
    patient = log(1 - _PROMPT) + of_others
    of_a_pool = _either(prompt, patient)
    return of_a_pool - of_others if hits > by_chance * trials else min(of_a_pool - of_others, 0.0)


def _returns(came_back: int, settled: int) -> float:
    """What it tells that of so many whom nobody took over from so many came back by themselves, in nats."""
    trials = min(settled, _USUAL_TRIALS)
    if not trials:
        return 0.0
    back = came_back * trials / settled
    return _mixed(back, trials, _POOLS_BACK) - _mixed(back, trials, _CUSTOMERS_BACK)


def _mixed(back: float, trials: int, share: float) -> float:
    """The log likelihood where such a share are clients that try again."""
    again, seldom = (
        log(part) + back * log(chance) + (trials - back) * log(1 - chance)
        for part, chance in ((share, _BACK), (1 - share, _SELDOM))
    )
    return _either(again, seldom)


def _either(one: float, other: float) -> float:
    """The log of the sum of two likelihoods that are given by their logs."""
    return max(one, other) + log1p(exp(-abs(one - other)))
