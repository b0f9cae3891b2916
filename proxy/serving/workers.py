"""Owns several serving processes on one port: starts them, replaces the ones that die, and answers for all of them.

The kernel spreads connections over the workers (SO_REUSEPORT). Each worker serves the admin pages on a socket file of
its own; the supervisor serves them to the world by asking all workers, and merges their metrics.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from proxy.admin.app import admin_app
from proxy.clock import SystemClock
from proxy.errors import StillgateError, UsageError
from proxy.handlers.server import listen, url_of
from proxy.logs import configure
from proxy.policy.reload import PolicySource
from proxy.policy.shipped import default_policy
from proxy.process_metrics import ProcessGroup
from proxy.serving.process import Placement
from proxy.serving.serve import serve
from proxy.settings import Settings, split_address
from proxy.tasks import Tasks

log = logging.getLogger("stillgate.workers")
_RESTART_SECONDS = 1.0
_MOST_RESTART_SECONDS = 30.0
"""Between two starts of a worker that never gets to serve: each takes a second of a core."""
_POLL_SECONDS = 0.1
_TELL_SECONDS = 1.0
"""For the workers to tell what they have counted; what one that hangs has told by itself is a second old."""
_KILL_SECONDS = 15.0
"""Beyond its drain, for a worker to end by itself."""


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
        self._workers: dict[int, SpawnProcess] = {}
        self._due: dict[int, float] = {}
        """When each that has died is replaced, on the event loop's clock."""
        self._failed = [0] * settings.workers
        """How often in a row each has ended before it served."""
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
            await self._watch()
        return 0

    async def exposition(self) -> bytes:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TELL_SECONDS):
                await self._ask_all("GET", "/readyz")  # which has each bring its metrics up to date
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._folder))  # type: ignore[no-untyped-call]
        workers = [process.pid for process in self._workers.values() if process.pid is not None]
        registry.register(ProcessGroup([os.getpid(), *workers]))
        return await asyncio.to_thread(generate_latest, registry)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        answers = await self._ask_all("GET", "/readyz")
        serving = sum(status == 200 for status, _ in answers)
        ready = serving == self._settings.workers and not self._ending.is_set()
        return ready, {"ready": ready, "workers": [detail for _, detail in answers]}

    async def explain(self, line: bytes) -> tuple[bool, dict[str, Any]]:
        status, detail = await _ask(self._socket(0), "POST", "/-/explain", line)
        return status == 200, detail

    async def campaigns(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Of whichever worker answers: they share a Redis, and with it the campaigns."""
        status, detail = 503, {"error": "No worker answers."}
        for index in list(self._workers):
            status, detail = await _ask(self._socket(index), method, path, body or None)
            if status != 503:
                break
        return status, detail

    async def reload(self) -> tuple[bool, dict[str, Any]]:
        answers = await self._ask_all("POST", "/-/reload")
        return all(status == 200 for status, _ in answers), {"workers": [detail for _, detail in answers]}

    def _told_to_end(self) -> None:
        """As often as it is told: to a worker, too, the second time means without waiting."""
        self._ending.set()
        for process in self._workers.values():
            if process.is_alive():
                process.terminate()

    async def _start_all(self) -> int | None:
        """The first alone, so that what none of them can do is told once; its exit code where it does not serve."""
        first = self._start(0)
        await self._told_how_it_starts(0)
        if first.exitcode is not None and not self._ending.is_set():
            return max(first.exitcode, 1)
        others = range(1, self._settings.workers)
        for index in others:
            self._start(index)
        for index in others:
            await self._told_how_it_starts(index)
        return None

    async def _told_how_it_starts(self, index: int) -> None:
        while not (self._socket(index).exists() or self._ending.is_set()) and self._workers[index].exitcode is None:
            await self._pause(_POLL_SECONDS)

    def _start(self, index: int) -> SpawnProcess:
        settings = self._settings
        if settings.exchange_log:  # one writer a file; `replay` takes them merged by time
            settings = replace(settings, exchange_log=f"{settings.exchange_log}.worker-{index}")
        process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(settings, str(self._socket(index))), name=f"stillgate worker {index}"
        )
        process.start()
        self._workers[index] = process
        if self._ending.is_set():
            process.terminate()
        return process

    async def _watch(self) -> None:
        """Replaces workers that die, until told to end."""
        now = asyncio.get_running_loop().time
        while not self._ending.is_set():
            for index, process in list(self._workers.items()):
                if process.exitcode is None:
                    continue
                if index not in self._due:
                    self._due[index] = now() + self._buried(index, process)
                elif now() >= self._due[index]:
                    del self._due[index]
                    self._start(index)
            await self._pause(_POLL_SECONDS)

    def _buried(self, index: int, process: SpawnProcess) -> float:
        """Takes away what a dead worker has left; the seconds until another one is started."""
        served = self._socket(index).exists()
        self._failed[index] = 0 if served else self._failed[index] + 1
        seconds = min(_RESTART_SECONDS * (1 << min(self._failed[index], 8)), _MOST_RESTART_SECONDS)
        # What it was, it is no longer; what it counted stays in the sums, if it has ever served.
        for gauge in self._folder.glob(f"gauge_*_{process.pid}.db" if served else f"*_{process.pid}.db"):
            gauge.unlink()
        self._socket(index).unlink(missing_ok=True)
        told = {"worker": index, "exit_code": process.exitcode, "in_s": seconds}
        log.error("worker died, starting another", extra=told)
        return seconds

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    async def _join(self) -> None:
        if not self._ending.is_set():
            self._told_to_end()
        patience = max(self._settings.drain_seconds, self._settings.drain_notice_seconds) + _KILL_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while any(process.is_alive() for process in self._workers.values()):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)
        for process in self._workers.values():
            process.kill()

    async def _ask_all(self, method: str, path: str) -> list[tuple[int, Any]]:
        asked: list[Coroutine[Any, Any, tuple[int, Any]]] = [
            _ask(self._socket(index), method, path) for index in self._workers
        ]
        return await asyncio.gather(*asked)

    def _socket(self, index: int) -> Path:
        return self._folder / f"worker-{index}.sock"


def _work(settings: Settings, admin_socket: str) -> None:
    configure(settings.log_level)
    try:
        code = serve(settings, Placement(CollectorRegistry(), admin_socket))
    except StillgateError as fault:
        log.critical("worker cannot serve", extra={"fault": str(fault)})
        code = 2 if isinstance(fault, UsageError) else 1
    raise SystemExit(code)


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


async def _ask(path: Path, method: str, page: str, body: bytes | None = None) -> tuple[int, Any]:
    try:
        connector = aiohttp.UnixConnector(str(path))
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.request(method, f"http://worker{page}", data=body) as answer,
        ):
            return answer.status, json.loads(await answer.text())
    except (aiohttp.ClientError, OSError, TimeoutError) as fault:
        return 503, {"ready": False, "error": f"{type(fault).__name__}: worker does not answer"}
