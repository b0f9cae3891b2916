"""Owns the life of a serving process from its start to the signal that ends it. Knows nothing of what is composed."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal

from proxy.errors import StillgateError, UsageError
from proxy.serving.process import Placement, Proxy
from proxy.serving.runtime import collect_seldom, run, tidy, when_readable
from proxy.settings import Settings
from proxy.tasks import Tasks


def serve(settings: Settings, placement: Placement | None = None) -> int:
    """Serves until SIGTERM or SIGINT; the exit code."""
    try:
        return run(_serve(settings, placement))
    except StillgateError:
        raise
    except OSError as fault:
        raise UsageError(str(fault)) from fault


async def _serve(settings: Settings, placement: Placement | None) -> int:
    proxy = Proxy(settings, placement)
    loop = asyncio.get_running_loop()
    ended, hurried = asyncio.Event(), asyncio.Event()

    def told_to_end() -> None:
        (hurried if ended.is_set() else ended).set()

    if (parent := multiprocessing.parent_process()) is None:
        loop.add_signal_handler(signal.SIGINT, told_to_end)
    else:
        # A terminal's Ctrl-C reaches all; the supervisor tells its workers itself. One whose supervisor is gone has
        # nobody left to report to.
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        when_readable(loop, parent.sentinel, told_to_end)
    loop.add_signal_handler(signal.SIGTERM, told_to_end)
    tasks = Tasks()
    loop.add_signal_handler(signal.SIGHUP, lambda: tasks.spawn(proxy.policies.reload(), "reload"))
    await proxy.start()
    collect_seldom()
    _ = tasks.spawn_endless(tidy(proxy.reads), "tidy")
    try:
        await ended.wait()
        await proxy.drain(hurried)
    finally:
        await tasks.close()
        await proxy.close()
    return 0
