"""Owns which detection a process uses, and how it reaches the operators and the metrics. Part of the composition.

With the memory store the analyst lives in this process; where replicas share a Redis they tell it what happens, and
`stillgate analyse` tells them what it found.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from proxy.analysis.desk import RedisDesk
from proxy.analysis.in_process import ServingAnalyst, feed
from proxy.analysis.keys import Keys
from proxy.analysis.link import Link
from proxy.analysis.local_desk import LocalDesk
from proxy.analysis.news import CampaignNews
from proxy.analysis.remote import RemoteDetection
from proxy.analysis.state_file import StateFile
from proxy.clock import Clock, unique_id
from proxy.detection import Detection, LocalDetection
from proxy.errors import UsageError
from proxy.events.sketching import Sketcher
from proxy.metrics.analysis import AnalystMetrics
from proxy.metrics.exchanges import Metrics, observe_campaigns
from proxy.policy.campaigns import expiry_of
from proxy.policy.match import Policy
from proxy.quiet import Reads
from proxy.redis_place import key_prefix
from proxy.settings import Settings
from proxy.tasks import Tasks
from proxy.verdict.campaign import Level
from proxy.verdict.desk import CampaignDesk
from proxy.verdict.snapshot import Snapshot

log = logging.getLogger("stillgate.detection")
SAVE_SECONDS = 60.0
LOOK_SECONDS = 1.0
"""Between looks whether a level has changed, which is saved at once."""


class Detecting(Protocol):
    """Detection as a process has it: always there, and asked only where the policy in force has campaigns."""

    @property
    def detection(self) -> Detection: ...

    @property
    def desk(self) -> CampaignDesk: ...

    def follow(self, policy: Policy) -> None:
        """Another policy is in force."""

    def observe(self) -> None:
        """Brings the metrics up to date."""


@asynccontextmanager
async def open_detection(
    settings: Settings, policy: Policy, clock: Clock, metrics: Metrics, sketcher: Sketcher | None, reads: Reads
) -> AsyncIterator[Detecting]:
    """The detection that goes with the store of the settings, closed at the end. UsageError.

    `sketcher` is None where others need every exchange's content as well. `reads`: whom detection lets go first.
    """
    if settings.store.startswith("memory:"):
        async with _in_process(settings, policy, clock, metrics, sketcher, reads) as in_process:
            yield in_process
    else:
        async with _through_redis(settings, clock, metrics) as through_redis:
            yield through_redis


class InProcess:
    """The analyst in this process, and the file that it may be kept in."""

    def __init__(
        self,
        analyst: ServingAnalyst,
        clock: Clock,
        metrics: Metrics,
        file: StateFile | None,
        sketcher: Sketcher | None = None,
    ) -> None:
        self._analyst = analyst
        self._clock = clock
        self._metrics = metrics
        self._analyst_metrics = AnalystMetrics(metrics.registry)
        self._file = file
        # One thread, so that states reach the file in the order in which they were.
        self._disk = ThreadPoolExecutor(1, "save campaigns")
        self._saves = True
        self._told = self._told_faults = 0

        def seconds() -> float:
            return clock.monotonic_us() / 1e6

        analyst.watch(seconds, self._analyst_metrics.judge.observe)
        self._news = CampaignNews(seconds)
        self._news.know(analyst.campaigns())
        self.detection = LocalDetection(analyst, sketcher)
        self.detection.renew()
        self._saved = self._levels()
        self.desk = LocalDesk(analyst, self.detection.renew, self._write)

    def follow(self, policy: Policy) -> None:
        self._analyst.expires_after_us = expiry_of(policy)

    def observe(self) -> None:
        found = self._analyst.campaigns()
        observe_campaigns(self._metrics, found)
        self._news.tell(found)

    def fed(self) -> None:
        """What happened up to now has been taken in."""
        analyst, metrics = self._analyst, self._analyst_metrics
        if (news := analyst.observed - self._told) > 0:
            metrics.events.inc(news)
            metrics.lag.set(max(self._clock.wall_us() - analyst.last_us, 0) / 1e6)
            self._told = analyst.observed
        self._metrics.detection_faults.inc(analyst.faults - self._told_faults)
        self._told_faults = analyst.faults

    async def keep(self, look_seconds: float, save_seconds: float) -> None:
        """For ever: saves the state when a look finds another verdict, and every so many seconds what was counted."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(save_seconds):
                    await self._changed(look_seconds)
            await self.save()

    async def save(self) -> None:
        """Writes the state, if it has a file. A disk that fails is told of once until it heals."""
        try:
            await self._write()
        except OSError as fault:
            self._metrics.state_failures.inc()
            if self._saves and self._file is not None:
                log.exception("campaigns cannot be saved", exc_info=fault, extra={"state": str(self._file.path)})
            self._saves = False
        else:
            self._saves = True

    async def end(self) -> None:
        """Takes in and saves what is left."""
        self.detection.campaigns(self._clock.wall_us())
        self.fed()
        self.observe()
        await self.save()
        self._disk.shutdown()

    async def _changed(self, look_seconds: float) -> None:
        while True:
            await asyncio.sleep(look_seconds)
            if self._levels() != self._saved:
                return

    async def _write(self) -> None:
        """Writes the state, if it has a file. OSError."""
        if self._file is None:
            return
        levels, state = self._levels(), self._analyst.state()
        await asyncio.get_running_loop().run_in_executor(self._disk, self._file.write, state)
        self._saved = levels

    def _levels(self) -> dict[str, Level]:
        return {name: campaign.level for name, campaign in self.detection.judged.campaigns.items()}


class ThroughRedis:
    """The way to an analyser that all replicas share."""

    def __init__(self, detection: RemoteDetection, desk: RedisDesk, clock: Clock, metrics: Metrics) -> None:
        self.detection = detection
        self.desk = desk
        self._clock = clock
        self._metrics = metrics

    def follow(self, policy: Policy) -> None:
        """How long campaigns last is the analyser's to know."""

    def observe(self) -> None:
        observe_campaigns(self._metrics, self.detection.campaigns(self._clock.wall_us()))


@asynccontextmanager
async def _in_process(
    settings: Settings, policy: Policy, clock: Clock, metrics: Metrics, sketcher: Sketcher | None, reads: Reads
) -> AsyncIterator[Detecting]:
    file = StateFile(Path(settings.state)) if settings.state else None
    analyst = ServingAnalyst(expiry_of(policy)) if file is None else restored(file, expiry_of(policy))
    detecting = InProcess(analyst, clock, metrics, file, sketcher)
    async with contextlib.AsyncExitStack() as stack:
        tasks = Tasks()
        stack.push_async_callback(detecting.end)
        stack.push_async_callback(tasks.close)
        _ = tasks.spawn_endless(feed(detecting.detection, detecting.fed, reads), "feed the analyst")
        if file is not None:
            _ = tasks.spawn_endless(detecting.keep(LOOK_SECONDS, SAVE_SECONDS), "save campaigns")
        yield detecting


@asynccontextmanager
async def _through_redis(settings: Settings, clock: Clock, metrics: Metrics) -> AsyncIterator[Detecting]:
    link, keys = Link(settings.store, settings.store_password), Keys(key_prefix(settings.store_prefix))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(link.close)
        detection = RemoteDetection(
            link,
            keys,
            unique_id("r-"),
            clock.wall_us,
            stream_bytes=settings.stream_mb * 2**20,
            on_sent=metrics.events_sent.inc,
            on_dropped=metrics.events_dropped.inc,
        )
        await detection.start()
        stack.push_async_callback(detection.close)
        yield ThroughRedis(detection, RedisDesk(link, keys, clock.wall_us, detection), clock, metrics)


def restored(file: StateFile, expires_after_us: int) -> ServingAnalyst:
    """The analyst whose state is in `file`; a new one where there is none, or none that can be understood.

    UsageError where the file cannot be read or written.
    """
    try:
        analyst = _recalled(file, expires_after_us)
        file.write(analyst.state())
    except OSError as fault:
        raise UsageError(f"--state {file.path}: cannot be read and written: {fault.strerror or fault}") from fault
    return analyst


def _recalled(file: StateFile, expires_after_us: int) -> ServingAnalyst:
    if (state := file.read()) is None:
        return ServingAnalyst(expires_after_us)
    try:
        analyst = ServingAnalyst.restored(state, expires_after_us)
        assert isinstance(analyst, ServingAnalyst)
        found = Snapshot(analyst.campaigns()).campaigns
    except Exception as fault:
        # Whatever another version or a broken disk has left there: it is better to serve without it.
        told = {"state": str(file.path), "kept_as": str(file.put_aside()), "fault": str(fault)}
        log.warning("the campaigns of the last run cannot be read; starting without them", extra=told)
        return ServingAnalyst(expires_after_us)
    log.info("campaigns of the last run restored", extra={"state": str(file.path), "campaigns": len(found)})
    return analyst
