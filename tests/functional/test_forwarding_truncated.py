"""Answers that end too early: no client can take one for whole, whatever delimits it; the metric says what happened."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import (
    EndedError,
    Message,
    RawUpstream,
    answer_bytes,
    chunk_bytes,
    connect,
    request_bytes,
)

TO_THE_END = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
"""A stream that nothing delimits but the end of the connection."""
CHUNKED = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
TEXT = b'event: content_block_delta\ndata: {"type": "content_block_delta", "delta": {"text": "word"}}\n\n'
USAGE = b'event: message_delta\ndata: {"type": "message_delta", "usage": {"output_tokens": 7}}\n\n'
STOP = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
ERROR = b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error"}}\n\n'
CHAT_TEXT = b'data: {"choices": [{"delta": {"content": "word"}}]}\n\n'
MESSAGES = b'{"model": "m", "max_tokens": 9, "stream": true, "messages": []}'
CHAT = b'{"model": "m", "stream": true, "stream_options": {"include_usage": true}, "messages": []}'
STRIPPED = b'{"model": "m", "stream": true, "messages": []}'
JSON = ("Content-Type", "application/json")


def asking(target: str, body: bytes) -> bytes:
    return request_bytes(f"POST {target}", JSON, body=body)


ASK = asking("/v1/messages", MESSAGES)
ASK_1_0 = ASK.replace(b" HTTP/1.1", b" HTTP/1.0")


async def metric(proxy: Proxy, sample: str) -> float:
    lines = (await proxy.exposition()).decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " ")), 0.0)


async def ending(proxy: Proxy, which: str) -> float:
    return await metric(proxy, f'stillgate_exchange_endings_total{{ending="{which}"}}')


async def relayed(proxy: Proxy, model_api: RawUpstream, ask: bytes, said: bytes) -> tuple[bytes, bool]:
    """What the client got of it in chunks, and whether the last chunk came."""
    async with await connect(proxy.url) as client:
        await client.send(ask)
        wire, _ = await model_api.answer(said)
        wire.close()
        await client.head()
        got = b""
        try:
            while piece := await client.chunk():
                got += piece
        except EndedError:
            return got, False
        return got, True


@pytest.mark.parametrize(
    ("target", "body", "text", "mark"),
    [
        ("/v1/messages", MESSAGES, TEXT, b"api_error"),
        ("/v1/chat/completions", CHAT, CHAT_TEXT, b"bad_gateway"),
        ("/v1/chat/completions", STRIPPED, CHAT_TEXT, b"bad_gateway"),
    ],
    ids=["anthropic", "chat", "chat, usage taken out"],
)
async def test_a_stream_without_its_end_marker_broke_off_where_only_that_could_tell(
    proxy: Proxy, model_api: RawUpstream, target: str, body: bytes, text: bytes, mark: bytes
) -> None:
    got, whole = await relayed(proxy, model_api, asking(target, body), TO_THE_END + text)
    assert got.startswith(text)
    assert mark in got
    assert not whole
    assert await ending(proxy, "upstream_broke_off") == 1
    assert await metric(proxy, 'stillgate_upstream_errors_total{kind="broken"}') == 1


async def test_so_did_one_that_ends_within_an_event_which_gets_none_in_its_midst(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    assert await relayed(proxy, model_api, ASK, TO_THE_END + TEXT + TEXT[:30]) == (TEXT + TEXT[:30], False)
    assert await ending(proxy, "upstream_broke_off") == 1


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (ASK, TO_THE_END + TEXT + USAGE + STOP),
        (ASK, TO_THE_END + TEXT + USAGE),
        (ASK, TO_THE_END + TEXT + STOP.rstrip()),
        (ASK, TO_THE_END + TEXT + ERROR),
        (ASK, CHUNKED + chunk_bytes(TEXT) + b"0\r\n\r\n"),
        (ASK, TO_THE_END + TEXT + b"data: " + bytes(9 * 2**20)),
        (asking("/v1/chat/completions", CHAT), TO_THE_END + CHAT_TEXT + b"data: [DONE]\n\n"),
        (asking("/v1/chat/completions", CHAT), TO_THE_END + CHAT_TEXT + b"data: [DONE]"),
        (asking("/v1/other", b"{}"), TO_THE_END + TEXT),
    ],
    ids=[
        "marker",
        "usage",
        "marker without its blank line",
        "error of its own",
        "chunked",
        "an event too large to be read",
        "[DONE]",
        "[DONE] at the very end",
        "no dialect",
    ],
)
async def test_a_stream_that_may_be_whole_is_relayed_as_whole(
    proxy: Proxy, model_api: RawUpstream, ask: bytes, said: bytes
) -> None:
    got, whole = await relayed(proxy, model_api, ask, said)
    assert whole
    assert b"broke off" not in got
    assert await ending(proxy, "complete") == 1


@pytest.mark.parametrize(
    "said",
    [
        CHUNKED + chunk_bytes(TEXT + TEXT[:20]),
        CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n") + chunk_bytes(b"\x1f\x8b"),
        answer_bytes("200 OK", ("Transfer-Encoding", "chunked"), body=chunk_bytes(b"half")),
    ],
    ids=["within an event", "compressed", "plain"],
)
async def test_a_client_whose_answer_ends_with_the_connection_is_reset_where_it_is_truncated(
    proxy: Proxy, model_api: RawUpstream, said: bytes
) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK_1_0)
        wire, _ = await model_api.answer(said)
        await client.head()
        wire.close()
        with pytest.raises(EndedError):
            await client.rest()


async def test_where_an_event_can_tell_of_it_it_gets_that(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK_1_0)
        wire, _ = await model_api.answer(CHUNKED + chunk_bytes(TEXT))
        await client.head()
        wire.close()
        assert b"api_error" in await client.rest()


async def refused(proxy: Proxy, model_api: RawUpstream, said: bytes) -> Message:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(said)
        wire.close()
        return await client.message()


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (b"", "unanswered", "before it had answered"),
        (b"HTTP/1.1 200 OK\r\nContent-", "unanswered", "before it had answered"),
        (b"HTTP/1.1 nonsense\r\n\r\n", "malformed", "cannot be passed on"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "malformed", "cannot be passed on"),
        (b"HTTP/1.1 200 OK\r\nX: " + bytes(99) + b"\r\n\r\n", "malformed", "cannot be passed on"),
        (answer_bytes("200 OK", ("X", "x" * 40_000)), "malformed", "cannot be passed on"),
        (answer_bytes("200 OK", ("Content-Length", "5"), ("Transfer-Encoding", "chunked")), "malformed", "passed on"),
    ],
    ids=["nothing", "half a head", "no status", "101", "null bytes", "too long a line", "two framings"],
)
async def test_an_upstream_that_was_reached_is_not_told_of_as_unreachable(
    proxy: Proxy, model_api: RawUpstream, said: bytes, kind: str, words: str
) -> None:
    answer = await refused(proxy, model_api, said)
    assert answer.status == 502
    assert words in json.loads(answer.body)["error"]["message"].replace("is not one that can", "cannot")
    assert await metric(proxy, f'stillgate_upstream_errors_total{{kind="{kind}"}}') == 1
    assert await metric(proxy, 'stillgate_upstream_errors_total{kind="unreachable"}') == 0


async def test_one_that_cannot_be_reached_is(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        async with proxy_before(f"http://127.0.0.1:{probe.getsockname()[1]}", tmp_path) as proxy:
            async with await connect(proxy.url) as client:
                await client.send(ASK)
                answer = await client.message()
            assert "could not be reached" in json.loads(answer.body)["error"]["message"]
            assert await metric(proxy, 'stillgate_upstream_errors_total{kind="unreachable"}') == 1
