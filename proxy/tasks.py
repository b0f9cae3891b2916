"""Owns background tasks: keeps a reference to each, names it, and reports the one that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("stillgate.tasks")
_AGAIN_SECONDS = 0.5


class Tasks:
    """The background tasks of one component; `close` waits for the short ones and cancels the endless ones."""

    def __init__(self) -> None:
        self._finite: set[asyncio.Task[Any]] = set()
        self._endless: set[asyncio.Task[Any]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Starts work that ends by itself and must not be lost (a settlement, say)."""
        return self._start(coroutine, name, self._finite)

    def spawn_endless(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Starts a loop that only `close`, or whoever keeps the task, ends."""
        return self._start(coroutine, name, self._endless)

    async def close(self, patience_seconds: float = 5.0) -> None:
        """Cancels the endless tasks; gives the others `patience_seconds` to end, then cancels them too."""
        for task in self._endless:
            task.cancel()
        if self._finite:
            _, late = await asyncio.wait(self._finite, timeout=patience_seconds)
            for task in late:
                log.error("background task did not end in time", extra={"task": task.get_name()})
                task.cancel()
        remaining = {*self._endless, *self._finite}
        while remaining:
            # Again and again: before Python 3.12 `asyncio.wait_for` loses a cancellation that meets the end of what it
            # waits for, and Redis' client waits so for each command that it sends.
            _, remaining = await asyncio.wait(remaining, timeout=_AGAIN_SECONDS)
            for task in remaining:
                task.cancel()

    def _start(
        self, coroutine: Coroutine[Any, Any, Any], name: str, holder: set[asyncio.Task[Any]]
    ) -> asyncio.Task[Any]:
        task = asyncio.create_task(coroutine, name=name)
        holder.add(task)
        task.add_done_callback(holder.discard)
        task.add_done_callback(_report)
        return task


def _report(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        log.error("background task failed", exc_info=fault, extra={"task": task.get_name()})
