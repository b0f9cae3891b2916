"""How it ends: told to, it lets open exchanges end first, within bounds; what is cut is settled all the same."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.serving.process import Proxy
from proxy.settings import Settings
from tests.functional.conftest import Running, ServeFactory
from tests.functional.proxy_in_process import WIDE_POLICY, proxy_before
from tests.functional.raw_http import PATIENCE, RawUpstream, Wire, answer_bytes, chunk_bytes, connect, request_bytes

ASK = request_bytes(
    "POST /v1/messages",
    ("Content-Type", "application/json"),
    body=b'{"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Hi"}]}',
)
STREAM_HEAD = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
EVENT = b'event: ping\ndata: {"type": "ping"}\n\n'


@asynccontextmanager
async def stream(url: str, model_api: RawUpstream) -> AsyncIterator[tuple[Wire, Wire]]:
    """A client and an upstream in the middle of an event stream."""
    async with await connect(url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(STREAM_HEAD + chunk_bytes(EVENT))
        await client.head()
        assert await client.chunk() == EVENT
        yield client, wire


async def until_not_ready(running: Running) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await asyncio.to_thread(running.page, "/readyz"))[0] == 200:
            pass


async def exit_code(running: Running) -> int:
    return await asyncio.to_thread(running.process.wait, PATIENCE)


def endings(log: Path) -> list[str]:
    return [json.loads(line)["features"]["answer"]["ending"] for line in log.read_text().splitlines()]


async def test_an_open_stream_ends_before_the_process_does(
    serve: ServeFactory, model_api: RawUpstream, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    running = serve(WIDE_POLICY, "--upstream", model_api.url, "--exchange-log", str(log))
    async with stream(running.url, model_api) as (client, wire), await connect(running.url) as idle:
        running.process.send_signal(signal.SIGTERM)
        await until_not_ready(running)
        status, body = await asyncio.to_thread(running.page, "/readyz")
        assert (status, json.loads(body)["draining"], json.loads(body)["open_exchanges"]) == (503, True, 1)
        await wire.send(chunk_bytes(EVENT))
        assert await client.chunk() == EVENT
        await wire.send(b"0\r\n\r\n")
        assert await client.chunk() == b""
        await client.ended()
        await idle.ended()
        assert await exit_code(running) == 0
    assert endings(log) == ["complete"]


async def test_beyond_the_drain_a_stream_is_cut_and_settled(
    serve: ServeFactory, model_api: RawUpstream, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    flags = ("--upstream", model_api.url, "--exchange-log", str(log), "--drain-seconds", "0.3")
    running = serve(WIDE_POLICY, *flags)
    async with stream(running.url, model_api) as (client, wire):
        running.process.send_signal(signal.SIGTERM)
        assert b"overloaded_error" in await client.chunk()
        assert await client.rest() == b""  # and so without the last chunk
        await wire.ended()
        assert await exit_code(running) == 0
    assert endings(log) == ["shutdown"]


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_told_twice_it_does_not_wait(
    serve: ServeFactory, model_api: RawUpstream, tmp_path: Path, second: int
) -> None:
    log = tmp_path / "log"
    running = serve(WIDE_POLICY, "--upstream", model_api.url, "--exchange-log", str(log))
    async with stream(running.url, model_api) as (client, _):
        running.process.send_signal(signal.SIGINT)
        await until_not_ready(running)
        running.process.send_signal(second)
        assert b"overloaded_error" in await client.chunk()
        assert await client.rest() == b""
        assert await exit_code(running) == 0
    assert endings(log) == ["shutdown"]


async def test_an_idle_process_ends_at_once(serve: ServeFactory, model_api: RawUpstream) -> None:
    running = serve(WIDE_POLICY, "--upstream", model_api.url, "--drain-seconds", "600")
    async with await connect(running.url) as kept:
        await kept.send(request_bytes("GET /v1/models"))
        await model_api.answer(answer_bytes())
        await kept.message()
        running.process.send_signal(signal.SIGTERM)
        await kept.ended()
        assert await exit_code(running) == 0
    assert [said["level"] for said in running.log() if said.get("level") not in ("INFO", None)] == []


async def test_while_it_drains_it_takes_no_new_connection_and_keeps_none(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with (
        proxy_before(model_api.url, tmp_path, drain_seconds=PATIENCE) as proxy,
        await connect(proxy.url) as kept,
        stream(proxy.url, model_api) as (client, wire),
    ):
        await kept.send(request_bytes("GET /v1/models"))
        await model_api.answer(answer_bytes())
        assert (await kept.message()).values("Connection") == []
        draining = asyncio.ensure_future(proxy.drain())
        await until_refused(proxy)
        await kept.send(request_bytes("GET /v1/models"))
        await model_api.wires[1].message()
        await model_api.wires[1].send(answer_bytes())
        assert (await kept.message()).values("Connection") == ["close"]
        await kept.ended()
        assert not draining.done()
        await wire.send(b"0\r\n\r\n")
        assert await client.chunk() == b""
        await draining


async def until_refused(proxy: Proxy) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                (await connect(proxy.url)).close()
            except ConnectionRefusedError:
                return


async def test_until_the_notice_is_over_new_connections_are_served(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_before(model_api.url, tmp_path, drain_seconds=PATIENCE, drain_notice_seconds=0.3) as proxy:
        draining = asyncio.ensure_future(proxy.drain())
        ready = True
        while ready:
            await asyncio.sleep(0)
            ready, _ = await proxy.readiness()
        async with await connect(proxy.url) as client:
            await client.send(request_bytes("GET /v1/models"))
            await model_api.answer(answer_bytes())
            assert (await client.message()).status == 200
        await draining
        with pytest.raises(ConnectionRefusedError):
            await connect(proxy.url)


async def test_unless_told_otherwise_clients_that_come_after_sigterm_are_served_while_load_balancers_follow(
    serve: ServeFactory, model_api: RawUpstream
) -> None:
    usual = str(Settings(upstream=model_api.url).drain_notice_seconds)
    running = serve(WIDE_POLICY, "--upstream", model_api.url, STILLGATE_DRAIN_NOTICE_SECONDS=usual)
    running.process.send_signal(signal.SIGTERM)
    await until_not_ready(running)
    async with await connect(running.url) as client:
        await client.send(request_bytes("GET /v1/models"))
        await model_api.answer(answer_bytes())
        answer = await client.message()
        assert (answer.status, answer.values("Connection")) == (200, ["close"])
    running.process.send_signal(signal.SIGTERM)
    assert await exit_code(running) == 0


async def test_the_notice_is_no_longer_than_the_drain(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_before(model_api.url, tmp_path, drain_seconds=0.0, drain_notice_seconds=600.0) as proxy:
        async with asyncio.timeout(PATIENCE):
            await proxy.drain()


async def test_half_a_request_does_not_keep_it_longer_than_the_drain(model_api: RawUpstream, tmp_path: Path) -> None:
    async with (
        proxy_before(model_api.url, tmp_path, drain_seconds=0.2) as proxy,
        await connect(proxy.url) as client,
    ):
        await client.send(request_bytes("POST /v1/messages", ("Content-Length", "100")) + b"half")
        while not proxy.handler.under_way:
            await asyncio.sleep(0)
        await proxy.drain()
        await proxy.close()
        await client.ended(1.0)
