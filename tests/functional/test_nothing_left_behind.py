"""However an exchange ends, nothing of it stays in memory: a serving process hardly ever looks for cycles."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import proxy.handlers.body as body_module
from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import RawUpstream, answer_bytes, chunk_bytes, connect, request_bytes

EVENT = b'event: ping\ndata: {"type": "ping"}\n\n'
STREAM = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
MESSAGES = b'{"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
ASK = request_bytes("POST /v1/messages", ("Content-Type", "application/json"), body=MESSAGES)
HALF_PARSED = request_bytes("POST /v1/messages", ("Content-Length", "100000")) + bytes(500)
HALF_PASSED_ON = request_bytes("POST /v1/files", ("Content-Length", "100000")) + bytes(500)
HALF_CHUNKED = request_bytes("POST /v1/messages", ("Transfer-Encoding", "chunked")) + chunk_bytes(b"half")
TIMES = 3

Way = Callable[[Proxy, RawUpstream], Awaitable[None]]


async def refused(proxy: Proxy, request: bytes, status: int) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request)
        assert (await client.message()).status == status


async def all_is_well(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(answer_bytes(body=b"{}"))
        await client.message()
        wire.close()


async def a_head_breaks_off(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK[:40])
        await asyncio.sleep(0.01)


async def a_body_breaks_off(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(HALF_PARSED)
        await asyncio.sleep(0.01)
        client.reset()


async def a_body_is_malformed(proxy: Proxy, model_api: RawUpstream) -> None:
    await refused(proxy, HALF_CHUNKED + b"no chunk\r\n", 400)


async def a_body_falls_silent(proxy: Proxy, model_api: RawUpstream) -> None:
    await refused(proxy, HALF_PARSED, 400)


async def a_body_is_too_large(proxy: Proxy, model_api: RawUpstream) -> None:
    await refused(proxy, HALF_CHUNKED + chunk_bytes(bytes(2**20)), 413)


async def a_body_that_is_passed_on_breaks_off(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(HALF_PASSED_ON)
        wire = await model_api.next()
        await wire.head()
    await wire.ended()


async def a_body_that_is_passed_on_falls_silent(proxy: Proxy, model_api: RawUpstream) -> None:
    await refused(proxy, HALF_PASSED_ON, 400)


async def the_upstream_refuses_half_a_body(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(HALF_PASSED_ON)
        wire = await model_api.next()
        await wire.head()
        wire.reset()
        assert (await client.message()).status == 502


async def the_client_leaves_before_the_answer(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.request()
    await wire.ended()


async def the_client_leaves_in_mid_stream(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(STREAM + chunk_bytes(EVENT))
        await client.head()
        await client.chunk()
    await wire.ended()


async def the_client_leaves_with_much_unread(proxy: Proxy, model_api: RawUpstream) -> None:
    client = await connect(proxy.url, read_buffer=4096)
    client.stop_reading()
    await client.send(ASK)
    wire, _ = await model_api.answer(STREAM)
    await wire.fill(chunk_bytes(b"data: " + bytes(60_000) + b"\n\n"), 2**24)
    client.reset()
    await wire.ended()


async def the_client_leaves_with_more_asked(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(3 * ASK)
        wire, _ = await model_api.request()
    await wire.ended()


async def the_upstream_resets(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.request()
        wire.reset()
        assert (await client.message()).status == 502


async def the_upstream_resets_in_mid_stream(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(STREAM + chunk_bytes(EVENT))
        await client.head()
        wire.reset()
        await client.rest()


async def the_upstream_answers_nonsense(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        await model_api.answer(b"HTTP/1.1 nonsense\r\n\r\n")
        assert (await client.message()).status == 502


async def the_upstream_is_silent(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        await model_api.request()
        assert (await client.message()).status == 504


async def the_upstream_falls_silent_in_mid_stream(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        await model_api.answer(STREAM + chunk_bytes(EVENT))
        await client.head()
        await client.rest()


WAYS = [
    all_is_well,
    a_head_breaks_off,
    a_body_breaks_off,
    a_body_is_malformed,
    a_body_falls_silent,
    a_body_is_too_large,
    a_body_that_is_passed_on_breaks_off,
    a_body_that_is_passed_on_falls_silent,
    the_upstream_refuses_half_a_body,
    the_client_leaves_before_the_answer,
    the_client_leaves_in_mid_stream,
    the_client_leaves_with_much_unread,
    the_client_leaves_with_more_asked,
    the_upstream_resets,
    the_upstream_resets_in_mid_stream,
    the_upstream_answers_nonsense,
    the_upstream_is_silent,
    the_upstream_falls_silent_in_mid_stream,
]


def census() -> Counter[str]:
    """How many there are of what an exchange and its connections are made of."""
    kinds = [type(thing) for thing in gc.get_objects()]
    names = [(str(kind.__module__), kind.__qualname__) for kind in kinds]
    return Counter(
        name
        for module, name in names
        if module.startswith(("proxy.handlers", "proxy.upstream", "proxy.exchange", "proxy.errors", "proxy.dialects"))
    )


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_nothing_of_an_exchange_is_left_for_the_garbage_collector_when(
    way: Way, model_api: RawUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "falls_silent" in way.__name__:
        monkeypatch.setattr(body_module, "BODY_IDLE_SECONDS", 0.05)
    limits: dict[str, Any] = {"max_body_mb": 1, "idle_timeout_seconds": 1.0, "connect_timeout_seconds": 1.0}
    if "silent" in way.__name__:
        limits |= {"idle_timeout_seconds": 0.1, "connect_timeout_seconds": 0.1}
    async with proxy_before(model_api.url, tmp_path, **limits) as proxy:
        await all_is_well(proxy, model_api)
        await way(proxy, model_api)
        await _until_over(proxy)
        gc.collect()
        gc.disable()
        try:
            before = census()
            for _ in range(TIMES):
                await way(proxy, model_api)
            await _until_over(proxy)
            left = {name: count for name, count in (census() - before).items() if count >= TIMES}
        finally:
            gc.enable()
        assert proxy._clients.bodies.bytes == 0
    assert left == {}


async def _until_over(proxy: Proxy) -> None:
    """All clients are gone, and what the end of an exchange puts off to a later turn is done."""
    async with asyncio.timeout(10):
        while proxy._clients.connections or proxy.handler.under_way:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


async def test_of_heads_that_are_long_nothing_is_remembered(model_api: RawUpstream, tmp_path: Path) -> None:
    names, values = "x" * 30_000, "gzip, " * 5_000
    async with proxy_before(model_api.url, tmp_path) as proxy, await connect(proxy.url) as client:
        playing = asyncio.create_task(_answer_all(model_api))
        for number in range(41):
            if number == 1:
                tracemalloc.start()
            extra = (f"X-{number}{names}", "1"), ("Accept-Encoding", f"{number}, {values}")
            await client.send(request_bytes("GET /v1/models", *extra))
            assert (await client.message()).status == 200
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        playing.cancel()
    assert taken < 1_000_000, "of 2.4 million that they are"


async def _answer_all(model_api: RawUpstream) -> None:
    wire = await model_api.next()
    while True:
        await wire.message()
        await wire.send(answer_bytes())
