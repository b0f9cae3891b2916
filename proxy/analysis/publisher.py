"""Owns what the leading analyser leaves in Redis: verdicts, records of campaigns, its own state. Decides nothing.

Each write is one script that asks first whether the lease is still the caller's; False says that it was not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from proxy.analysis.keys import Keys
from proxy.analysis.link import Link, Script
from proxy.analysis.operators import words_said, write_words
from proxy.analysis.wire import (
    Checkpoint,
    Said,
    decode_checkpoint,
    encode_checkpoint,
    encode_record,
    encode_verdict,
    joined,
    records_of,
)
from proxy.clock import unique_id
from proxy.verdict.campaign import Campaign

_PUBLISH = Script("publish")
_CHECKPOINT = Script("checkpoint")


class _Written(NamedTuple):
    """A campaign as it was written last; a large one takes a while, and most stay the very same object."""

    campaign: Campaign
    record: bytes
    verdict: bytes


class Publisher:
    """Writes for the holder of `token`."""

    def __init__(self, link: Link, keys: Keys, token: str) -> None:
        self._link = link
        self._keys = keys
        self._token = token
        self._written: dict[str, _Written] = {}
        self._records: dict[str, bytes] = {}
        self._verdicts = b""
        self._version = ""

    async def published(self) -> dict[str, Campaign]:
        """The campaigns in Redis, whoever wrote them; what is published next is compared with these. StoreError."""
        fields = await self._link.ask(lambda client: client.hgetall(self._keys.records))
        self._records = {name.decode("utf-8", "replace"): record for name, record in fields.items()}
        self._verdicts = b""
        return records_of(fields)

    async def publish(self, campaigns: Iterable[Campaign]) -> bool:
        """These are the campaigns now. Where that is no news, Redis is not asked. StoreError."""
        written = {campaign.id: self._write(campaign) for campaign in campaigns}
        records = {name: each.record for name, each in written.items()}
        verdicts = joined([each.verdict for each in written.values()])
        version = self._version if verdicts == self._verdicts else unique_id("v-")
        gone = [name for name in self._records if name not in records]
        changed = [(name, record) for name, record in records.items() if self._records.get(name) != record]
        if not gone and not changed and version == self._version:
            return True
        arguments: list[Any] = [self._token, verdicts, version, len(gone), *gone, *chain.from_iterable(changed)]
        keys = (self._keys.lease, self._keys.verdicts, self._keys.verdicts_version, self._keys.records)
        if not await self._link.run(_PUBLISH, keys, arguments):
            return False
        self._written, self._records, self._verdicts, self._version = written, records, verdicts, version
        return True

    def _write(self, campaign: Campaign) -> _Written:
        before = self._written.get(campaign.id)
        if before is not None and before.campaign is campaign:
            return before
        return _Written(campaign, encode_record(campaign), encode_verdict(campaign))

    async def save(self, checkpoint: Checkpoint) -> bool:
        """The state that a successor may go on from. StoreError."""
        keys = (self._keys.lease, self._keys.checkpoint)
        return bool(await self._link.run(_CHECKPOINT, keys, (self._token, encode_checkpoint(checkpoint))))

    async def saved(self) -> Checkpoint | None:
        """The last state that a leader has saved. StoreError."""
        saved = await self._link.ask(lambda client: client.get(self._keys.checkpoint))
        try:
            return None if saved is None else decode_checkpoint(saved)
        except msgspec.MsgspecError:  # of another version of stillgate
            return None

    async def words(self) -> dict[str, Said]:
        """What operators have said. StoreError."""
        return await words_said(self._link, self._keys)

    async def words_version(self) -> bytes | None:
        """Another value when operators have spoken since. StoreError."""
        version: bytes | None = await self._link.ask(lambda client: client.get(self._keys.words_version))
        return version

    async def repeat_words(self, words: Mapping[str, Said]) -> None:
        """Tells a Redis that has lost its memory what operators had said. StoreError."""
        await write_words(self._link, self._keys, words, of_records=False)
