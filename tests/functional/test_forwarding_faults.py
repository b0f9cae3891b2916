"""What a client is told when the upstream fails: a whole answer before the head, after it none that looks whole."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from proxy.observe import LOGS_PER_SECOND
from proxy.serving.process import Proxy
from proxy.upstream.client import ClientOptions, HttpUpstream
from proxy.upstream.protocol import UpstreamRequest
from tests.functional.proxy_in_process import ONE_AT_A_TIME, proxy_before
from tests.functional.raw_http import (
    EndedError,
    Message,
    RawUpstream,
    Wire,
    answer_bytes,
    chunk_bytes,
    connect,
    request_bytes,
)

STREAM_HEAD = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
EVENT = b'event: ping\ndata: {"type": "ping"}\n\n'
MESSAGES = b'{"model": "m", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
CHAT = b'{"model": "m", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
ASK = request_bytes("POST /v1/messages", ("Content-Type", "application/json"), body=MESSAGES)
RESPONSES = b'{"model": "m", "stream": true, "input": "Hi"}'
ASK_RESPONSES = request_bytes("POST /v1/responses", ("Content-Type", "application/json"), body=RESPONSES)
ASK_CHAT = request_bytes("POST /v1/chat/completions", ("Content-Type", "application/json"), body=CHAT)
IDLE_SECONDS = 0.2


async def told(proxy: Proxy, request: bytes = ASK) -> Message:
    async with await connect(proxy.url) as client:
        await client.send(request)
        return await client.message()


def error_of(answer: Message) -> dict[str, Any]:
    return dict(json.loads(answer.body)["error"])


@pytest.fixture
def dead_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_upstream_that_cannot_be_reached_is_a_502_in_the_dialects_own_shape(
    dead_port: int, tmp_path: Path
) -> None:
    async with proxy_before(f"http://127.0.0.1:{dead_port}", tmp_path) as proxy:
        anthropic, openai = await told(proxy), await told(proxy, ASK_CHAT)
    assert (anthropic.status, error_of(anthropic)["type"]) == (502, "api_error")
    assert json.loads(anthropic.body)["request_id"] == anthropic.values("request-id")[0]
    assert (openai.status, error_of(openai)["code"]) == (502, "bad_gateway")
    assert str(dead_port) not in repr(anthropic) + repr(openai)


async def test_an_upstream_that_fails_all_exchanges_does_not_fill_the_log(
    dead_port: int, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy_before(f"http://127.0.0.1:{dead_port}", tmp_path) as proxy:
        monkeypatch.setattr(proxy.clock, "monotonic_us", lambda: 5_000_000)
        for _ in range(LOGS_PER_SECOND + 5):
            assert (await told(proxy)).status == 502
        counted = f'stillgate_upstream_errors_total{{kind="unreachable"}} {LOGS_PER_SECOND + 5}.0\n'
        assert counted in (await proxy.exposition()).decode()
    lines = [record for record in caplog.records if record.message == "upstream failed"]
    assert len(lines) == LOGS_PER_SECOND
    assert vars(lines[0])["exchange"].startswith("req_")
    assert str(dead_port) in vars(lines[0])["fault"]


async def test_a_host_that_has_no_address_is_a_502(tmp_path: Path) -> None:
    async with proxy_before("http://no-such-host.invalid", tmp_path) as proxy:
        assert (await told(proxy)).status == 502


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-"], ids=["nothing", "half a head"])
@pytest.mark.parametrize("broken", ["closed", "reset"])
async def test_a_connection_that_breaks_off_before_the_head_is_a_502(
    proxy: Proxy, model_api: RawUpstream, said: bytes, broken: str
) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(said)
        if broken == "closed":
            wire.close()
        else:
            wire.reset()
        assert (await client.message()).status == 502
    assert model_api.accepted == 1  # a POST may have taken effect, and so is not sent again


async def test_an_idempotent_request_is_repeated_once(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("GET /v1/models"))
        for _ in range(2):
            wire, _ = await model_api.request()
            wire.close()
        assert (await client.message()).status == 502
        await client.send(request_bytes("GET /v1/models"))
        wire, _ = await model_api.request()
        wire.close()
        await model_api.answer(answer_bytes(body=b"at the second try"))
        assert (await client.message()).body == b"at the second try"


async def test_a_kept_connection_that_the_upstream_has_closed_costs_no_request(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    async with await connect(proxy.url) as client:
        for number in range(20):
            await client.send(ASK)
            wire, _ = await model_api.answer(answer_bytes(body=b"%d" % number))
            assert (await client.message()).body == b"%d" % number
            wire.close()


async def test_a_kept_connection_is_not_used_once_its_end_has_arrived_heard_of_or_not() -> None:
    """Without a turn of the event loop between the upstream's end and the next request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(2.0)
        upstream = HttpUpstream(ClientOptions(f"http://127.0.0.1:{listener.getsockname()[1]}", 5.0, 5.0))
        request = UpstreamRequest("POST", "/v1/messages", [("Content-Length", "2")], b"{}")

        def serve_one() -> socket.socket:
            connection, _ = listener.accept()
            connection.recv(2**16)
            connection.sendall(answer_bytes())
            return connection

        for _ in range(5):
            answer, connection = await asyncio.gather(upstream.send(request), asyncio.to_thread(serve_one))
            pieces: list[bytes] = []
            await answer.relay(pieces.append)
            assert pieces == []
            connection.close()
        await upstream.close()


async def test_an_upstream_that_does_not_answer_in_time_is_a_504(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_before(model_api.url, tmp_path, idle_timeout_seconds=IDLE_SECONDS) as proxy:
        for request, code in ((ASK, "timeout_error"), (ASK_CHAT, "server_error")):
            answer = await told(proxy, request)
            assert (answer.status, error_of(answer)["type"]) == (504, code)
            await (await model_api.next()).ended(1.0)


async def test_an_upstream_that_reads_nothing_of_a_long_body_is_a_504(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_before(
        model_api.url, tmp_path, connect_timeout_seconds=0.2, idle_timeout_seconds=IDLE_SECONDS
    ) as proxy:
        for target in ("/v1/messages", "/v1/files"):
            async with await connect(proxy.url) as client:
                await client.send(request_bytes(f"POST {target}", ("Content-Length", str(2**24))))
                wire = await model_api.next() if target == "/v1/files" else None
                if wire is not None:
                    wire.stop_reading()
                client.writer.write(bytes(2**24))
                if wire is None:
                    (await model_api.next()).stop_reading()
                assert (await client.message()).status == 504


async def test_silence_in_mid_stream_ends_the_stream_with_an_error_event(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with (
        proxy_before(model_api.url, tmp_path, idle_timeout_seconds=IDLE_SECONDS) as proxy,
        await connect(proxy.url) as client,
    ):
        await client.send(ASK)
        wire, _ = await model_api.answer(STREAM_HEAD + chunk_bytes(EVENT))
        await client.head()
        assert await client.chunk() == EVENT
        assert b"timeout_error" in await client.chunk()
        assert await client.rest() == b""
        await wire.ended(1.0)


@pytest.mark.parametrize(
    ("ask", "marks"),
    [
        (ASK, (b"event: error\ndata: ", b'"type":"api_error"')),
        (ASK_CHAT, (b"data: ", b'"code":"bad_gateway"')),
        (ASK_RESPONSES, (b"event: error\n", b'"type":"error"')),
    ],
    ids=["anthropic", "chat", "responses"],
)
@pytest.mark.parametrize("broken", ["closed", "reset"])
async def test_a_stream_that_breaks_off_ends_with_an_error_event_and_without_the_last_chunk(
    proxy: Proxy, model_api: RawUpstream, ask: bytes, marks: tuple[bytes, ...], broken: str
) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ask)
        wire, _ = await model_api.answer(STREAM_HEAD + chunk_bytes(EVENT))
        await client.head()
        assert await client.chunk() == EVENT
        if broken == "closed":
            wire.close()
        else:
            wire.reset()
        error = await client.chunk()
        assert all(mark in error for mark in marks)
        assert error.endswith(b"\n\n")
        assert await client.rest() == b""


async def test_no_error_event_is_put_into_the_middle_of_another(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(STREAM_HEAD + chunk_bytes(EVENT + b"event: pi"))
        await client.head()
        assert await client.chunk() == EVENT + b"event: pi"
        wire.close()
        assert await client.rest() == b""


async def test_no_error_event_is_put_into_a_compressed_stream(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
        wire, _ = await model_api.answer(head + chunk_bytes(b"\x1f\x8b"))
        await client.head()
        await client.chunk()
        wire.close()
        assert await client.rest() == b""


@pytest.mark.parametrize(
    "started",
    [
        answer_bytes("200 OK", ("Content-Length", "100"), body=b"half"),
        answer_bytes("200 OK", ("Content-Length", "100")),
        answer_bytes("200 OK", ("Transfer-Encoding", "chunked"), body=chunk_bytes(b"half")),
        answer_bytes("200 OK", ("Transfer-Encoding", "chunked"), body=b"ff\r\nhalf"),
    ],
    ids=["of known length", "of known length, at once", "chunked", "within a chunk"],
)
async def test_a_plain_answer_that_breaks_off_is_cut(proxy: Proxy, model_api: RawUpstream, started: bytes) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(started)
        wire.close()
        with pytest.raises(EndedError):
            await client.message()


@pytest.mark.parametrize("status", ["429 Too Many Requests", "529 Overloaded"])
async def test_the_upstreams_own_refusals_pass_with_their_headers(
    model_api: RawUpstream, tmp_path: Path, status: str
) -> None:
    theirs = [("retry-after", "7"), ("anthropic-ratelimit-requests-remaining", "0"), ("x-should-retry", "true")]
    body = b'{"type": "error", "error": {"type": "overloaded_error", "message": "Later."}}'
    policy = "version: 1\nquotas:\n  - {id: rpm, key: [account], unit: requests, rate: 50/min}\n"
    async with proxy_before(model_api.url, tmp_path, policy) as proxy, await connect(proxy.url) as client:
        await client.send(ASK)
        await model_api.answer(answer_bytes(status, *theirs, body=body))
        answer = await client.message()
    assert (answer.start, answer.body) == (f"HTTP/1.1 {status}", body)
    assert [pair for pair in answer.headers if pair[0] not in ("Content-Length", "Date", "request-id")] == theirs


async def test_a_slot_is_free_however_the_upstream_fails(model_api: RawUpstream, tmp_path: Path) -> None:
    async def play(wire: Wire, number: int) -> None:
        await wire.message()
        await wire.send([b"", STREAM_HEAD, STREAM_HEAD + chunk_bytes(EVENT), b"HTTP/1.1 nonsense\r\n\r\n"][number % 4])
        wire.close()

    async with proxy_before(model_api.url, tmp_path, ONE_AT_A_TIME) as proxy:
        for number in range(8):
            async with await connect(proxy.url) as client:
                await client.send(request_bytes("POST /v1/messages", ("Connection", "close"), body=MESSAGES))
                await play(await model_api.next(), number)
                await client.rest()
        async with await connect(proxy.url) as client:
            await client.send(ASK)
            await model_api.answer(answer_bytes())
            assert (await client.message()).status == 200
