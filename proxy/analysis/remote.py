"""Owns detection as a replica has it that shares a Redis: events go out beside the path, verdicts come back.

A Redis that is away costs events, once the queue is full, and news of verdicts; it never costs an exchange anything.
Verdicts stay in force until they expire, whether or not anybody is there to renew them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from redis.asyncio import Redis

from proxy.analysis.keys import Keys
from proxy.analysis.link import Link, Script
from proxy.analysis.outbox import Batch, Outbox
from proxy.analysis.wire import Said, verdicts_of, words_of
from proxy.analysis.words import NEVER_US, ends_us, in_force, under
from proxy.detection import Noted
from proxy.errors import StoreError
from proxy.events.sketching import Unsketched
from proxy.tasks import Tasks
from proxy.verdict.campaign import Campaign
from proxy.verdict.snapshot import NOBODY, Snapshot

log = logging.getLogger("stillgate.detection")
SEND_SECONDS = 0.1
POLL_SECONDS = 0.5
RETRY_SECONDS = 0.5
FLUSH_SECONDS = 1.0
"""What is left at the end may take to be sent."""
MARK_SECONDS = 600
STREAM_BYTES = 64 * 2**20
"""Of events that Redis keeps for the analyser."""

_APPEND = Script("append")


class RemoteDetection:
    """A Detection; `start` it on the event loop that it is used on. `replica_id` is nobody else's.

    `now_us` tells the time that verdicts expire by. `on_sent` and `on_dropped` are told numbers of events.
    """

    reads_content = True
    sketches = False

    def __init__(
        self,
        link: Link,
        keys: Keys,
        replica_id: str,
        now_us: Callable[[], int],
        *,
        stream_bytes: int = STREAM_BYTES,
        on_sent: Callable[[int], None] = lambda count: None,
        on_dropped: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._link = link
        self._keys = keys
        self._append_keys = (keys.stream, keys.totals, keys.sender(replica_id))
        self._now_us = now_us
        self._stream_bytes = stream_bytes
        self._on_sent = on_sent
        self._on_dropped = on_dropped
        self._outbox = Outbox()
        self._full = asyncio.Event()
        self._tasks = Tasks()
        self._is_up = True
        self._versions: tuple[bytes | None, bytes | None] = (None, None)
        self._campaigns: list[Campaign] = []
        self.words: dict[str, Said] = {}
        """What operators have said, as far as it was ever read here."""
        self._snapshot = NOBODY
        self._until_us = NEVER_US

    def snapshot(self, now_us: int) -> Snapshot:
        """The verdicts in force for an exchange that arrives at `now_us`."""
        if now_us >= self._until_us:
            self._snapshot, self._until_us = in_force(self._campaigns, self.words, now_us)
        return self._snapshot

    def note(self, noted: Noted) -> None:
        """Takes in what happened; never waits, never fails."""
        assert not isinstance(noted, Unsketched)
        if not self._outbox.add(noted):
            self._on_dropped(1)
        if self._outbox.is_batch_full:
            self._full.set()

    def campaigns(self, now_us: int) -> list[Campaign]:
        """The verdicts that have not expired, as the operators have them; released ones are among them."""
        said = [under(self.words, campaign) for campaign in self._campaigns]
        return [campaign for campaign in said if ends_us(campaign) > now_us]

    async def start(self) -> None:
        """Fetches the verdicts, if Redis is there to be asked, and begins to send and to follow."""
        await self._refresh()
        _ = self._tasks.spawn_endless(self._send_forever(), "send events")
        _ = self._tasks.spawn_endless(self._follow_verdicts(), "follow verdicts")

    async def close(self) -> None:
        """Sends what is left if that goes quickly. The link stays open."""
        await self._tasks.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._send_all()

    async def _send_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), SEND_SECONDS)
            self._full.clear()
            if not await self._send_all():
                await asyncio.sleep(RETRY_SECONDS)

    async def _send_all(self) -> bool:
        while (batch := self._outbox.batch()) is not None:
            try:
                await self._send(batch)
            except StoreError as fault:
                self._told_away(fault)
                return False
            self._outbox.delivered()
            self._on_sent(batch.count)
        return True

    async def _send(self, batch: Batch) -> None:
        arguments = (batch.serial, batch.count, batch.data, self._stream_bytes, MARK_SECONDS)
        await self._link.run(_APPEND, self._append_keys, arguments)
        self._is_up = True

    async def _follow_verdicts(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self._refresh()

    async def _refresh(self) -> None:
        try:
            await self._fetch()
        except StoreError as fault:
            self._told_away(fault)
        except (msgspec.MsgspecError, ValueError):
            # Another version of stillgate wrote them, and knows better; what is known here stays until it expires.
            log.exception("verdicts cannot be read")

    async def _fetch(self) -> None:
        keys = self._keys
        seen = await self._link.ask(lambda client: client.mget(keys.verdicts_version, keys.words_version))
        if tuple(seen) == self._versions:
            return
        versions, payload, words = await self._link.ask(self._ask_all)
        campaigns, said = self._campaigns, self.words
        if payload is not None:  # else Redis has lost its memory, and the analyser will tell it again
            campaigns = await asyncio.to_thread(verdicts_of, payload)
        # None is ever deleted: a word that is not there any more was lost with Redis' memory.
        said = said | words_of(words)
        self._snapshot, self._until_us = await asyncio.to_thread(in_force, campaigns, said, self._now_us())
        self._campaigns, self.words = campaigns, said
        self._versions = versions[0], versions[1]

    async def _ask_all(self, client: Redis) -> list[Any]:
        async with client.pipeline(transaction=True) as pipe:
            _ = pipe.mget(self._keys.verdicts_version, self._keys.words_version)
            _ = pipe.get(self._keys.verdicts)
            _ = pipe.hgetall(self._keys.words)
            return await pipe.execute()

    def _told_away(self, fault: StoreError) -> None:
        if self._is_up:
            log.warning("detection has no store: events wait, verdicts stay as they are", extra={"fault": str(fault)})
        self._is_up = False
