"""Bodies that come slowly: they get no more time and no more room than others can spare."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import proxy.handlers.body as body_module
from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import RawUpstream, Wire, answer_bytes, connect, request_bytes

MIB = 2**20
LARGE = b'{"model": "m", "messages": [' + b" " * (MIB - 40) + b"]}"


async def metric(proxy: Proxy, sample: str) -> float:
    lines = (await proxy.exposition()).decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " "))


async def held(proxy: Proxy, size: int) -> None:
    """Returns once so many bytes of bodies wait in the proxy."""
    async with asyncio.timeout(10):
        while proxy._clients.bodies.bytes != size:
            await asyncio.sleep(0.01)


async def begin(proxy: Proxy, target: str = "/v1/messages") -> Wire:
    """A client that has sent all of a large body but its last byte."""
    client = await connect(proxy.url)
    await client.send(request_bytes(f"POST {target}", ("Content-Length", str(len(LARGE)))) + LARGE[:-1])
    return client


async def test_a_body_that_keeps_dribbling_is_ended_and_told_of(
    proxy: Proxy, model_api: RawUpstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(body_module, "BODY_IDLE_SECONDS", 0.1)
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", ("Content-Length", "100000")) + b"{")
        dribbling = asyncio.create_task(_dribble(client))
        answer = await client.message()
        dribbling.cancel()
    assert (answer.status, answer.values("Connection")) == (400, ["close"])
    assert "slow" in json.loads(answer.body)["error"]["message"]
    assert await metric(proxy, 'stillgate_client_bodies_given_up_total{kind="slow"}') == 1
    assert await metric(proxy, 'stillgate_client_bodies_given_up_total{kind="silent"}') == 0
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.getMessage() for record in told] == ["request body given up"]
    assert model_api.accepted == 0


async def _dribble(client: Wire) -> None:
    while True:
        await client.send(b" ")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("target", "code"), [("/v1/messages", "overloaded_error"), ("/v1/chat/completions", "server_error")]
)
async def test_where_bodies_hold_all_room_one_that_stands_still_gives_way_to_one_that_comes(
    model_api: RawUpstream, tmp_path: Path, target: str, code: str
) -> None:
    async with (
        proxy_before(model_api.url, tmp_path, max_body_mb=2, max_bodies_mb=3) as proxy,
        AsyncExitStack() as stack,
    ):
        bodies = proxy._clients.bodies
        standing = [await stack.enter_async_context(await begin(proxy, target)) for _ in range(3)]
        await held(proxy, 3 * (len(LARGE) - 1))
        bodies.look()
        bodies.look()
        async with await connect(proxy.url) as client:
            await client.send(request_bytes("POST /v1/messages", body=LARGE))
            await model_api.answer(answer_bytes())
            assert (await client.message()).status == 200
        told = [asyncio.ensure_future(waiting.message()) for waiting in standing]
        done, others = await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
        (answer,) = [task.result() for task in done]
        assert (answer.status, json.loads(answer.body)["error"]["type"]) == (503, code)
        assert await metric(proxy, 'stillgate_client_bodies_given_up_total{kind="no_room"}') == 1
        assert await metric(proxy, "stillgate_client_bodies_bytes") == bodies.bytes == 2 * (len(LARGE) - 1)
        for task in others:
            task.cancel()


async def test_those_that_did_not_have_to_give_way_are_served_when_they_are_whole(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with (
        proxy_before(model_api.url, tmp_path, max_body_mb=2, max_bodies_mb=3) as proxy,
        AsyncExitStack() as stack,
    ):
        clients = [await stack.enter_async_context(await begin(proxy)) for _ in range(3)]
        await held(proxy, 3 * (len(LARGE) - 1))
        for client in clients:
            await client.send(LARGE[-1:])
            _, request = await model_api.answer(answer_bytes("200 OK", ("Connection", "close")))
            assert request.body == LARGE
            assert (await client.message()).status == 200
        assert proxy._clients.bodies.bytes == 0
