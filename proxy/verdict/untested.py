"""Owns when a cluster is a campaign though no refusal has told a pool from customers: by what it shows, and how long.

Counts only; knows no level and no policy.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.admission.bucket import DAY_US
from proxy.detect.cluster import Cluster
from proxy.detect.conversations import ECHO_US, Relation
from proxy.detect.pairs import takeovers
from proxy.verdict.campaign import Evidence
from proxy.verdict.judgement import (
    CONVERSATIONS,
    CREATED_IN_BURSTS,
    OVERWHELMING,
    SHARED_EXITS,
    SHARED_PAYMENT,
    score_of,
    score_without,
)
from proxy.verdict.nats import LEAST_PAYERS

_OVER_US = DAY_US // 12
"""It goes on for longer, unless the evidence is overwhelming: a class has done its work by then, and a prompt gone
round."""
_ONLY, _MOSTLY = 0.9, 0.5
"""Of all questions begin a conversation, where a program works off a list; people go on with what they began."""
_LIST = 15.0
"""Evidence apart from what became of refusals, from which a quarter of an hour is enough where nothing is gone on with:
a class talks its task over, strangers' jobs start at the same minute, and a product's users come back to their own."""
_MANY_OPENINGS = 1000
"""So many are enough for it elsewhere, where customers do not show what it shows, and few do what ties its accounts
besides: a class works at home as evenly as a scheduler deals."""
_TIES = (SHARED_EXITS, SHARED_PAYMENT)
_PLAIN, _OPENINGS = 17.2, 600
"""Openings, and evidence apart from what became of refusals, that customers do not give however evenly they use a
product: what they ask for or where they come from is a campaign's too. The clients of some pools just try again."""
_LESS_PLAIN, _PLENTY_OF_OPENINGS = 16.2, 3000
"""The same, where what they ask for or where they come from does speak: in time customers are as even as that alone."""
_LITTLE_TALK, _NEVERTHELESS = -2.5, 13.0
"""What so few conversations weigh, and all the evidence, from which it is a campaign whose agents' steps are words."""


def is_campaign_untested(cluster: Cluster, evidence: Sequence[Evidence]) -> bool:
    """Whether evidence that is enough without a test is to be believed."""
    return _lasts(cluster, evidence) and not are_customers(cluster, evidence)


def _lasts(cluster: Cluster, evidence: Sequence[Evidence]) -> bool:
    lasts_us = cluster.last_us - cluster.first_us
    if lasts_us >= _OVER_US or score_of(evidence) >= OVERWHELMING:
        return True
    if lasts_us < ECHO_US:
        return False
    if cluster.dealt.asks_once(_ONLY) and _shown(evidence) >= _LIST:
        return True
    return cluster.dealt.openings >= _MANY_OPENINGS and _is_plain(cluster, evidence)


def are_customers(cluster: Cluster, evidence: Sequence[Evidence]) -> bool:
    """A few firms, people who return to their matters or share them, or those of whom half came back when they were
    refused, or some where they talk their matters over, unless all else is more than customers ever show."""
    if len(cluster.payers) < LEAST_PAYERS or any(_speaks_for_people(each, evidence) for each in evidence):
        return True
    routed = cluster.relations[Relation.ROUTED] + takeovers(cluster.pairs.tested).house
    back = cluster.relations[Relation.CAME_BACK] + routed
    if back and not cluster.dealt.asks_once(_MOSTLY) and score_of(evidence) < OVERWHELMING:
        return True
    return 0 < cluster.probes <= 2 * back and not _is_plain(cluster, evidence)


def _is_plain(cluster: Cluster, evidence: Sequence[Evidence]) -> bool:
    """Whether it is a campaign by all that it shows, whatever became of refusals."""
    openings = cluster.dealt.openings
    if openings < _OPENINGS or not cluster.dealt.asks_once(_MOSTLY) or not _speaks(evidence, _TIES):
        return False
    return _shown(evidence) >= (_LESS_PLAIN if openings >= _PLENTY_OF_OPENINGS else _PLAIN)


def _speaks_for_people(each: Evidence, evidence: Sequence[Evidence]) -> bool:
    """Whether what a cluster asks shows that people do, who talk much, and whom little else shows."""
    if each.family != "partition" or each.weight >= 0:
        return False
    return each.signal != CONVERSATIONS or each.weight <= _LITTLE_TALK or score_of(evidence) < _NEVERTHELESS


def _speaks(evidence: Sequence[Evidence], signals: Sequence[str]) -> bool:
    return any(each.signal in signals and each.weight > 0 for each in evidence)


def _shown(evidence: Sequence[Evidence]) -> float:
    """All but what became of refusals, and that all of it came on one day, which a class shows as well."""
    return score_without([each for each in evidence if each.signal != CREATED_IN_BURSTS], "reaction")
