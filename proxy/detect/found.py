"""Owns what the pieces of one request tell: which are shared, which its payer has said before, which another one has.

Counts only; knows neither what is remembered of pieces nor any rule of judgement.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from proxy.detect.dealt import Again

if TYPE_CHECKING:
    from proxy.detect.pieces import Shared

_FEWEST = 3
"""Pieces that make a request much like earlier ones of its payer's, and half of those that nobody shares."""


class Found:
    """What the pieces of one request tell."""

    __slots__ = ("again", "habits", "lone", "other", "others", "refused", "shared")

    def __init__(self) -> None:
        self.shared: list[Shared] = []
        """Its shared pieces, by PAYERS or more."""
        self.lone = 0
        """Pieces nobody or only one payer has said before."""
        self.again = 0
        """Of these, pieces that this payer has said once before."""
        self.habits: list[int] = []
        """Of these, pieces that this payer says for the third time at least: words of its own, whatever it asks."""
        self.others = 0
        """Of these, pieces that only one other payer has said before."""
        self.refused = 0
        """Of these, pieces of refused requests of the payer `other`."""
        self.other = 0

    @property
    def returns(self) -> Again:
        """Whether the payer has said much of it before, and if so, whether that is more than what it always says."""
        always = len(self.habits)
        if self.again >= _FEWEST and self.again * 2 >= self.lone - always:
            return Again.ONCE
        said = self.again + always
        return Again.ALWAYS if said >= _FEWEST and said * 2 >= self.lone else Again.NO

    def own(self, pieces: Iterable[int]) -> list[int]:
        """Those of the request's pieces that were no shared ones, nor what its payer always says."""
        said = {shared.piece for shared in self.shared}.union(self.habits)
        return [piece for piece in pieces if piece not in said]

    def of_another(self, group: int, refused: bool) -> None:
        """Counts a piece of one other payer's; `refused`: of a request of that payer's that was."""
        self.others += 1
        if refused and (not self.refused or self.other == group):
            self.other = group
            self.refused += 1
