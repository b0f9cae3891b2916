"""Owns when two clusters are one: the same payers, or one work that goes on in both. Counts only; merges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TypeVar

from proxy.detect.cluster import Cluster
from proxy.detect.networks import Networks
from proxy.verdict.nats import LEAST_PAYERS

_SAME = 0.6
"""Of the larger cluster's payers: it is the same people whatever they say."""
_SAME_USERS = 0.9
"""The same where one is known by its ties: a pool may be most of those who use a product so far."""
_MOST = 0.5
"""Of the smaller one's payers, where either is suspected; of its accounts, with the larger one's exits or purse."""
_NEARLY_ALL = 0.75
"""Of those who use a wording, who are tied anyway: it is theirs."""
_MANY = 0.12
"""Of the smaller one's payers, where both are used alike."""
_ALIKE = 0.8
_SIZE = 5
_SIZE_OF_SUSPECTS = 25
"""How much larger than the other one a cluster may be that is the same work; more where both are suspected."""
_CROSSINGS = 4
_CROSSED = 0.01
"""Of the smaller one's requests."""
_EXITS = 8
"""Networks that accounts of one operator come out of; a few are a building's."""
_RARE = 5
"""How much likelier it is for them than for others to come from just these networks."""

K = TypeVar("K")


def are_one(one: Cluster, other: Cluster, around: Networks) -> bool:
    """Whether two clusters are parts of one, given where all accounts come from."""
    met = one.neighbours.get(other, 0) >= LEAST_PAYERS  # the least that `_have_in_common` may ask for
    if met and _same_payers(one, other):
        return True
    if not (one.has_text and other.has_text):
        return False
    # Asked of each campaign and all that it has met again and again, so what is cheapest to tell comes first: mixtures
    # are of few kinds however large the clusters, and hardly any two are alike.
    if not _alike(one, other):
        return False
    ties = _goes_on(one, other) or (met and _many_payers(one, other))
    return ties or _same_exits(one, other, around) or _same_purse(one, other)


def are_its_own(tied: Cluster, cluster: Cluster) -> bool:
    """Whether whom nothing but ties makes a cluster is nearly all in the other one."""
    return not tied.has_text and _have_in_common(tied, cluster, _SAME_USERS * len(tied.members))


def _same_payers(one: Cluster, other: Cluster) -> bool:
    smaller, larger = sorted((one, other), key=lambda cluster: len(cluster.members))
    share = _SAME if one.has_text is other.has_text else _SAME_USERS
    if _have_in_common(one, other, share * len(larger.members)):
        return True
    # Not the other way round: a pool that uses a popular product is not all of the product's customers.
    if not smaller.has_text or larger.has_text:
        return False
    return _have_in_common(one, other, _NEARLY_ALL * len(smaller.members))


def _many_payers(one: Cluster, other: Cluster) -> bool:
    smaller, larger = sorted((len(one.members), len(other.members)))
    suspects = (one.campaign is not None) + (other.campaign is not None)
    if suspects and _have_in_common(one, other, _MOST * smaller):
        return True
    most = (_SIZE_OF_SUSPECTS if suspects == 2 else _SIZE) * smaller
    return larger <= most and _have_in_common(one, other, _MANY * smaller)


def _have_in_common(one: Cluster, other: Cluster, least: float) -> bool:
    """Whether so many payers are in both. Who met them counts one twice whom two merged clusters had: only a filter."""
    least = max(least, LEAST_PAYERS)
    if one.neighbours.get(other, 0) < least:
        return False
    return len(one.members.keys() & other.members.keys()) >= least


def _goes_on(one: Cluster, other: Cluster) -> bool:
    """What is begun under the one template goes on under the other."""
    return one.crossings.get(other, 0) >= max(_CROSSINGS, _CROSSED * min(one.requests, other.requests))


def _same_exits(one: Cluster, other: Cluster, around: Networks) -> bool:
    """Other accounts of one operator: they come out of the same many networks, and hardly anybody else does."""
    smaller, larger = sorted((one.networks, other.networks), key=lambda networks: sum(networks.values()))
    if len(smaller) < _EXITS:
        return False
    others = _others_among(one, other, smaller, larger)
    return others >= _MOST and others >= _RARE * around.share_in(larger, smaller)


def _same_purse(one: Cluster, other: Cluster) -> bool:
    """Other accounts that the same ones pay for."""
    smaller, larger = sorted((one.payments, other.payments), key=lambda payments: sum(payments.values()))
    return sum(smaller.values()) >= LEAST_PAYERS and _others_among(one, other, smaller, larger) >= _MOST


def _others_among(one: Cluster, other: Cluster, smaller: Mapping[str, int], larger: Mapping[str, int]) -> float:
    """The share of the smaller side that has something of the larger one's, but for the accounts that are in both.

    Those have in common whatever they have. They are looked for only where there would be enough with them.
    """
    among = sum(count for kind, count in smaller.items() if kind in larger) / max(sum(smaller.values()), 1)
    if among < _MOST:
        return 0.0
    members = min(len(one.members), len(other.members))
    return among - len(one.members.keys() & other.members.keys()) / max(members, 1)


def _alike(one: Cluster, other: Cluster) -> bool:
    """The same sampling parameters and models, in like proportions: wordings of one wrapper, sent by one program."""
    return _cosine(one.models, other.models) >= _ALIKE and _cosine(one.shapes, other.shapes) >= _ALIKE


def _cosine(one: Mapping[K, int], other: Mapping[K, int]) -> float:
    """How alike two mixtures are, by what was drawn of each: two few drawn of the same one look no less alike."""
    if one.keys().isdisjoint(other):
        return 0.0
    together = 0
    for kind, count in one.items():
        if kind in other:
            together += count * other[kind]
    drawn, drawn_other = sum(one.values()), sum(other.values())
    return together / max(drawn * drawn_other, 1) / sqrt(_again(one, drawn) * _again(other, drawn_other))


def _again(mixture: Mapping[K, int], drawn: int) -> float:
    """How likely two that are drawn are of one kind."""
    pairs = 0
    for count in mixture.values():
        pairs += count * (count - 1)
    return max(pairs, 1) / max(drawn * (drawn - 1), 1)
