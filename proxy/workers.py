"""Owns several serving processes on one port: starts them, replaces the ones that die, and answers for all of them.

The kernel spreads connections over the workers (SO_REUSEPORT). Each worker serves the admin pages on a socket file of
its own; the supervisor serves them to the world by asking all workers, and merges their metrics.
"""

from __future__ import annotations

import asyncio
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
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from proxy.admin.app import admin_app
from proxy.errors import UsageError
from proxy.logs import configure
from proxy.settings import Settings, split_address
from proxy.tasks import Tasks

log = logging.getLogger("stillgate.workers")
_RESTART_SECONDS = 1.0
_POLL_SECONDS = 0.1


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
        self._ending = asyncio.Event()

    async def run(self) -> int:
        """Serves until told to end; 1 where a worker could not start."""
        tasks = Tasks()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.spawn(self.reload(), "reload"))
        with _held_port(*split_address(self._settings.listen, "--listen")) as held:
            host, _ = split_address(self._settings.listen, "--listen")
            shown = f"[{host}]" if ":" in host else host
            self._settings = replace(self._settings, listen=f"{shown}:{held.getsockname()[1]}")
            for index in range(self._settings.workers):
                self._start(index)
            runner = web.AppRunner(admin_app(self), access_log=None)
            try:
                await self._listen(runner)
                failed = await self._watch()
            finally:
                await self._stop()
                await runner.cleanup()
                await tasks.close()
        return 1 if failed else 0

    async def exposition(self) -> bytes:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._folder))  # type: ignore[no-untyped-call]
        return await asyncio.to_thread(generate_latest, registry)

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        answers = await self._ask_all("GET", "/readyz")
        ready = all(status == 200 for status, _ in answers) and not self._ending.is_set()
        return ready, {"ready": ready, "workers": [detail for _, detail in answers]}

    async def reload(self) -> tuple[bool, dict[str, Any]]:
        answers = await self._ask_all("POST", "/-/reload")
        return all(status == 200 for status, _ in answers), {"workers": [detail for _, detail in answers]}

    async def _listen(self, runner: web.AppRunner) -> None:
        host, port = split_address(self._settings.admin, "--admin")
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as fault:
            raise UsageError(f"cannot listen on {host}:{port}: {fault.strerror or fault}") from fault

    def _start(self, index: int) -> None:
        settings = self._settings
        if settings.exchange_log:  # one writer a file; `replay` takes them merged by time
            settings = replace(settings, exchange_log=f"{settings.exchange_log}.worker-{index}")
        process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(settings, str(self._socket(index))), name=f"stillgate worker {index}"
        )
        process.start()
        self._workers[index] = process

    async def _watch(self) -> bool:
        """Replaces workers that die until told to end. True where one fails before it ever served."""
        while not self._ending.is_set():
            for index, process in list(self._workers.items()):
                if process.exitcode is None:
                    continue
                if process.pid is not None:
                    mark_process_dead(process.pid, str(self._folder))  # type: ignore[no-untyped-call]
                if not self._socket(index).exists():
                    return True
                log.error("worker died, starting another", extra={"worker": index, "exit_code": process.exitcode})
                self._socket(index).unlink()
                await asyncio.sleep(_RESTART_SECONDS)
                self._start(index)
            await asyncio.sleep(_POLL_SECONDS)
        return False

    async def _stop(self) -> None:
        for process in self._workers.values():
            if process.exitcode is None:
                process.terminate()
        for process in self._workers.values():
            await asyncio.to_thread(process.join)

    async def _ask_all(self, method: str, path: str) -> list[tuple[int, Any]]:
        asked: list[Coroutine[Any, Any, tuple[int, Any]]] = [
            _ask(self._socket(index), method, path) for index in self._workers
        ]
        return await asyncio.gather(*asked)

    def _socket(self, index: int) -> Path:
        return self._folder / f"worker-{index}.sock"


def _work(settings: Settings, admin_socket: str) -> None:
    from proxy.app import Placement, serve

    configure(settings.log_level)
    try:
        code = serve(settings, Placement(CollectorRegistry(), reuse_port=True, admin_socket=admin_socket))
    except UsageError as fault:
        log.critical("worker cannot serve", extra={"fault": str(fault)})
        code = 2
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


async def _ask(path: Path, method: str, page: str) -> tuple[int, Any]:
    try:
        connector = aiohttp.UnixConnector(str(path))
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.request(method, f"http://worker{page}") as answer,
        ):
            return answer.status, json.loads(await answer.text())
    except (aiohttp.ClientError, OSError, TimeoutError) as fault:
        return 503, {"ready": False, "error": f"{type(fault).__name__}: worker does not answer"}
