"""Owns several serving processes on one port: starts them, has them replaced, and answers for all of them.

The kernel spreads connections over the workers (SO_REUSEPORT). Each worker serves the admin pages on a socket file of
its own; the supervisor serves them to the world by asking all workers, and merges their metrics.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from proxy.admin.app import admin_app
from proxy.clock import SystemClock
from proxy.errors import UsageError
from proxy.handlers.server import listen, url_of
from proxy.metrics.replica import ReplicaMetrics
from proxy.policy.reload import PolicySource
from proxy.policy.shipped import default_policy
from proxy.process_metrics import ProcessGroup
from proxy.serving.worker import Worker
from proxy.settings import Settings, split_address
from proxy.tasks import Tasks

log = logging.getLogger("stillgate.workers")
_POLL_SECONDS = 0.1
_PROBE_SECONDS = 0.7
"""For the workers to answer whoever asks for /readyz or /metrics: Kubernetes' probes wait for a second."""
_KILL_SECONDS = 15.0
"""Beyond its drain, for a worker to end by itself."""
_SILENT = {"ready": False, "error": "worker does not answer"}


def supervise(settings: Settings) -> int:
    """Serves with `settings.workers` processes until SIGTERM or SIGINT; the exit code."""
    with tempfile.TemporaryDirectory(prefix="stillgate-") as folder:
        # Workers inherit it, and prometheus_client decides by it when it is imported.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        return asyncio.run(Supervisor(settings, Path(folder)).run())


class Supervisor:
    """The parent process; itself serves only the admin pages."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._registry = CollectorRegistry()
        self._replica = ReplicaMetrics(self._registry)
        self._replica.tell(False, 0, settings.workers)
        self._workers: list[Worker] = []
        """Those that have been started once."""
        self._ending = asyncio.Event()

    async def run(self) -> int:
        """Serves until told to end; the exit code, which is the first worker's where that cannot serve.

        PolicyError and UsageError where it can be told before any worker starts.
        """
        settings = self._settings
        PolicySource(settings.policy or default_policy()).load(SystemClock().wall_us())
        loop, tasks = asyncio.get_running_loop(), Tasks()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_end)
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.spawn(self.reload(), "reload"))
        host, port = split_address(settings.listen, "--listen")
        async with contextlib.AsyncExitStack() as stack:
            held = stack.enter_context(_held_port(host, port))
            shown = f"[{host}]" if ":" in host else host
            self._settings = replace(settings, listen=f"{shown}:{held.getsockname()[1]}")
            runner = web.AppRunner(admin_app(self), access_log=None, shutdown_timeout=1.0)
            await listen(stack, runner, settings.admin, "--admin")
            stack.push_async_callback(tasks.close)
            stack.push_async_callback(self._join)
            if (failed := await self._start_all()) is not None:
                return failed
            log.info("serving", extra={"listen": f"http://{self._settings.listen}", "admin": url_of(runner)})
            for worker in self._workers:
                _ = tasks.spawn_endless(worker.kill_if_silent(), "listen for silence")
            await self._watch()
        return 0

    async def exposition(self) -> bytes:
        await self.readiness()  # which has each bring its metrics up to date
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._folder))  # type: ignore[no-untyped-call]
        pids = [worker.process.pid for worker in self._workers if worker.process.pid is not None]
        registry.register(ProcessGroup([os.getpid(), *pids]))
        registry.register(self._registry)
        return await asyncio.to_thread(generate_latest, registry)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Ready while any of them serves: the kernel gives clients to those that do."""
        answers = await self._ask_all("GET", "/readyz", _PROBE_SECONDS)
        heard = [answer for answer in answers if answer is not None]
        serving, wanted = sum(status == 200 for status, _ in heard), self._settings.workers
        ready = serving > 0 and not self._ending.is_set()
        self._replica.tell(ready, len(heard), wanted)
        workers = [_SILENT if answer is None else answer[1] for answer in answers]
        return ready, {"ready": ready, "serving": serving, "wanted": wanted, "workers": workers}

    async def explain(self, line: bytes) -> tuple[bool, dict[str, Any]]:
        status, detail = await self._ask_any("POST", "/-/explain", line)
        return status == 200, detail

    async def campaigns(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Of whichever worker answers: they share a Redis, and with it the campaigns."""
        return await self._ask_any(method, path, body or None)

    async def reload(self) -> tuple[bool, dict[str, Any]]:
        answers = await self._ask_all("POST", "/-/reload")
        accepted = all(answer is not None and answer[0] == 200 for answer in answers)
        return accepted, {"workers": [_SILENT if answer is None else answer[1] for answer in answers]}

    def _told_to_end(self) -> None:
        """As often as it is told: to a worker, too, the second time means without waiting."""
        self._ending.set()
        for worker in self._workers:
            worker.end()

    async def _start_all(self) -> int | None:
        """The first alone, so that what none of them can do is told once; its exit code where it does not serve."""
        first = self._start()
        await self._told_how_it_starts(first)
        if first.process.exitcode is not None and not self._ending.is_set():
            return max(first.process.exitcode, 1)
        for worker in [self._start() for _ in range(1, self._settings.workers)]:
            await self._told_how_it_starts(worker)
        return None

    async def _told_how_it_starts(self, worker: Worker) -> None:
        while not (worker.has_begun or self._ending.is_set()) and worker.process.exitcode is None:
            await self._pause(_POLL_SECONDS)

    def _start(self) -> Worker:
        worker = Worker(len(self._workers), self._settings, self._folder)
        worker.start()
        self._workers.append(worker)
        if self._ending.is_set():
            worker.end()
        return worker

    async def _watch(self) -> None:
        """Has workers replaced that die, until told to end."""
        now = asyncio.get_running_loop().time
        while not self._ending.is_set():
            for worker in self._workers:
                worker.replace_if_dead(now())
            await self._pause(_POLL_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    async def _join(self) -> None:
        if not self._ending.is_set():
            self._told_to_end()
        processes = [worker.process for worker in self._workers]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_seconds + _KILL_SECONDS):
                while any(process.is_alive() for process in processes):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)
        for process in processes:
            process.kill()

    async def _ask_all(self, method: str, path: str, seconds: float | None = None) -> list[tuple[int, Any] | None]:
        return await asyncio.gather(*(worker.ask(method, path, seconds=seconds) for worker in self._workers))

    async def _ask_any(self, method: str, path: str, body: bytes | None) -> tuple[int, Any]:
        """The answer of the first that gives one; those that are silent are asked last."""
        for worker in sorted(self._workers, key=lambda worker: worker.unanswered):
            answer = await worker.ask(method, path, body)
            if answer is not None and answer[0] != 503:
                return answer
        return 503, {"error": "No worker answers."}


def _held_port(host: str, port: int) -> socket.socket:
    """A bound socket that only keeps the port: found to be free now, and known where 0 was asked for."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError as fault:
        held.close()
        raise UsageError(f"cannot listen on {host}:{port}: {fault.strerror or fault}") from fault
    return held
