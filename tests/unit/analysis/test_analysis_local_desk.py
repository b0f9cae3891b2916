"""Operators talk with campaigns of this process as they do with those in Redis."""

from __future__ import annotations

from proxy.analysis.local_desk import LocalDesk
from proxy.verdict.campaign import Word
from proxy.verdict.desk import CampaignDesk
from tests.unit.analysis.pool_analyst import PoolAnalyst, asked, name_of


async def kept() -> None:
    """A disk that takes everything."""


async def test_a_word_is_in_force_at_once_and_can_be_taken_back() -> None:
    analyst, renewed = PoolAnalyst(), list[Word | None]()
    analyst.observe(asked("pool-a", 1))
    name = name_of("pool-a")
    desk: CampaignDesk = LocalDesk(analyst, lambda: renewed.append(analyst.found[name].word), kept)
    assert await desk.list() == [await desk.get(name)]
    for word in (Word.RELEASE, None):
        told = await desk.say(name, word, "ann")
        assert told is not None
        assert told.word is word
    assert renewed == [Word.RELEASE, None]


async def test_a_word_on_no_campaign_changes_nothing() -> None:
    renewed: list[int] = []
    desk = LocalDesk(PoolAnalyst(), lambda: renewed.append(1), kept)
    assert await desk.say("c-000000000000", Word.HOLD, "ann") is None
    assert await desk.get("c-000000000000") is None
    assert not renewed
