"""Background tasks end when their component does, whatever becomes of a cancellation."""

from __future__ import annotations

import asyncio

from proxy.tasks import Tasks


async def test_an_endless_task_that_loses_a_cancellation_ends_all_the_same() -> None:
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost:
                    raise
                lost += 1

    tasks = Tasks()
    task = tasks.spawn_endless(stubborn(), "stubborn")
    await asyncio.sleep(0)
    await tasks.close()
    assert lost == 1
    assert task.cancelled()


async def test_work_that_ends_by_itself_is_waited_for() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        ended.set()

    tasks = Tasks()
    _ = tasks.spawn(work(), "work")
    await tasks.close()
    assert ended.is_set()
