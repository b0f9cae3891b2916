"""Clients that do not read what they asked for: they hold a slot, two sockets and the upstream only for so long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

import proxy.handlers.server as server_module
from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import ONE_AT_A_TIME, proxy_before
from tests.functional.raw_http import EndedError, RawUpstream, Wire, answer_bytes, chunk_bytes, connect, request_bytes

STREAM = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
MUCH = chunk_bytes(b"data: " + bytes(60_000) + b"\n\n")
ASK = request_bytes("POST /v1/messages", ("Content-Type", "application/json"), body=b'{"stream": true}')


@pytest.fixture
async def strict(model_api: RawUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """A proxy with one slot, that looks after its clients all the time."""
    monkeypatch.setattr(server_module, "_SWEEP_SECONDS", 0.02)
    async with proxy_before(model_api.url, tmp_path, ONE_AT_A_TIME, exchange_log=str(tmp_path / "log")) as running:
        yield running


async def stalled(proxy: Proxy, model_api: RawUpstream) -> tuple[Wire, Wire]:
    """A client that reads nothing of a stream, and the upstream that sends it."""
    client = await connect(proxy.url, read_buffer=4096)
    client.stop_reading()
    await client.send(ASK)
    wire, _ = await model_api.answer(STREAM)
    await wire.fill(MUCH, 2**24)
    return client, wire


@pytest.fixture
def patience_ends(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(server_module, "STALL_SECONDS", 0.2)


async def assert_it_is_over(proxy: Proxy, model_api: RawUpstream, log: Path) -> None:
    async with asyncio.timeout(10):
        while proxy.handler.under_way:
            await asyncio.sleep(0.01)
    async with await connect(proxy.url) as other:
        await other.send(ASK)
        await model_api.answer(answer_bytes("200 OK", ("Connection", "close")))
        assert (await other.message()).status == 200
    await proxy.drain()
    async with asyncio.timeout(10):
        while len(lines := log.read_text().splitlines()) < 2:
            await asyncio.sleep(0.01)
    assert [json.loads(line)["features"]["answer"]["ending"] for line in lines] == ["client_gone", "complete"]


async def test_a_client_that_reads_nothing_is_ended_as_one_that_left(
    strict: Proxy, model_api: RawUpstream, tmp_path: Path, patience_ends: Callable[[], None]
) -> None:
    client, wire = await stalled(strict, model_api)
    patience_ends()
    await wire.ended()
    client.read_on()
    with pytest.raises(EndedError):
        await client.rest()
    await assert_it_is_over(strict, model_api, tmp_path / "log")


async def test_so_is_one_whose_upstream_has_broken_off_meanwhile(
    strict: Proxy, model_api: RawUpstream, tmp_path: Path, patience_ends: Callable[[], None]
) -> None:
    client, wire = await stalled(strict, model_api)
    wire.reset()
    patience_ends()
    await assert_it_is_over(strict, model_api, tmp_path / "log")
    client.reset()


async def test_so_is_one_that_does_not_read_the_end_of_its_answer(
    strict: Proxy, model_api: RawUpstream, patience_ends: Callable[[], None]
) -> None:
    """All of it is written, no request is under way, and the connection is to be closed once it is out."""
    client = await connect(strict.url, read_buffer=4096)
    client.stop_reading()
    await client.send(request_bytes("POST /v1/messages", ("Connection", "close"), body=b"{}"))
    head = answer_bytes("200 OK", ("Content-Length", str(2**22 + 10_000_000)))
    wire, _ = await model_api.answer(head)
    await wire.fill(bytes(50_000), 2**22 + 10_000_000)
    wire.close()
    patience_ends()
    async with asyncio.timeout(10):
        while strict._clients.connections:
            await asyncio.sleep(0.01)
    client.reset()


@pytest.mark.slow
async def test_a_client_that_reads_slowly_gets_all_of_it(
    strict: Proxy, model_api: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, wire = await stalled(strict, model_api)
    monkeypatch.setattr(server_module, "STALL_SECONDS", 1.0)  # fifty times as long as it pauses: machines are busy
    for _ in range(100):
        client.read_on()
        await asyncio.sleep(0.001)
        client.stop_reading()
        await asyncio.sleep(0.02)
    assert strict.handler.under_way
    client.read_on()
    await wire.send(b"0\r\n\r\n")
    await client.head()
    while await client.chunk():
        pass
    client.close()
