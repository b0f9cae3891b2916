"""Owns the verdicts in force as the hot path asks them: does this request belong to a campaign? Immutable.

One look-up for each piece of the request and one for its account, whatever the number of campaigns.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from proxy.events.content import Content
from proxy.verdict.campaign import Campaign, Level, Word

_OF_KNOWN = 0.15
"""Of a campaign's marks, however few, that make a request of an account that is known for it one of its: in words that
are not all known yet."""


class Match(Struct, frozen=True, gc=False):
    """The campaign that a request belongs to."""

    campaign: str
    level: Level
    by: str
    """`content`: the request has the campaign's marks; `account`: it comes from an account that does little else."""
    probing: bool = False
    since_us: int = 0
    """When it got its level."""


class _Told:
    """What is looked up of one campaign."""

    __slots__ = ("campaign", "excused", "known", "marks", "only")

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.marks: dict[int, tuple[tuple[str, int], ...]] = {}
        for piece, weight in zip(campaign.marks.pieces, campaign.marks.weights, strict=True):
            self.marks[piece] = (*self.marks.get(piece, ()), (campaign.id, weight))
        self.known = frozenset(campaign.known)
        self.excused = frozenset(campaign.excused)
        self.only = frozenset(campaign.members) if campaign.mixed else None

    def means(self, account: str) -> bool:
        """Whether it is acted on the account at all."""
        return account not in self.excused and (self.only is None or account in self.only)


class Snapshot:
    """The campaigns at one moment; what an operator released is not in it."""

    def __init__(self, campaigns: Iterable[Campaign] = (), before: Snapshot | None = None) -> None:
        """`before`: an earlier one, to take over from what was worked out of campaigns that have not changed."""
        self.campaigns = {campaign.id: campaign for campaign in campaigns if campaign.word is not Word.RELEASE}
        known = {} if before is None else before._told
        self._told: dict[str, _Told] = {}
        self._by_piece: dict[int, tuple[tuple[str, int], ...]] = {}
        self._by_account: dict[str, Campaign] = {}
        for name, campaign in self.campaigns.items():
            told = known.get(name)
            told = self._told[name] = _Told(campaign) if told is None or told.campaign is not campaign else told
            both = {piece: self._by_piece[piece] + told.marks[piece] for piece in self._by_piece.keys() & told.marks}
            self._by_piece.update(told.marks)
            self._by_piece.update(both)
            for account in campaign.whole:
                self._by_account.setdefault(account, campaign)

    def match(self, account: str, content: Content | None) -> Match | None:
        """The campaign that a request of `account` belongs to, by what it says before by whom it comes from.

        But a suspicion on what all customers of a product say does not hide who of them is known for a campaign.
        """
        if not self.campaigns:
            return None
        found = self._by_content(account, content) if content is not None and self._by_piece else None
        whole = self._by_account.get(account)
        if found is not None and (whole is None or found.level is Level.CONFIRMED or whole.level is Level.SUSPECTED):
            probing = found.probing and account not in found.probed
            return Match(found.id, found.level, "content", probing, found.detected_us)
        return None if whole is None else Match(whole.id, whole.level, "account", since_us=whole.detected_us)

    def _by_content(self, account: str, content: Content) -> Campaign | None:
        weights: dict[str, int] = {}
        marks = [mark for marks_of in map(self._by_piece.get, content.pieces) if marks_of for mark in marks_of]
        for name, weight in marks:
            weights[name] = weights.get(name, 0) + weight
        best, most = None, 0
        for name, weight in weights.items():
            if weight <= most:
                continue
            told = self._told[name]
            least = told.campaign.marks.least
            if account in told.known:
                is_its = weight >= least * _OF_KNOWN
            else:
                is_its = weight >= least and sum([of == name for of, _ in marks]) >= told.campaign.marks.fewest
            if is_its and told.means(account):
                best, most = told.campaign, weight
        return best


NOBODY = Snapshot()
