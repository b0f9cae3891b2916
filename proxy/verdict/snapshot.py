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


class Snapshot:
    """The campaigns at one moment; what an operator released is not in it."""

    def __init__(self, campaigns: Iterable[Campaign] = ()) -> None:
        self.campaigns = {campaign.id: campaign for campaign in campaigns if campaign.word is not Word.RELEASE}
        self._by_piece: dict[int, tuple[tuple[str, int], ...]] = {}
        self._by_account: dict[str, Campaign] = {}
        self._known: dict[str, frozenset[str]] = {}
        self._excused: dict[str, frozenset[str]] = {}
        self._only: dict[str, frozenset[str]] = {}
        for campaign in self.campaigns.values():
            for piece, weight in zip(campaign.marks.pieces, campaign.marks.weights, strict=True):
                self._by_piece[piece] = (*self._by_piece.get(piece, ()), (campaign.id, weight))
            for account in campaign.whole:
                self._by_account.setdefault(account, campaign)
            if campaign.known:
                self._known[campaign.id] = frozenset(campaign.known)
            if campaign.excused:
                self._excused[campaign.id] = frozenset(campaign.excused)
            if campaign.mixed:
                self._only[campaign.id] = frozenset(campaign.members)

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
        counts: dict[str, int] = {}
        for marks_of in filter(None, map(self._by_piece.get, content.pieces)):
            for name, weight in marks_of:
                weights[name] = weights.get(name, 0) + weight
                counts[name] = counts.get(name, 0) + 1
        best, most = None, 0
        for name, weight in weights.items():
            campaign = self.campaigns[name]
            marks = campaign.marks
            if weight <= most:
                continue
            is_known = account in self._known.get(name, ())
            if weight < marks.least * (_OF_KNOWN if is_known else 1) or (counts[name] < marks.fewest and not is_known):
                continue
            if account in self._excused.get(name, ()) or (name in self._only and account not in self._only[name]):
                continue
            best, most = campaign, weight
        return best


NOBODY = Snapshot()
