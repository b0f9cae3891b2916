"""Owns one wording: the pieces that its requests have in common. Counts only; whose traffic it is, is its cluster's.

A cluster has as many templates as its traffic has wordings; each is known by itself, however rare it is among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.detect.cluster import Cluster

MOST_PIECES = 1024
_LEAST = 0.4


class Template:
    """One wording of a cluster."""

    __slots__ = ("cluster", "pieces", "requests", "typical")

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.pieces: dict[int, None] = {}
        self.requests = 0
        """Those that its pieces were learned from."""
        self.typical = 2.0
        """The weight of the pieces that a request of it commonly has."""

    @property
    def least(self) -> float:
        """The weight of pieces that makes a request one of it."""
        return _LEAST * self.typical

    @least.setter
    def least(self, weight: float) -> None:
        self.typical = weight / _LEAST
