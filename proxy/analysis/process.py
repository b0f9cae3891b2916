"""Owns the process of `stillgate analyse`: its composition, its pages, its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from proxy.analysis.analyser import Analyser, Analysts
from proxy.analysis.analysts import PolicyAnalysts
from proxy.analysis.follower import Tally
from proxy.analysis.keys import Keys
from proxy.analysis.lease import Lease
from proxy.analysis.link import Link
from proxy.clock import Clock, SystemClock, unique_id
from proxy.errors import StoreError
from proxy.handlers.server import listen, url_of
from proxy.metrics.analysis import AnalyserMetrics
from proxy.redis_place import key_prefix
from proxy.settings import AnalyserSettings
from proxy.tasks import Tasks

log = logging.getLogger("stillgate.analyser")
_CLOSE_SECONDS = 1.0


class AnalyserProcess:
    """One analysing process. `start`, then wait for `failed` or the wish to end, then `close`."""

    def __init__(self, settings: AnalyserSettings, analysts: Analysts, clock: Clock) -> None:
        self._settings = settings
        self._analysts = analysts
        self._clock = clock
        self._resources = contextlib.AsyncExitStack()
        self._tasks = Tasks()
        self._ending = asyncio.Event()
        self.url = ""
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.watcher = MetricsWatcher(AnalyserMetrics(self.registry), self._clock)

    async def start(self) -> asyncio.Task[None]:
        """Opens everything and begins; the task of the work. UsageError where that cannot be."""
        settings = self._settings
        async with contextlib.AsyncExitStack() as stack:
            link = Link(settings.store, settings.store_password)
            stack.push_async_callback(link.close)
            keys = Keys(key_prefix(settings.store_prefix))
            lease = Lease(link, keys, unique_id("a-"), self._seconds)
            self.analyser = Analyser(
                link,
                keys,
                self._analysts,
                lease,
                self.watcher,
                seconds=self._seconds,
                most_state_bytes=settings.state_mb * 2**20,
            )
            stack.push_async_callback(self._tasks.close)
            pages = web.AppRunner(self._pages(), access_log=None, shutdown_timeout=_CLOSE_SECONDS)
            await listen(stack, pages, settings.metrics_listen, "--metrics-listen")
            self.url = url_of(pages)
            _ = self._tasks.spawn_endless(lease.keep(), "keep lease")
            self._work = self._tasks.spawn(self.analyser.run(self._ending.is_set), "analyse")
            self._resources = stack.pop_all()
        log.info("serving", extra={"listen": self.url, "admin": self.url})
        return self._work

    async def close(self) -> None:
        """Ends the turn that is under way, hands over, closes the rest."""
        self._ending.set()
        await asyncio.wait([self._work])
        with contextlib.suppress(StoreError):  # then the lease lapses by itself
            await self.analyser.hand_over()
        await self._resources.aclose()

    def _seconds(self) -> float:
        return self._clock.monotonic_us() / 1e6

    def _pages(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._index)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        return app

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text="stillgate analyser: /metrics  /livez  /readyz\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        self.watcher.looked(self.analyser)
        body = generate_latest(self.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        analyser = self.analyser
        ready = analyser.is_up and not self._ending.is_set()
        detail: dict[str, Any] = {
            "ready": ready,
            "role": "leader" if analyser.is_leading else "standby",
            "lag_events": analyser.lag_events,
            "lag_seconds": round(analyser.lag_seconds, 3),
            "store": "up" if analyser.is_up else "away",
        }
        text = json.dumps(detail, indent=2) + "\n"
        return web.Response(status=200 if ready else 503, text=text, content_type="application/json")


class MetricsWatcher:
    """A Watcher that moves the metrics."""

    def __init__(self, metrics: AnalyserMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._told = Tally()

    def judged(self, seconds: float) -> None:
        self._metrics.analyst.judge.observe(seconds)

    def looked(self, analyser: Analyser) -> None:
        metrics, tally, told = self._metrics, analyser.tally, self._told
        metrics.up.set(int(analyser.is_up))
        metrics.leading.set(int(analyser.is_leading))
        metrics.analyst.lag.set(analyser.lag_seconds)
        metrics.lag_events.set(analyser.lag_events)
        metrics.stream_entries.set(analyser.extent.entries)
        now = Tally(tally.observed, tally.lost, tally.faults)  # the analyst goes on counting in its thread
        metrics.analyst.events.inc(now.observed - told.observed)
        metrics.lost.inc(now.lost - told.lost)
        metrics.faults.inc(now.faults - told.faults)
        self._told = now

    def published(self, campaigns: int) -> None:
        self._metrics.campaigns.set(campaigns)

    def saved(self, size: int, kept: bool) -> None:
        self._metrics.state_bytes.set(size)
        if kept:
            self._metrics.state_saved_at.set(self._clock.wall_us() / 1e6)
        else:
            log.warning("the state is larger than --state-mb and was not saved", extra={"bytes": size})


def analyse(settings: AnalyserSettings) -> int:
    """Analyses until SIGTERM or SIGINT; the exit code. PolicyError and UsageError where it cannot begin."""
    return asyncio.run(_analyse(settings))


async def _analyse(settings: AnalyserSettings) -> int:
    clock = SystemClock()
    analysts = PolicyAnalysts(settings.policy, clock)
    process = AnalyserProcess(settings, analysts, clock)
    ended, loop, tasks = asyncio.Event(), asyncio.get_running_loop(), Tasks()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: tasks.spawn(analysts.reload(), "reload"))
    work = await process.start()
    work.add_done_callback(lambda _: ended.set())
    await ended.wait()
    failed = work.done()  # `Tasks` has told why; whoever started this process starts another
    await tasks.close()
    await process.close()
    return int(failed)
