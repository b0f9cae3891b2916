"""Owns the composition of one serving process: the only place that names implementations for `serve`.

Starts in order of need, ends in reverse; holds the loops that no exchange owns (policy watch, slot leases, presence).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

from proxy import __version__
from proxy.admin.app import admin_app
from proxy.admission.quota import Concurrency
from proxy.admission.store import LEASE_US
from proxy.clock import Clock, SystemClock
from proxy.dialects.estimate import Estimator
from proxy.errors import StillgateError, StoreError, UsageError
from proxy.events.log import ExchangeLog, Rotation
from proxy.handlers import Handler
from proxy.identity.geo import Geo
from proxy.identity.resolve import Resolver
from proxy.metrics import Metrics
from proxy.observe import Observer
from proxy.pipeline import Pipeline
from proxy.policy.reload import PolicySource
from proxy.policy.shipped import default_policy
from proxy.settings import Settings, split_address
from proxy.stores import Store, open_store
from proxy.tasks import Tasks
from proxy.upstream.client import AiohttpUpstream, ClientOptions
from proxy.upstream.headers import Forwarding

log = logging.getLogger("stillgate")
_MAX_HEADER_BYTES = 32 * 1024
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Placement:
    """Where this process stands among others: alone by default, or one worker of several behind `admin_socket`."""

    registry: CollectorRegistry
    reuse_port: bool = False
    admin_socket: str | None = None

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
        self.placement = placement or Placement.alone()
        self.metrics = Metrics(self.placement.registry)
        self.policies = PolicySource(settings.policy or default_policy())
        self.url = self.admin_url = ""
        self._tasks = Tasks()
        self._resources = contextlib.AsyncExitStack()
        self._draining = False

    async def start(self) -> None:
        """Opens everything and begins to listen. PolicyError, UsageError, OSError where that cannot be."""
        async with contextlib.AsyncExitStack() as opening:
            await self._open(opening)
            self._resources = opening.pop_all()
        self.metrics.ready.set(1)
        log.info("serving", extra={"listen": self.url, "admin": self.admin_url, "policy": self.policies.current.name})

    async def drain(self) -> None:
        """Says 'not ready', then waits until no exchange is open, `drain_seconds` at most."""
        self._draining = self.handler.draining = True
        self.metrics.ready.set(0)
        loop = asyncio.get_running_loop()
        start = loop.time()
        log.info("draining", extra={"open_exchanges": len(self.handler.open)})
        while (elapsed := loop.time() - start) < self.settings.drain_seconds:
            if not self.handler.open and elapsed >= self.settings.drain_notice_seconds:
                return
            await asyncio.sleep(_POLL_SECONDS)
        log.warning("exchanges cut at the end of the drain", extra={"open_exchanges": len(self.handler.open)})
        for _, task in list(self.handler.open.values()):
            task.cancel()

    async def close(self) -> None:
        """Ends listening, settles what is left, closes the rest. Safe after a failed start."""
        await self._resources.aclose()

    async def exposition(self) -> bytes:
        self.store.observe(self.metrics)
        return generate_latest(self.placement.registry)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        status = self.policies.status
        ready = not self._draining
        return ready, {
            "ready": ready,
            "draining": self._draining,
            "open_exchanges": len(self.handler.open),
            "store": self.store.state,
            "policy": {
                "name": self.policies.current.name,
                "sha256": self.policies.current.sha256,
                "last_reload_successful": status.success,
                "issues": [str(issue) for issue in status.issues],
            },
        }

    async def reload(self) -> tuple[bool, dict[str, Any]]:
        """Reads the policy again; see `Status.reload`."""
        await asyncio.to_thread(self.policies.reload, self.clock.wall_us())
        self._policy_changed()
        _, detail = await self.readiness()
        return self.policies.status.success, detail

    async def _open(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self.settings
        self.policies.load(self.clock.wall_us())
        self.store = await stack.enter_async_context(open_store(settings, self.clock, self.metrics))
        stack.push_async_callback(self._tasks.close)
        self._policy_changed()
        upstream = AiohttpUpstream(
            ClientOptions(
                settings.upstream, settings.connect_timeout_seconds, settings.idle_timeout_seconds, settings.upstream_ca
            )
        )
        stack.push_async_callback(upstream.close)
        self.handler = Handler(
            pipeline=Pipeline(self.policies, await self._resolver(self.store), Estimator(), self.store.buckets),
            upstream=upstream,
            forwarding=Forwarding(urlsplit(settings.upstream).netloc, settings.upstream_key),
            observer=Observer(self.metrics, self.clock, self._exchange_log(stack)),
            clock=self.clock,
            tasks=self._tasks,
            max_body_bytes=settings.max_body_mb * 2**20,
        )
        self.url = await self._listen(stack)
        self.admin_url = await self._listen_admin(stack)
        self.metrics.build_info.labels(__version__).set(1)
        _ = self._tasks.spawn_endless(self._watch_policy(), "watch policy")
        _ = self._tasks.spawn_endless(self._renew_slots(), "renew slots")
        _ = self._tasks.spawn_endless(self._measure_lag(), "measure lag")

    async def _resolver(self, store: Store) -> Resolver:
        settings = self.settings
        if settings.hash_key:
            key = settings.hash_key.encode()
        else:
            try:
                key = await store.shared_secret("hash-key") or secrets.token_bytes(32)
            except StoreError as fault:
                raise UsageError(
                    f"--store {urlsplit(settings.store).hostname}: {fault}; "
                    "start it first, or give --hash-key so that stillgate can start without it"
                ) from fault
        files = [Path(name) if name else None for name in (settings.geoip_asn, settings.geoip_country)]
        return Resolver(key, Geo(*files) if any(files) else None)

    def _exchange_log(self, stack: contextlib.AsyncExitStack) -> ExchangeLog | None:
        settings = self.settings
        if not settings.exchange_log:
            return None
        rotation = Rotation(settings.exchange_log_max_mb * 2**20, settings.exchange_log_max_hours * 3_600_000_000)
        exchange_log = ExchangeLog(
            Path(settings.exchange_log),
            rotation,
            self.clock.wall_us,
            self.metrics.log_written.inc,
            self.metrics.log_dropped.inc,
        )
        stack.callback(exchange_log.close)
        return exchange_log

    async def _listen(self, stack: contextlib.AsyncExitStack) -> str:
        host, port = split_address(self.settings.listen, "--listen")
        server = web.Server(
            self.handler,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_HEADER_BYTES,
            max_field_size=_MAX_HEADER_BYTES,
        )
        runner = web.ServerRunner(server, handle_signals=False)
        return await _bound(stack, runner, host, port, self.placement.reuse_port)

    async def _listen_admin(self, stack: contextlib.AsyncExitStack) -> str:
        runner = web.AppRunner(admin_app(self), access_log=None)
        if self.placement.admin_socket is not None:
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.UnixSite(runner, self.placement.admin_socket).start()
            return self.placement.admin_socket
        host, port = split_address(self.settings.admin, "--admin")
        return await _bound(stack, runner, host, port, False)

    async def _watch_policy(self) -> None:
        signature = await asyncio.to_thread(self.policies.signature)
        while True:
            await asyncio.sleep(self.settings.reload_seconds)
            seen = await asyncio.to_thread(self.policies.signature)
            if seen != signature:
                signature = seen
                await self.reload()

    async def _renew_slots(self) -> None:
        while True:
            await asyncio.sleep(LEASE_US / 3e6)
            held = [
                exchange.reservation
                for exchange, _ in self.handler.open.values()
                if exchange.reservation is not None
                and any(isinstance(claim.limit, Concurrency) for claim in exchange.reservation.claims)
            ]
            with contextlib.suppress(StoreError):
                await self.store.buckets.renew(held)

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(1.0)
            self.metrics.loop_lag.observe(max(loop.time() - before - 1.0, 0.0))

    def _policy_changed(self) -> None:
        policy, status, metrics = self.policies.current, self.policies.status, self.metrics
        self.store.set_mode(policy.on_store_failure)
        metrics.policy_reloads.labels("accepted" if status.success else "refused").inc()
        metrics.policy_reload_ok.set(int(status.success))
        if not status.success:
            log.error("policy refused, the last good one stays", extra={"issues": [str(i) for i in status.issues]})
            return
        metrics.policy_info.clear()
        metrics.policy_info.labels(policy.name, policy.sha256[:12]).set(1)
        metrics.policy_loaded_at.set(status.loaded_at_us / 1e6)
        for kind, rules in (("quota", policy.quotas), ("access", policy.access)):
            metrics.policy_rules.labels(kind).set(len(rules))
        log.info("policy in force", extra={"policy": policy.name, "sha256": policy.sha256})


async def _bound(
    stack: contextlib.AsyncExitStack, runner: web.BaseRunner, host: str, port: int, reuse_port: bool
) -> str:
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, host, port, reuse_port=reuse_port or None)
    try:
        await site.start()
    except OSError as fault:
        raise UsageError(f"cannot listen on {host}:{port}: {fault.strerror or fault}") from fault
    address = runner.addresses[0]
    shown = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"http://{shown}:{address[1]}"


def serve(settings: Settings, placement: Placement | None = None) -> int:
    """Serves until SIGTERM or SIGINT; the exit code."""
    try:
        return asyncio.run(_serve(settings, placement))
    except StillgateError:
        raise
    except OSError as fault:
        raise UsageError(str(fault)) from fault


async def _serve(settings: Settings, placement: Placement | None) -> int:
    proxy = Proxy(settings, placement)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    if (parent := multiprocessing.parent_process()) is not None:
        # A worker whose supervisor is gone has nobody left to report to.
        loop.add_reader(parent.sentinel, ended.set)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, ended.set)
    tasks = Tasks()
    loop.add_signal_handler(signal.SIGHUP, lambda: tasks.spawn(proxy.reload(), "reload"))
    await proxy.start()
    try:
        await ended.wait()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(signal_number)
        await proxy.drain()
    finally:
        await tasks.close()
        await proxy.close()
    return 0
