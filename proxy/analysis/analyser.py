"""Owns the analyser's work: follows the stream, and while it holds the lease publishes what it finds.

A standby does the same but for publishing, so that it is as warm as the leader. Whoever gains the lease first catches
up with the stream, and then goes on with the campaigns that are published.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from proxy.analysis.follower import START, Analyst, Follower, Tally
from proxy.analysis.keys import Keys
from proxy.analysis.lease import Lease
from proxy.analysis.link import Link
from proxy.analysis.news import CampaignNews
from proxy.analysis.publisher import Publisher
from proxy.analysis.stream import Extent, Stream
from proxy.analysis.succession import Succession
from proxy.analysis.wire import Checkpoint, Said, is_id, order_of
from proxy.errors import StoreError
from proxy.verdict.campaign import Campaign

log = logging.getLogger("stillgate.analyser")
LOOK_SECONDS = 0.5
"""Between looks at what operators have said, and at the length of the stream."""
PUBLISH_SECONDS = 0.5
SAVE_SECONDS = 10.0
SAVE_SHARE = 20
"""Between two savings of the state pass at least so many times what the last one took."""
RETRY_SECONDS = 0.25


class Watcher(Protocol):
    """Who is told what the analyser does."""

    def judged(self, seconds: float) -> None: ...

    def looked(self, analyser: Analyser) -> None:
        """Told twice a second."""

    def published(self, campaigns: int) -> None: ...

    def saved(self, size: int, kept: bool) -> None:
        """The state was written, or is larger than what may be kept."""


class Analysts(Protocol):
    """Where analysts come from."""

    def begin(self) -> Analyst: ...

    def restored(self, state: bytes) -> Analyst: ...


class Analyser:
    """One process's. `seconds` reads a stopwatch; `most_state_bytes` is what a saved state may take of Redis."""

    def __init__(
        self,
        link: Link,
        keys: Keys,
        analysts: Analysts,
        lease: Lease,
        watcher: Watcher,
        *,
        seconds: Callable[[], float],
        most_state_bytes: int,
    ) -> None:
        self.lease = lease
        self.tally = Tally()
        self.extent = Extent(START, 0, 0)
        self.lag_seconds = 0.0
        """Between the end of the stream and what has been observed."""
        self.is_up = False
        """Redis has answered the last question."""
        self._stream = Stream(link, keys)
        self._publisher = Publisher(link, keys, lease.token)
        self._analysts = analysts
        self._watcher = watcher
        self._seconds = seconds
        self._most_state_bytes = most_state_bytes
        self.follower = self._follower(analysts.begin())
        self._is_begun = False
        self._words: dict[str, Said] = {}
        self._words_version: bytes | None = None
        self._succession = Succession()
        self._news = CampaignNews(seconds)
        self._term = 0
        self._target: str | None = None
        self._is_news = False
        self._look_at = self._publish_at = self._save_at = 0.0

    @property
    def is_leading(self) -> bool:
        """It holds the lease, and has taken over."""
        return self.lease.is_held and self._term == self.lease.term and self._target is None

    @property
    def lag_events(self) -> int:
        """Events appended that it has not observed, as of the last look."""
        return max(self.extent.events - self.follower.events, 0)

    async def run(self, ended: Callable[[], bool]) -> None:
        """Until `ended` says so, after the turn that is under way. The lease is kept by somebody else."""
        is_told = False
        while not ended():
            try:
                await self.turn()
                is_told = False
            except StoreError as fault:
                self.is_up = False
                if not is_told:
                    log.warning("the store is away", extra={"fault": str(fault)})
                is_told = True
                await asyncio.sleep(RETRY_SECONDS)

    async def turn(self) -> None:
        """Takes in what is there to be read, and does what is due. StoreError."""
        if not self._is_begun:
            await self._restore()
            self._is_begun = True
        read = await self._stream.read(self.follower.position)
        self.is_up = True
        # In a thread, because the lease has to be renewed and the pages served while an analyst thinks.
        self._is_news |= await asyncio.to_thread(self.follower.take, read.entries)
        if read.is_end:
            self._is_news |= await asyncio.to_thread(self.follower.reach, read.now_us)
        self.lag_seconds = 0.0 if read.is_end else max(read.now_us - self.follower.moment_us, 0) / 1e6
        if self._seconds() >= self._look_at:
            await self._look()
        if self.lease.is_held:
            await self._lead()

    async def hand_over(self) -> None:
        """Publishes and saves what there is, and gives the lease back. StoreError."""
        if self.is_leading:
            await self._publish()
            await self._save()
        await self.lease.release()

    async def _look(self) -> None:
        self._look_at = self._seconds() + LOOK_SECONDS
        self.extent = await self._stream.extent()
        if order_of(self.extent.last) < order_of(self.follower.position):
            log.warning("the stream has begun anew")
            self.follower.restart()
        version = await self._publisher.words_version()
        if version != self._words_version and version is not None:
            self._words = await self._publisher.words()
            self._words_version = version
            await asyncio.to_thread(self._say)
            self._is_news = True
        self._watcher.looked(self)

    async def _lead(self) -> None:
        if self._term != self.lease.term:
            await self._begin_term()
        if self._target is not None:
            await self._take_over(self._target)
        if self._target is not None:
            return
        now = self._seconds()
        if (self._is_news or self._succession.inherited) and now >= self._publish_at:
            await self._publish()
        if now >= self._save_at:
            await self._save()

    async def _begin_term(self) -> None:
        self._target = (await self._stream.extent()).last
        self._term = self.lease.term
        log.info("took the lease")

    async def _take_over(self, target: str) -> None:
        if order_of(self.follower.position) < order_of(target):
            return
        published = await self._publisher.published()
        await self._recall_words()
        found = await asyncio.to_thread(self.follower.analyst.campaigns)
        self._succession.take_over(published, found)
        self._news.know(published.values())
        self._target, self._is_news, self._save_at = None, True, self._seconds() + SAVE_SECONDS
        inherited = len(self._succession.inherited)
        log.info("leading", extra={"campaigns": len(published), "inherited": inherited})

    async def _recall_words(self) -> None:
        """A Redis that has lost its memory is told again what operators had said."""
        if not await self._publisher.words() and self._words:
            await self._publisher.repeat_words(self._words)

    async def _restore(self) -> None:
        """Goes on from the state that was saved last, if there is one."""
        saved = await self._publisher.saved()
        if saved is None:
            return
        if not is_id(saved.position):
            log.warning("the saved state names no place in the stream: starting without it")
            return
        try:
            analyst = await asyncio.to_thread(self._analysts.restored, saved.state)
        except Exception:
            log.exception("the saved state cannot be read: starting without it")
            return
        self.follower = self._follower(analyst, saved)

    async def _publish(self) -> None:
        self._publish_at = self._seconds() + PUBLISH_SECONDS
        campaigns = await asyncio.to_thread(self._campaigns)
        if await self._publisher.publish(campaigns):
            self._is_news = False
            self._watcher.published(len(campaigns))
            self._news.tell(campaigns)
        else:
            self._fenced()

    def _campaigns(self) -> list[Campaign]:
        self._say()
        follower = self.follower
        return self._succession.as_published(follower.analyst.campaigns(), self._words, follower.moment_us)

    def _say(self) -> None:
        self.follower.say(self._succession.own_words(self._words))

    async def _save(self) -> None:
        began, follower = self._seconds(), self.follower
        state = await asyncio.to_thread(follower.analyst.state)
        if len(state) > self._most_state_bytes:
            self._watcher.saved(len(state), False)
        elif await self._publisher.save(Checkpoint(state, follower.position, follower.events, follower.held)):
            self._watcher.saved(len(state), True)
        else:
            self._fenced()
        now = self._seconds()
        self._save_at = now + max(SAVE_SECONDS, SAVE_SHARE * (now - began))

    def _fenced(self) -> None:
        log.warning("another analyser leads")
        self.lease.lost()

    def _follower(self, analyst: Analyst, saved: Checkpoint | None = None) -> Follower:
        place = saved or Checkpoint(b"", START, 0)
        return Follower(
            analyst,
            place.position,
            place.events,
            self.tally,
            held=place.held,
            seconds=self._seconds,
            on_judged=self._watcher.judged,
        )
