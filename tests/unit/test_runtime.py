"""What a serving process runs on."""

from __future__ import annotations

import asyncio

import pytest

from proxy.errors import UsageError
from proxy.runtime import run


def test_a_serving_process_runs_on_uvloop_and_its_result_and_faults_are_handed_on() -> None:
    async def loop_of() -> str:
        return type(asyncio.get_running_loop()).__module__

    async def fail() -> None:
        raise UsageError("wrong")

    assert run(loop_of()).startswith("uvloop")
    with pytest.raises(UsageError, match="wrong"):
        run(fail())
