"""Owns how operators' words stand over what was judged, and which verdicts are in force at a moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from proxy.analysis.wire import Said
from proxy.verdict.campaign import Campaign, Level, Word
from proxy.verdict.snapshot import Snapshot

NEVER_US = 2**63
_LASTING = frozenset({Word.HOLD, Word.CONFIRM})


def under(words: Mapping[str, Said], campaign: Campaign) -> Campaign:
    """The campaign as the operators have it. One that nobody spoke of keeps the word that it came with."""
    said = words.get(campaign.id)
    word = campaign.word if said is None else said.word
    level = Level.CONFIRMED if word is Word.CONFIRM else campaign.level
    if word is campaign.word and level is campaign.level:
        return campaign
    return replace(campaign, word=word, level=level)


def ends_us(campaign: Campaign) -> int:
    """When its verdict ends unless it is renewed; an operator who holds or confirms it keeps it."""
    return NEVER_US if campaign.word in _LASTING else campaign.expires_us


def in_force(campaigns: Iterable[Campaign], words: Mapping[str, Said], now_us: int) -> tuple[Snapshot, int]:
    """The verdicts in force at `now_us`, and when the first of them ends."""
    said = [under(words, campaign) for campaign in campaigns]
    lasting = [campaign for campaign in said if ends_us(campaign) > now_us]
    return Snapshot(lasting), min(map(ends_us, lasting), default=NEVER_US)
