"""Owns operators' talk with campaigns that live in Redis: any replica shows them, and takes a word down for all."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.analysis.keys import Keys
from proxy.analysis.link import Link
from proxy.analysis.operators import words_said, write_words
from proxy.analysis.remote import RemoteDetection
from proxy.analysis.wire import Said, record_of, records_of
from proxy.analysis.words import under
from proxy.errors import StoreError
from proxy.verdict.campaign import Campaign, Word


class RedisDesk:
    """A CampaignDesk on the records that the leading analyser publishes. `now_us` dates the words.

    A Redis that has lost them takes no verdict out of force: what `replica` still holds is shown, and can be spoken of.
    """

    def __init__(self, link: Link, keys: Keys, now_us: Callable[[], int], replica: RemoteDetection) -> None:
        self._link = link
        self._keys = keys
        self._now_us = now_us
        self._replica = replica

    async def get(self, campaign_id: str) -> Campaign | None:
        """The campaign of that very id, if there is one. StoreError."""
        record = await self._link.ask(lambda client: client.hget(self._keys.records, campaign_id))
        try:
            campaign = self._held().get(campaign_id) if record is None else record_of(record)
        except msgspec.MsgspecError as fault:
            raise StoreError("the campaign was written by another version of stillgate") from fault
        return None if campaign is None else under(await words_said(self._link, self._keys), campaign)

    async def say(self, campaign_id: str, word: Word | None, by: str) -> Campaign | None:
        """Takes an operator's word down, or takes it back (None); the campaign as it then stands. StoreError."""
        words = {campaign_id: Said(word, by, self._now_us())}
        if not await write_words(self._link, self._keys, words, of_records=True):
            if campaign_id not in self._held():
                return None
            # What has lost the record has lost the earlier words, too.
            words = self._replica.words | await words_said(self._link, self._keys) | words
            await write_words(self._link, self._keys, words, of_records=False)
        return await self.get(campaign_id)

    async def list(self) -> list[Campaign]:
        """Every campaign, in no order. StoreError."""
        records = records_of(await self._link.ask(lambda client: client.hgetall(self._keys.records)))
        words = await words_said(self._link, self._keys)
        return [under(words, campaign) for campaign in (self._held() | records).values()]

    def _held(self) -> dict[str, Campaign]:
        return {campaign.id: campaign for campaign in self._replica.campaigns(self._now_us())}
