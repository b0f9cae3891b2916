"""Lines that wait for an exchange that does not end are told of, and do not wait for ever."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from proxy.clock import VirtualClock
from proxy.events.log import MOST_HELD_US
from proxy.serving.process import Proxy
from proxy.settings import Settings
from tests.functional.proxy_in_process import NO_QUOTAS
from tests.functional.raw_http import RawUpstream, connect, request_bytes


async def refused(proxy: Proxy) -> None:
    """One exchange that is over at once."""
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", ("x-account-id", "nobody"), body=b"{}"))
        assert (await client.message()).status == 403


async def test_an_answer_that_does_not_end_holds_the_log_back_for_ten_minutes_and_its_usage_is_unknown(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    log, policy, clock = tmp_path / "log", tmp_path / "policy.yaml", VirtualClock(1_800_000_000_000_000)
    policy.write_text(NO_QUOTAS)
    proxy = Proxy(
        Settings(
            upstream=model_api.url,
            policy=str(policy),
            listen="127.0.0.1:0",
            admin="127.0.0.1:0",
            exchange_log=str(log),
            drain_seconds=0,
        ),
        clock=clock,
    )
    await proxy.start()
    try:
        async with await connect(proxy.url) as client:
            await client.send(request_bytes("POST /v1/messages", ("x-account-id", "a"), body=b"{}"))
            await model_api.request()
            await refused(proxy)
            told = (await proxy.exposition()).decode().splitlines()
            assert "stillgate_exchange_log_unwritten_lines 1.0" in told
            assert log.read_bytes() == b""

            clock.now_us += MOST_HELD_US + 1
            await refused(proxy)
            async with asyncio.timeout(10):
                while log.read_bytes().count(b"\n") < 3:
                    await asyncio.sleep(0.01)
    finally:
        await proxy.drain()
        await proxy.close()
    first, *others = map(json.loads, log.read_bytes().splitlines())
    assert (first["response"], first["features"]["decision"]["action"]) == (None, "allow")
    assert [line["features"]["decision"]["action"] for line in others] == ["block", "block"]
