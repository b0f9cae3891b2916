"""Streams are relayed as they come, no faster than the client reads, and no longer than it stays."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import ONE_AT_A_TIME, proxy_before
from tests.functional.raw_http import EndedError, RawUpstream, Wire, answer_bytes, chunk_bytes, connect, request_bytes
from tests.redis_server import RedisServer

A_SECOND = 1.0
"""In which a client that has gone must be gone for the upstream, too."""
STREAM_HEAD = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
MESSAGES = b'{"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
CHAT = b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
RESPONSES = b'{"model": "m", "stream": true, "input": "Hi"}'
TOKENS = "version: 1\nquotas: [{id: itpm, key: [account], unit: input_tokens, rate: 1M/min}]\n"
PATHS = {"/v1/messages": MESSAGES, "/v1/chat/completions": CHAT, "/v1/responses": RESPONSES, "/v1/else": b"{}"}


def ask(path: str = "/v1/messages", *headers: tuple[str, str]) -> bytes:
    return request_bytes(f"POST {path}", ("Content-Type", "application/json"), *headers, body=PATHS[path])


def text_event(text: str) -> bytes:
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return f"event: content_block_delta\ndata: {json.dumps(delta)}\n\n".encode()


@asynccontextmanager
async def streaming(proxy: Proxy, model_api: RawUpstream, request: bytes) -> AsyncIterator[tuple[Wire, Wire]]:
    """A client and an upstream between whom the head of an event stream has passed."""
    async with await connect(proxy.url, read_buffer=2**14) as client:
        await client.send(request)
        wire, _ = await model_api.answer(STREAM_HEAD)
        assert (await client.head()).status == 200
        yield client, wire


@pytest.mark.parametrize("path", PATHS)
async def test_each_event_arrives_before_the_next_is_written(proxy: Proxy, model_api: RawUpstream, path: str) -> None:
    async with streaming(proxy, model_api, ask(path)) as (client, wire):
        for event in (text_event("Hel"), text_event("lo"), b": ping\n\n", b"data: [DONE]\n\n"):
            await wire.send(chunk_bytes(event))
            assert await client.chunk() == event
        await wire.send(b"0\r\n\r\n")
        assert await client.chunk() == b""


async def test_bytes_that_are_no_whole_event_are_not_held_back(proxy: Proxy, model_api: RawUpstream) -> None:
    async with streaming(proxy, model_api, ask()) as (client, wire):
        for part in (b"event: pi", b"ng\nda", b"ta: {}\n", b"\n"):
            await wire.send(chunk_bytes(part))
            assert await client.chunk() == part


async def test_of_a_request_whose_answer_streams_nothing_stays_but_its_facts(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    async with streaming(proxy, model_api, ask()) as (client, wire):
        (exchange,) = proxy.handler.open.values()
        assert (exchange.arrival.body, list(exchange.arrival.headers)) == (None, [])
        await wire.send(b"0\r\n\r\n")
        assert await client.chunk() == b""


async def test_each_event_of_a_compressed_stream_arrives_before_the_next_is_written(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    packer = zlib.compressobj(wbits=31)
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    async with await connect(proxy.url) as client:
        await client.send(ask("/v1/messages", ("Accept-Encoding", "gzip")))
        wire, _ = await model_api.answer(head)
        assert (await client.head()).values("Content-Encoding") == ["gzip"]
        received = b""
        for text in ("Hel", "lo"):
            packed = packer.compress(text_event(text)) + packer.flush(zlib.Z_SYNC_FLUSH)
            await wire.send(chunk_bytes(packed))
            received += await client.chunk()
        await wire.send(chunk_bytes(packer.flush()) + b"0\r\n\r\n")
        while chunk := await client.chunk():
            received += chunk
    assert gzip.decompress(received) == text_event("Hel") + text_event("lo")


async def test_usage_that_only_the_proxy_asked_for_is_taken_out_and_nothing_else(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    text = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}], "usage": null}\n\n'
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}\n\n'
    body = text + usage + b"data: [DONE]\n\n"
    async with proxy_before(model_api.url, tmp_path, TOKENS) as proxy, await connect(proxy.url) as client:
        await client.send(ask("/v1/chat/completions", ("Accept-Encoding", "gzip")))
        wire, request = await model_api.request()
        assert (b"include_usage" in request.body, request.values("Accept-Encoding")) == (True, ["identity"])
        # The length that such an upstream tells of is that of what the client does not get.
        await wire.send(answer_bytes("200 OK", ("Content-Type", "text/event-stream"), body=body))
        answer = await client.message()
    assert answer.body == text + b"data: [DONE]\n\n"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/else"])
async def test_a_client_that_does_not_read_stops_the_upstreams_writing(
    proxy: Proxy, model_api: RawUpstream, path: str
) -> None:
    event = b"data: " + b"x" * 2**16 + b"\n\n"
    async with streaming(proxy, model_api, ask(path)) as (client, wire):
        client.stop_reading()
        accepted = await wire.fill(chunk_bytes(event), 2**26)
        assert accepted < 4 * 2**20
        client.read_on()
        held = 0
        while held < accepted // len(chunk_bytes(event)) * len(event):  # all of it is still there, and whole
            held += len(await client.chunk())


async def left(client: Wire) -> None:
    client.close()


async def reset(client: Wire) -> None:
    client.reset()


LEAVING = pytest.mark.parametrize("leave", [left, reset])
Leave = Callable[[Wire], Awaitable[None]]


@LEAVING
async def test_a_client_that_leaves_before_the_head_takes_its_upstream_request_along(
    proxy: Proxy, model_api: RawUpstream, leave: Leave
) -> None:
    client = await connect(proxy.url)
    await client.send(ask())
    wire, _ = await model_api.request()
    await leave(client)
    await wire.ended(A_SECOND)


@LEAVING
async def test_a_client_that_leaves_in_mid_stream_takes_its_upstream_request_along(
    proxy: Proxy, model_api: RawUpstream, leave: Leave
) -> None:
    async with streaming(proxy, model_api, ask()) as (client, wire):
        await wire.send(chunk_bytes(text_event("Hi")))
        await client.chunk()
        await leave(client)
        await wire.ended(A_SECOND)


@LEAVING
async def test_a_client_that_leaves_unread_bytes_behind_takes_its_upstream_request_along(
    proxy: Proxy, model_api: RawUpstream, leave: Leave
) -> None:
    async with streaming(proxy, model_api, ask()) as (client, wire):
        client.stop_reading()
        await wire.fill(chunk_bytes(b"data: " + b"x" * 2**16 + b"\n\n"), 2**26)
        await leave(client)
        await wire.ended(A_SECOND)


async def test_a_client_that_leaves_while_its_body_is_passed_through_takes_it_along(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    client = await connect(proxy.url)
    await client.send(request_bytes("POST /v1/files", ("Content-Length", "100")) + b"half")
    wire = await model_api.next()
    await wire.head()
    client.close()
    await wire.ended(A_SECOND)


async def test_a_slot_is_free_when_the_end_of_its_stream_arrives(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_before(model_api.url, tmp_path, ONE_AT_A_TIME) as proxy:
        for _ in range(20):
            async with streaming(proxy, model_api, ask()) as (client, wire):
                await wire.send(chunk_bytes(b'event: message_stop\ndata: {"type": "message_stop"}\n\n'))
                await client.chunk()
                async with await connect(proxy.url) as other:
                    await other.send(request_bytes("POST /v1/else"))
                    next_wire, _ = await model_api.request()
                    await next_wire.send(answer_bytes("200 OK", ("Connection", "close")))
                    assert (await other.message()).status == 200
                wire.close()


async def test_a_slot_is_free_after_its_client_has_left(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_before(model_api.url, tmp_path, ONE_AT_A_TIME) as proxy:
        for _ in range(20):
            async with streaming(proxy, model_api, ask()) as (client, wire):
                client.close()
                await wire.ended(A_SECOND)
        async with await connect(proxy.url) as client:
            await client.send(ask())
            await model_api.answer(answer_bytes())
            assert (await client.message()).status == 200


@pytest.mark.parametrize("store", ["memory", "redis"])
async def test_whenever_a_client_leaves_its_exchange_settles_once(
    tmp_path: Path, own_redis: RedisServer, caplog: pytest.LogCaptureFixture, store: str
) -> None:
    """It leaves a few turns of the event loop later each time, from before the head to after the end."""
    end = chunk_bytes(b'event: message_stop\ndata: {"type": "message_stop"}\n\n') + b"0\r\n\r\n"

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with Wire(reader, writer) as wire:
            with suppress(EndedError):
                await wire.message()
                writer.write(STREAM_HEAD + chunk_bytes(text_event("Hi")))
                for _ in range(40):  # so that some leave between the head and the end, however fast the machine
                    await asyncio.sleep(0)
                writer.write(end)

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    place = own_redis.url if store == "redis" else "memory://"
    async with server, proxy_before(url, tmp_path, ONE_AT_A_TIME, store=place) as proxy:
        for turns in range(180):
            client = await connect(proxy.url)
            client.writer.write(ask())
            for _ in range(turns):
                await asyncio.sleep(0)
            client.reset()
            while proxy.handler.under_way:
                await asyncio.sleep(0)
        samples = dict(line.rpartition(" ")[::2] for line in (await proxy.exposition()).decode().splitlines())
    admitted = float(samples['stillgate_exchanges_total{dialect="anthropic_messages",outcome="allow"}'])
    endings = {name: float(value) for name, value in samples.items() if "exchange_endings_total{" in name}
    assert sum(endings.values()) == admitted
    assert len(endings) == 3  # complete, client_gone, and before the head client_gave_up
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert admitted > 50
