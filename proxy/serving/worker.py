"""Owns one worker of several: a serving process, the socket file that it answers on, and its replacement.

One that dies is replaced, and so is one that lives and answers no more. Knows not how many workers there are, nor what
is made of their answers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry

from proxy.errors import StillgateError, UsageError
from proxy.logs import configure
from proxy.policy.last_good import LastGood
from proxy.serving.process import Placement
from proxy.serving.serve import serve
from proxy.settings import Settings

log = logging.getLogger("stillgate.workers")
ANSWER_SECONDS = 10.0
"""For a worker to answer; beyond, it does not."""
_UNANSWERED = 3
"""Questions in a row. Not one of three times the length: if the whole machine stood still, only one is lost to that."""
_ASK_SECONDS = 1.0
_RESTART_SECONDS = 1.0
_MOST_RESTART_SECONDS = 30.0
"""Between two starts of a worker that never gets to serve: each takes a second of a core."""


class Worker:
    """The worker of number `index`, whichever process that is. `start` comes first."""

    def __init__(self, index: int, settings: Settings, folder: Path) -> None:
        if settings.exchange_log:  # one writer a file; `replay` takes them merged by time
            settings = replace(settings, exchange_log=f"{settings.exchange_log}.worker-{index}")
        self._index = index
        self._settings = settings
        self._folder = folder
        self._socket = folder / f"worker-{index}.sock"
        self._due: float | None = None
        """When it is replaced, having died; on the event loop's clock."""
        self._failed = 0
        """How often in a row it has ended before it served."""
        self.unanswered = 0
        """How many of the last questions whether it is there it has left unanswered."""

    @property
    def has_begun(self) -> bool:
        """Whether the process has got so far as to serve."""
        return self._socket.exists()

    def start(self) -> None:
        """Starts a process."""
        self._due, self.unanswered = None, 0
        self.process: SpawnProcess = multiprocessing.get_context("spawn").Process(
            target=_work,
            args=(self._settings, str(self._socket), self._folder / "last-good-policy"),
            name=f"stillgate worker {self._index}",
        )
        self.process.start()

    def end(self) -> None:
        """Tells the process to end; the second time means without waiting."""
        if self.process.is_alive():
            self.process.terminate()

    def replace_if_dead(self, now: float) -> None:
        """At once what the dead one left is taken away; another one is started a little later, when asked again."""
        if self.process.exitcode is None:
            return
        if self._due is None:
            self._due = now + self._buried()
        elif now >= self._due:
            self.start()

    async def kill_if_silent(self) -> None:
        """For ever: asks the process whether it is there, and kills it when it has not been for too long."""
        now = asyncio.get_running_loop().time
        while True:
            process, asked = self.process, now()
            if await self.ask("GET", "/readyz") is not None:
                self.unanswered = 0
                await asyncio.sleep(_ASK_SECONDS)
                continue
            if process is self.process and process.is_alive() and self.has_begun:
                self.unanswered += 1
            if self.unanswered >= _UNANSWERED:
                told = {"worker": self._index, "silent_s": _UNANSWERED * ANSWER_SECONDS}
                log.error("worker does not answer, killing it", extra=told)
                process.kill()
                self.unanswered = 0
            await asyncio.sleep(max(asked + ANSWER_SECONDS - now(), 0.0))

    async def ask(
        self, method: str, page: str, body: bytes | None = None, seconds: float | None = None
    ) -> tuple[int, Any] | None:
        """Status and JSON of a page of its own; None where none comes within so many seconds."""
        try:
            timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS if seconds is None else seconds)
            async with (
                aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._socket)), timeout=timeout) as session,
                session.request(method, f"http://worker{page}", data=body) as answer,
            ):
                return answer.status, json.loads(await answer.text())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None

    def _buried(self) -> float:
        """Takes away what a dead process has left; the seconds until another one is started."""
        served, process = self.has_begun, self.process
        self._failed = 0 if served else self._failed + 1
        seconds = min(_RESTART_SECONDS * (1 << min(self._failed, 8)), _MOST_RESTART_SECONDS)
        # What it was, it is no longer; what it counted stays in the sums, if it has ever served.
        for gauge in self._folder.glob(f"gauge_*_{process.pid}.db" if served else f"*_{process.pid}.db"):
            gauge.unlink()
        self._socket.unlink(missing_ok=True)
        told = {"worker": self._index, "exit_code": process.exitcode, "in_s": seconds}
        log.error("worker died, starting another", extra=told)
        return seconds


def _work(settings: Settings, admin_socket: str, last_good: Path) -> None:
    configure(settings.log_level)
    try:
        code = serve(settings, Placement(CollectorRegistry(), admin_socket, LastGood(last_good)))
    except StillgateError as fault:
        log.critical("worker cannot serve", extra={"fault": str(fault)})
        code = 2 if isinstance(fault, UsageError) else 1
    raise SystemExit(code)
