"""Owns one wording: the pieces that its requests have in common. Counts only; whose traffic it is, is its cluster's.

A cluster has as many templates as its traffic has wordings; each is known by itself, however rare it is among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.detect.cluster import Cluster

MOST_PIECES = 1024
TRIAL = 48
"""Requests after which it is known of a wording's pieces how many of its requests have them."""
_LEAST = 0.33
"""Of what its requests say on average, that makes a request one of them: some say less, in rarer parts."""
_MET, _REMEMBERED = 24, 400
"""Requests from which it is known whether a wording comes alone, and from which on old ones count half."""
_ACCOMPANIED = 0.6
_LEANING, _UNTRIED = 0.25, 0.5


class Template:
    """One wording of a cluster."""

    __slots__ = ("accompanied", "alone", "cluster", "pieces", "requests", "typical", "weighed")

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.pieces: dict[int, None] = {}
        self.requests = 0
        """Those that its pieces were learned from."""
        self.weighed = 0
        """Of these, those that there were when its pieces were weighed last."""
        self.typical = 2.0
        """The weight of the pieces that a request of it commonly has."""
        self.alone = self.accompanied = 0
        """Requests that have it, without and with another wording of the cluster."""

    def met(self, *, in_company: bool) -> None:
        """Counts a request that has it."""
        if in_company:
            self.accompanied += 1
        else:
            self.alone += 1
        if self.alone + self.accompanied >= _REMEMBERED:
            self.alone, self.accompanied = self.alone // 2, self.accompanied // 2

    @property
    def trust(self) -> float:
        """How much of what its pieces tell they tell as marks of a campaign, whose traffic is refused.

        A wording that comes with another one may be what is asked within a wrapper, and anybody may ask it; one that
        few requests have had may be chance. Neither is a mark by itself.
        """
        met = self.alone + self.accompanied
        if met >= _MET and self.accompanied >= _ACCOMPANIED * met:
            return _LEANING
        return 1.0 if self.requests >= TRIAL else _UNTRIED

    @property
    def least(self) -> float:
        """The weight of pieces that makes a request one of it."""
        return _LEAST * self.typical

    @least.setter
    def least(self, weight: float) -> None:
        self.typical = weight / _LEAST
