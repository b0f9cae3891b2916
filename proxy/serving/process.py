"""Owns the composition of one serving process: the only place that names implementations for `serve`.

Starts in order of need, ends in reverse; holds the loops that no exchange owns (slot leases, measuring).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

from proxy import __version__
from proxy.admin.app import admin_app
from proxy.admin.campaigns import answer
from proxy.admin.policy_keeper import PolicyKeeper
from proxy.admission.store import LEASE_US
from proxy.clock import Clock, SystemClock, Ticks
from proxy.dialects.estimate import Estimator
from proxy.events.log import ExchangeLog, open_log
from proxy.events.sketching import Sketcher
from proxy.handlers.asking import Asking
from proxy.handlers.bodies import Bodies
from proxy.handlers.handler import Handler
from proxy.handlers.server import ClientServer, listen, url_of
from proxy.handlers.unread import Unpacking
from proxy.identity.geo import Geo
from proxy.identity.resolve import Resolver
from proxy.metrics.exchanges import Metrics
from proxy.metrics.replica import ReplicaMetrics
from proxy.observe import Observer
from proxy.pipeline import Pipeline
from proxy.policy.last_good import LastGood
from proxy.policy.reload import PolicySource
from proxy.policy.shipped import default_policy
from proxy.quiet import Reads
from proxy.serving.detection import open_detection
from proxy.serving.runtime import open_files
from proxy.serving.store import open_store
from proxy.settings import Settings
from proxy.simulate.asked import explained
from proxy.simulate.lines import BadLineError
from proxy.tasks import Tasks
from proxy.upstream.client import ClientOptions, HttpUpstream
from proxy.upstream.headers import Forwarding
from proxy.upstream.stream_usage import StreamUsage

log = logging.getLogger("stillgate")
_POLL_SECONDS = 0.05
_CUT_SECONDS = 5.0
"""For exchanges that were cut to settle."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where this process stands among others: alone by default, or one worker of several behind `admin_socket`."""

    registry: CollectorRegistry
    admin_socket: str | None = None
    last_good: LastGood | None = None
    """Of a worker: the policy to begin with where the one on disk is bad by then."""

    @classmethod
    def alone(cls) -> Placement:
        """A process of its own, with its own process metrics."""
        registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        return cls(registry)


class Proxy:
    """One serving process. `start`, then `drain` and `close`; `url` and `admin_url` say where it listens."""

    def __init__(self, settings: Settings, placement: Placement | None = None, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self._ticks = Ticks(self.clock)
        self.placement = placement or Placement.alone()
        self.metrics = Metrics(self.placement.registry)
        # Of several workers their supervisor tells it, who knows also of one that tells nothing.
        self._replica = ReplicaMetrics(self.placement.registry) if self.placement.admin_socket is None else None
        source = PolicySource(settings.policy or default_policy(), self.placement.last_good)
        self.policies = PolicyKeeper(source, self.metrics, self.clock, lends_key=bool(settings.upstream_key))
        self.url = self.admin_url = ""
        self.reads = Reads()
        self._tasks = Tasks()
        self._resources = contextlib.AsyncExitStack()
        self._draining = False

    async def start(self) -> None:
        """Opens everything and begins to listen. PolicyError, UsageError, OSError where that cannot be."""
        async with contextlib.AsyncExitStack() as opening:
            await self._open(opening)
            self._resources = opening.pop_all()
        self._observe()
        message = "serving" if self.placement.admin_socket is None else "worker serving"
        log.info(message, extra={"listen": self.url, "admin": self.admin_url, "policy": self.policies.current.name})

    async def drain(self, hurried: asyncio.Event | None = None) -> None:
        """Says 'not ready', after a notice takes no new connection, and waits until no request is under way.

        `drain_seconds` at most, notice included, or until `hurried`; what is under way then is cut, and settled.
        Harmless to repeat.
        """
        hurried = hurried or asyncio.Event()
        self._draining = self.handler.draining = True
        self._observe()
        log.info("draining", extra={"open_exchanges": len(self.handler.open)})
        settings, under_way, loop = self.settings, self.handler.under_way, asyncio.get_running_loop()
        deadline = loop.time() + settings.drain_seconds
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(hurried.wait(), min(settings.drain_notice_seconds, settings.drain_seconds))
        self._clients.stop()
        # Whatever comes first of three: a poll is simplest, and on thousands of tasks the cheapest.
        while under_way and loop.time() < deadline and not hurried.is_set():  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        if under_way:
            log.warning("exchanges cut at the end of the drain", extra={"open_exchanges": len(self.handler.open)})
            for task in under_way:
                task.cancel()
            await asyncio.wait(under_way, timeout=_CUT_SECONDS)

    async def close(self) -> None:
        """Ends listening, settles what is left, closes the rest. Safe after a failed start."""
        await self._resources.aclose()

    async def exposition(self) -> bytes:
        self._observe()
        return await asyncio.to_thread(generate_latest, self.placement.registry)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        ready = self._ready
        self._observe()  # a worker's supervisor asks before it reads what all workers tell
        return ready, {
            "ready": ready,
            "draining": self._draining,
            "open_exchanges": len(self.handler.open),
            "store": self.store.state,
            "policy": self.policies.told(),
        }

    @property
    def _ready(self) -> bool:
        """Not where every answer would be that the store is lost: another replica may still have it."""
        return not (self._draining or self.store.refuses_all)

    async def reload(self) -> tuple[bool, dict[str, Any]]:
        """Reads the policy again; see `Status.reload`."""
        accepted = await self.policies.reload()
        _, detail = await self.readiness()
        return accepted, detail

    async def explain(self, line: bytes) -> tuple[bool, dict[str, Any]]:
        """What is in force says of one line of the exchange log; see `Status.explain`."""
        try:
            told = await explained(line, self.policies.current, self._resolver, self.store.buckets, self._estimator)
        except BadLineError as fault:
            return False, {"error": f"{fault}; post one line of an exchange log"}
        return True, told.as_json()

    async def campaigns(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """What is known of the campaigns; see `Status.campaigns`."""
        detects = self.policies.current.campaigns is not None
        return await answer(self._detecting.desk if detects else None, method, path, body)

    async def _open(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self.settings
        self.policies.load()
        exchange_log = self._exchange_log(stack)
        self.store = await stack.enter_async_context(open_store(settings, self._ticks, self.metrics))
        hash_key = await self.store.hash_key(settings)
        reads, sketcher = self.reads, Sketcher(hash_key)
        own_sketcher = sketcher if exchange_log is None else None  # a line of the log has the content
        self._detecting = await stack.enter_async_context(
            open_detection(settings, self.policies.current, self.clock, self.metrics, own_sketcher, reads)
        )
        stack.push_async_callback(self._tasks.close)
        self.policies.follow(self.store.follow)
        self.policies.follow(self._detecting.follow)
        upstream = HttpUpstream(
            ClientOptions(
                settings.upstream,
                settings.connect_timeout_seconds,
                settings.idle_timeout_seconds,
                settings.upstream_ca,
                settings.upstream_keepalive_seconds,
            ),
            reads,
        )
        stack.push_async_callback(upstream.close)
        self._resolver, self._estimator = self._make_resolver(hash_key), Estimator()
        self.handler = Handler(
            pipeline=Pipeline(
                self.policies,
                self._resolver,
                self._estimator,
                self.store.buckets,
                detection=self._detecting.detection,
                sketcher=sketcher,
            ),
            asking=Asking(
                upstream,
                Forwarding(
                    urlsplit(settings.upstream).netloc,
                    settings.upstream_key,
                    settings.verdict_key.encode(),
                    passes_attributes=settings.pass_attributes,
                    tells_addresses=settings.pass_addresses,
                ),
                StreamUsage(never=settings.ask_stream_usage == "never"),
                self.clock,
            ),
            observer=Observer(self.metrics, self.clock, exchange_log),
            clock=self.clock,
            ticks=self._ticks,
            unpacking=Unpacking(settings.max_body_mb * 2**20),
            upstream_path=urlsplit(settings.upstream).path.rstrip("/"),
        )
        await self._listen(stack)
        self.metrics.build_info.labels(__version__).set(1)
        self.metrics.upstream_key_lent.set(bool(settings.upstream_key))
        _ = self._tasks.spawn_endless(self.policies.watch(settings.reload_seconds), "watch policy")
        _ = self._tasks.spawn_endless(self._renew_slots(), "renew slots")
        _ = self._tasks.spawn_endless(self._keep_measuring(), "measure")

    def _exchange_log(self, stack: contextlib.AsyncExitStack) -> ExchangeLog | None:
        metrics = self.metrics
        exchange_log = open_log(self.settings, self.clock.wall_us, metrics.log_written.inc, metrics.log_dropped.inc)
        if exchange_log is not None:
            stack.push_async_callback(asyncio.to_thread, exchange_log.close)
        return exchange_log

    def _make_resolver(self, hash_key: bytes) -> Resolver:
        files = [Path(name) if name else None for name in (self.settings.geoip_asn, self.settings.geoip_country)]
        return Resolver(hash_key, Geo(*files) if any(files) else None)

    async def _listen(self, stack: contextlib.AsyncExitStack) -> None:
        settings, admin_socket = self.settings, self.placement.admin_socket
        bodies = Bodies(settings.max_bodies_mb * 2**20, self.clock)
        clients = self._clients = ClientServer(self.handler, open_files(), self.reads, bodies)
        stack.push_async_callback(clients.close, _CUT_SECONDS)
        await clients.listen(settings.listen, "--listen", shared=admin_socket is not None)
        self.url = clients.url
        admin = web.AppRunner(admin_app(self), access_log=None, shutdown_timeout=_CUT_SECONDS)
        if admin_socket is None:
            await listen(stack, admin, settings.admin, "--admin")
            self.admin_url = url_of(admin)
            return
        await admin.setup()
        stack.push_async_callback(admin.cleanup)
        await web.UnixSite(admin, admin_socket).start()
        self.admin_url = admin_socket

    async def _renew_slots(self) -> None:
        while True:
            await asyncio.sleep(LEASE_US / 3e6)
            self._ticks.next_us()
            await self.store.renew_slots([exchange.reservation for exchange in self.handler.open.values()])

    async def _keep_measuring(self) -> None:
        """Once a second, because a worker's supervisor reads its metrics without asking it."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(1.0)
            self.metrics.loop_lag.observe(max(loop.time() - before - 1.0, 0.0))
            self._observe()

    def _observe(self) -> None:
        """Brings the metrics up to date."""
        if self._replica is not None:
            self._replica.tell(self._ready)
        self.handler.observer.tell_metrics()
        self._clients.observe(self.metrics)
        self.store.observe(self.metrics)
        self._detecting.observe()
