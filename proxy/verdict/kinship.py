"""Owns when two clusters are one: the same payers, or one work that goes on in both. Counts only; merges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TypeVar

from proxy.detect.cluster import Cluster
from proxy.verdict.scoring import LEAST_PAYERS

_SAME = 0.6
"""Of the larger cluster's payers: it is the same people whatever they say."""
_MOST = 0.5
"""Of the smaller one's payers, where one of the two has no template and is known by its ties alone."""
_MANY = 0.12
"""Of the smaller one's payers, where both are used alike."""
_ALIKE = 0.8
_SIZE = 5
_SIZE_OF_SUSPECTS = 25
"""How much larger than the other one a cluster may be that is the same work; more where both are suspected."""
_CROSSINGS = 4
_CROSSED = 0.01
"""Of the smaller one's requests."""

K = TypeVar("K")


def are_one(one: Cluster, other: Cluster) -> bool:
    """Whether two clusters are parts of one."""
    smaller, larger = sorted((len(one.members), len(other.members)))
    crossings = one.crossings.get(other, 0)
    if crossings >= max(_CROSSINGS, _CROSSED * min(one.requests, other.requests)) and _alike(one, other):
        return True
    common = one.neighbours.get(other, 0)
    if common < LEAST_PAYERS:
        return False
    if common >= _SAME * larger or (not (one.has_text and other.has_text) and common >= _MOST * smaller):
        return True
    suspects = (one.campaign is not None) + (other.campaign is not None)
    if common >= _MOST * smaller and suspects and _alike(one, other):
        return True
    most = (_SIZE_OF_SUSPECTS if suspects == 2 else _SIZE) * smaller
    return common >= _MANY * smaller and larger <= most and _alike(one, other)


def _alike(one: Cluster, other: Cluster) -> bool:
    """The same sampling parameters and models, in like proportions: wordings of one wrapper, sent by one program."""
    return _cosine(one.shapes, other.shapes) >= _ALIKE and _cosine(one.models, other.models) >= _ALIKE


def _cosine(one: Mapping[K, int], other: Mapping[K, int]) -> float:
    together = sum(count * other.get(kind, 0) for kind, count in one.items())
    lengths = sqrt(sum(count * count for count in one.values()) * sum(count * count for count in other.values()))
    return together / lengths if lengths else 0.0
