"""What a serving process runs on."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest

from proxy.errors import UsageError
from proxy.serving.runtime import run, when_readable


def test_a_serving_process_runs_on_uvloop_and_its_result_and_faults_are_handed_on() -> None:
    async def loop_of() -> str:
        return type(asyncio.get_running_loop()).__module__

    async def fail() -> None:
        raise UsageError("wrong")

    assert run(loop_of()).startswith("uvloop")
    with pytest.raises(UsageError, match="wrong"):
        run(fail())


def test_a_serving_process_may_open_as_many_files_as_the_system_lets_it() -> None:
    script = (
        "import resource as r; from proxy.serving.runtime import open_files, run\n"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (128, hard))\n"
        "async def limit(): return open_files()\n"
        "assert open_files() == 128 and run(limit()) == hard, hard\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


async def test_what_waits_for_a_file_to_be_readable_is_told_once() -> None:
    told: list[bool] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        when_readable(asyncio.get_running_loop(), ours.fileno(), lambda: told.append(True))
        theirs.send(b"x")
        for _ in range(5):
            await asyncio.sleep(0)
    assert told == [True]
