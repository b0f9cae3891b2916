"""Owns operators' talk with campaigns that live in Redis: any replica shows them, and takes a word down for all."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from proxy.analysis.keys import Keys
from proxy.analysis.link import Link, Script
from proxy.analysis.wire import Said, encode_said, record_of, records_of, words_of
from proxy.analysis.words import under
from proxy.clock import unique_id
from proxy.errors import StoreError
from proxy.verdict.campaign import Campaign, Word

log = logging.getLogger("stillgate.campaigns")
_SAY = Script("say")


class RedisDesk:
    """A CampaignDesk on the records that the leading analyser publishes. `now_us` dates the words."""

    def __init__(self, link: Link, keys: Keys, now_us: Callable[[], int]) -> None:
        self._link = link
        self._keys = keys
        self._now_us = now_us

    async def get(self, id: str) -> Campaign | None:  # noqa: A002 - as the protocol calls it
        """The campaign of that very id, if there is one. StoreError."""
        record = await self._link.ask(lambda client: client.hget(self._keys.records, id))
        if record is None:
            return None
        try:
            campaign = record_of(record)
        except msgspec.MsgspecError as fault:
            raise StoreError("the campaign was written by another version of stillgate") from fault
        return under(await self._words(), campaign)

    async def say(self, id: str, word: Word | None, by: str) -> Campaign | None:  # noqa: A002
        """Takes an operator's word down, or takes it back (None); the campaign as it then stands. StoreError."""
        keys = (self._keys.words, self._keys.words_version, self._keys.records)
        said = encode_said(Said(word, by, self._now_us()))
        if not await self._link.run(_SAY, keys, (unique_id("w-"), 1, id, said)):
            return None
        log.info("word on a campaign", extra={"campaign": id, "word": word, "by": by})
        return await self.get(id)

    async def list(self) -> list[Campaign]:
        """Every campaign, in no order. StoreError."""
        records = records_of(await self._link.ask(lambda client: client.hgetall(self._keys.records)))
        words = await self._words()
        return [under(words, campaign) for campaign in records.values()]

    async def _words(self) -> dict[str, Said]:
        return words_of(await self._link.ask(lambda client: client.hgetall(self._keys.words)))
