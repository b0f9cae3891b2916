"""Owns what a leader owes to the leader before it: campaigns keep their names, and none ends unknown. Pure.

Analysts that began at different times may name one campaign differently. What a new leader calls otherwise goes on
under the name that is published; what it does not know at all stays as it was published until it expires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from proxy.analysis.wire import Said
from proxy.analysis.words import ends_us, under
from proxy.verdict.campaign import Campaign, Marks

_SAME = 0.5
"""Two campaigns with so many of the smaller one's marks in common, by weight, or of its members, are one."""

_FEWEST_MEMBERS = 2


class Succession:
    """Begins with nobody to succeed."""

    def __init__(self) -> None:
        self.inherited: dict[str, Campaign] = {}
        self._heirs: dict[str, Campaign] = {}

    def take_over(self, published: Mapping[str, Campaign], found: Iterable[Campaign]) -> None:
        """From whoever published before, given what was found by oneself."""
        found = list(found)
        known = {campaign.id for campaign in found}
        self.inherited = {name: campaign for name, campaign in published.items() if name not in known}
        self._heirs = {}
        for campaign in found:
            if campaign.id not in published and (before := _most_alike(campaign, self.inherited.values())) is not None:
                self._heirs[campaign.id] = self.inherited.pop(before.id)

    def as_published(self, found: Sequence[Campaign], words: Mapping[str, Said], now_us: int) -> list[Campaign]:
        """All campaigns under the names that others know, with the operators' words; what has expired is let go."""
        named = [self._named(campaign) for campaign in found]
        known = {campaign.id for campaign in named}
        self.inherited = {
            name: campaign
            for name, campaign in self.inherited.items()
            if name not in known and ends_us(under(words, campaign)) > now_us
        }
        return [under(words, campaign) for campaign in (*named, *self.inherited.values())]

    def own_words(self, words: Mapping[str, Said]) -> dict[str, Said]:
        """The words by the names that the analyst knows."""
        heirs = {own: words[before.id] for own, before in self._heirs.items() if before.id in words}
        return {**words, **heirs}

    def _named(self, campaign: Campaign) -> Campaign:
        before = self._heirs.get(campaign.id)
        return campaign if before is None else _continued(campaign, before)


def _most_alike(campaign: Campaign, others: Iterable[Campaign]) -> Campaign | None:
    best, most = None, _SAME
    for other in others:
        alike = max(_common_marks(campaign.marks, other.marks), _common_members(campaign.members, other.members))
        if alike >= most:
            best, most = other, alike
    return best


def _common_marks(one: Marks, other: Marks) -> float:
    """The share of the lighter one's weight that both have; 0 where these are too few to tell either."""
    common = set(one.pieces).intersection(other.pieces)
    if not common or len(common) < max(one.fewest, other.fewest):
        return 0.0
    shares = []
    for marks in (one, other):
        total = sum(marks.weights)
        both = sum(weight for piece, weight in zip(marks.pieces, marks.weights, strict=True) if piece in common)
        shares.append((total, both / total if total else 0.0))
    return min(shares)[1]


def _common_members(some: Sequence[str], others: Sequence[str]) -> float:
    """The share of the smaller one that both have; 0 where one account alone has been in both."""
    common = len(set(some).intersection(others))
    return common / min(len(some), len(others)) if common >= _FEWEST_MEMBERS else 0.0


def _continued(campaign: Campaign, before: Campaign) -> Campaign:
    """One campaign as two have seen it: what was counted is at least what either has."""
    counted = {
        name: max(getattr(campaign, name), getattr(before, name))
        for name in (
            "accounts",
            "networks",
            "exchanges_seen",
            "exchanges_admitted",
            "exchanges_prevented",
            "input_tokens_admitted",
            "output_tokens_admitted",
        )
    }
    return replace(
        campaign,
        id=before.id,
        first_us=min(campaign.first_us, before.first_us),
        detected_us=before.detected_us if before.level is campaign.level else campaign.detected_us,
        merged=tuple(dict.fromkeys((*before.merged, *campaign.merged))),
        **counted,
    )
