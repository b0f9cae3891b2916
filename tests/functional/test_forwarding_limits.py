"""What is refused for its size or its form: told with a 4xx, at once, before the upstream hears of it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import proxy.handlers.body as body_module
from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import ONE_AT_A_TIME, proxy_before
from tests.functional.raw_http import PATIENCE, Message, RawUpstream, answer_bytes, chunk_bytes, connect, request_bytes

MIB = 2**20
SECRET = "sk-secret-canary"
JSON = ("Content-Type", "application/json")


@pytest.fixture
async def small(model_api: RawUpstream, tmp_path: Path) -> AsyncIterator[Proxy]:
    """A proxy that reads bodies of up to one MiB."""
    async with proxy_before(model_api.url, tmp_path, max_body_mb=1) as running:
        yield running


async def refused(proxy: Proxy, data: bytes) -> Message:
    """The answer to bytes after which the proxy has nothing to wait for."""
    async with await connect(proxy.url) as client:
        client.writer.write(data)
        answer = await client.message()
        await client.ended()
    return answer


async def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(
    small: Proxy, model_api: RawUpstream
) -> None:
    async with await connect(small.url) as client:
        length = ("Content-Length", str(MIB + 1))
        await client.send(request_bytes("POST /v1/messages", length, ("Expect", "100-continue")))
        answer = await client.message()
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (413, "request_too_large")
    assert answer.values("Connection") == ["close"]
    assert model_api.accepted == 0


async def test_a_body_that_grows_too_large_is_refused_while_it_is_sent(small: Proxy, model_api: RawUpstream) -> None:
    async with await connect(small.url) as client:
        await client.send(request_bytes("POST /v1/chat/completions", ("Transfer-Encoding", "chunked")))
        client.writer.write(chunk_bytes(bytes(MIB)) + chunk_bytes(b"x"))
        answer = await client.message()
    assert (answer.status, json.loads(answer.body)["error"]["code"]) == (413, "request_too_large")
    assert model_api.accepted == 0


async def test_a_body_of_just_the_limit_passes(small: Proxy, model_api: RawUpstream) -> None:
    async with await connect(small.url) as client:
        await client.send(request_bytes("POST /v1/messages", body=bytes(MIB)))
        _, request = await model_api.answer(answer_bytes())
        assert (await client.message()).status == 200
    assert len(request.body) == MIB


async def test_a_body_that_nobody_reads_here_may_be_as_large_as_it_likes(small: Proxy, model_api: RawUpstream) -> None:
    async with await connect(small.url) as client:
        client.writer.write(request_bytes("POST /v1/files", body=bytes(3 * MIB)))
        _, request = await model_api.answer(answer_bytes())
        assert (await client.message()).status == 200
    assert len(request.body) == 3 * MIB


WHOLE = bytes(50_000)
UNREAD = {
    "no request": request_bytes("POST /v1/messages#fragment", body=WHOLE),
    "no text in its head": request_bytes("POST /v1/messages", ("X-A", "\udcff"), body=WHOLE),
    "a tunnel": request_bytes("CONNECT api.example.com:443", body=WHOLE),
    "denied on its way through": request_bytes("POST /denied/files", body=WHOLE),
    "too large by its last piece": request_bytes("POST /v1/messages", ("Transfer-Encoding", "chunked"))
    + chunk_bytes(bytes(MIB - 1)),
}


@pytest.mark.parametrize("case", UNREAD)
async def test_a_body_that_is_refused_unread_takes_no_room_from_others(
    model_api: RawUpstream, tmp_path: Path, case: str
) -> None:
    policy = "version: 1\naccess: [{id: r, deny: {path: /denied/*}}]"
    async with proxy_before(model_api.url, tmp_path, policy, max_body_mb=1) as proxy:
        async with await connect(proxy.url) as client:
            await client.send(UNREAD[case])
            if b"chunked" in UNREAD[case][:100]:
                await came(proxy, MIB - 1)
                await client.send(chunk_bytes(b"xx") + b"0\r\n\r\n")
            assert (await client.message()).status in (400, 403, 413)
        await came(proxy, 0)


async def came(proxy: Proxy, size: int) -> None:
    """Returns once bodies of so many bytes wait."""
    async with asyncio.timeout(PATIENCE):
        while (await _waiting(proxy)) != size:
            await asyncio.sleep(0.01)


async def _waiting(proxy: Proxy) -> float:
    lines = (await proxy.exposition()).decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("stillgate_client_bodies_bytes "))


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
LONG = b"y" * 40_000
MANY = b"".join(b"X-%d: y\r\n" % number for number in range(200))
FLOODS = {
    "many headers": (HEAD + MANY, b"\r\n", 431, "more than 128 header fields"),
    "a long value": (HEAD + b"X: " + LONG, b"\r\n\r\n", 431, "header line is longer than 32 KiB"),
    "a long head": (
        HEAD + b"X: %s\r\n" % (b"y" * 8_000) * 12,
        b"\r\n",
        431,
        "head of the request is longer than 64 KiB",
    ),
    "a long name": (HEAD + LONG, b": x\r\n\r\n", 431, "header line is longer than 32 KiB"),
    "a long path": (b"GET /" + LONG, b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "target is longer than 32 KiB"),
    "a long query": (b"GET /?" + LONG, b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "target is longer than 32 KiB"),
}


@pytest.mark.parametrize("case", FLOODS)
@pytest.mark.parametrize("is_whole", [False, True], ids=["begun", "whole"])
async def test_a_head_beyond_all_bounds_is_refused_with_the_limit_and_what_follows_is_not_read(
    proxy: Proxy, model_api: RawUpstream, case: str, is_whole: bool
) -> None:
    begun, rest, status, told = FLOODS[case]
    answer = await refused(proxy, begun + (rest + HEAD + b"\r\n" if is_whole else b""))
    assert answer.status == status
    assert told in answer.body.decode()
    assert b'stillgate_responses_total{code="%d",source="proxy"} 1.0' % status in await proxy.exposition()
    assert model_api.accepted == 0


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/files"], ids=["read", "passed through"])
@pytest.mark.parametrize("behind", [b"2\r\n{}\r\n0\r\nX: ", b"2;x="], ids=["a trailer", "an extension"])
async def test_what_stands_between_the_pieces_of_a_body_may_not_go_on_for_ever(
    proxy: Proxy, target: str, behind: bytes
) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request_bytes(f"POST {target}", ("Transfer-Encoding", "chunked")) + behind)
        client.writer.write(b"y" * 2**18)
        assert (await client.message()).status == 400


CHUNKED = "Transfer-Encoding: chunked\r\n"
AMBIGUOUS = {
    "length and chunked": (f"Content-Length: 5\r\n{CHUNKED}", "0\r\n\r\n"),
    "chunked and length": (f"{CHUNKED}Content-Length: 5\r\n", "0\r\n\r\n"),
    "two lengths": ("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
    "one length twice": ("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
    "a list of lengths": ("Content-Length: 5, 5\r\n", "hello"),
    "a signed length": ("Content-Length: +5\r\n", "hello"),
    "a hexadecimal length": ("Content-Length: 0x5\r\n", "hello"),
    "a negative length": ("Content-Length: -5\r\n", "hello"),
    "a blank before the colon": ("Content-Length : 5\r\n", "hello"),
    "a folded line": ("X: y\r\n Content-Length: 5\r\n", "hello"),
    "a bare line feed": ("X: y\nContent-Length: 5\r\n", "hello"),
    "a bare carriage return": ("X: y\rContent-Length: 5\r\n", "hello"),
    "a null byte": ("X: y\0\r\n", ""),
    "chunked twice": (f"{CHUNKED}{CHUNKED}", "0\r\n\r\n"),
    "chunked and more": ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
    "another coding before chunked": ("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
    "another coding": ("Transfer-Encoding: gzip\r\n", "0\r\n\r\n"),
    "a coding that looks like chunked": ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
    "chunked behind a vertical tab": ("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"),
    "a chunk size that is none": (CHUNKED, "zz\r\n"),
    "a chunk size with a sign": (CHUNKED, "+1\r\nx\r\n0\r\n\r\n"),
    "a chunk size beyond all bounds": (CHUNKED, "fffffffffffffffff\r\n"),
    "a chunk that ends elsewhere": (CHUNKED, "1\r\nxyz\r\n0\r\n\r\n"),
    "chunks with bare line feeds": (CHUNKED, "1\nx\n0\n\n"),
    "two encodings of the body": ("Content-Encoding: identity\r\nContent-Encoding: br\r\nContent-Length: 2\r\n", "{}"),
    "two hosts": ("Host: b\r\n", ""),
}


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/files"], ids=["read", "passed through"])
@pytest.mark.parametrize("case", AMBIGUOUS)
async def test_what_two_servers_might_read_differently_is_refused(
    proxy: Proxy, model_api: RawUpstream, case: str, target: str
) -> None:
    headers, body = AMBIGUOUS[case]
    answer = await refused(proxy, f"POST {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n{body}".encode())
    assert answer.status == 400
    assert model_api.accepted == 0


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /v1/messages#fragment HTTP/1.1",
        "POST /v1/\udcff HTTP/1.1",
        "POST /v1/a b HTTP/1.1",
        "POST v1/messages HTTP/1.1",
        "POST /v1/messages HTTP/1.2",
        "POST /v1/messages",
        "post /v1/messages HTTP/1.1",
        "BREW /pot HTTP/1.1",
        "CONNECT api.example.com:443 HTTP/1.1",
        "PRI * HTTP/2.0",
    ],
)
async def test_a_request_line_that_is_none_is_refused(proxy: Proxy, model_api: RawUpstream, request_line: str) -> None:
    data = f"{request_line}\r\nHost: a\r\nConnection: close\r\n\r\n".encode("utf-8", "surrogateescape")
    assert (await refused(proxy, data)).status == 400
    assert model_api.accepted == 0


async def test_a_trace_is_refused_because_its_answer_could_hold_the_operators_key(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with proxy_before(model_api.url, tmp_path, upstream_key="sk-operator") as proxy:
        answer = await refused(proxy, b"TRACE /v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (answer.status, model_api.accepted) == (501, 0)


async def test_chunked_is_not_believed_of_http_1_0(proxy: Proxy, model_api: RawUpstream) -> None:
    data = b"POST /v1/files HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert (await refused(proxy, data)).status == 400
    assert model_api.accepted == 0


async def test_a_request_without_host_is_refused(proxy: Proxy) -> None:
    assert (await refused(proxy, b"GET / HTTP/1.1\r\n\r\n")).status == 400


async def test_one_key_cannot_be_made_to_look_like_many(proxy: Proxy, model_api: RawUpstream) -> None:
    """Bytes that would be lost on the way upstream would leave the same key, hashed as another."""
    for lost in ("\udc80", "\udcff"):
        data = request_bytes("GET /v1/models", ("x-api-key", f"sk-real{lost}"), ("Connection", "close"))
        assert (await refused(proxy, data)).status == 400
    assert model_api.accepted == 0


@pytest.mark.parametrize(
    "data",
    [
        f"GET / HTTP/1.1\r\nx-api-key: {SECRET}\x01\r\n\r\n",
        f"GET / HTTP/1.1\r\nAuthorization Bearer {SECRET}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: a\r\n{CHUNKED}\r\n{SECRET}\r\n",
        f"{SECRET}\r\n\r\n",
    ],
)
async def test_what_is_malformed_is_neither_logged_nor_sent_back(
    proxy: Proxy, data: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await refused(proxy, data.encode())
    assert answer.status == 400
    assert SECRET not in repr(answer) + caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert b'stillgate_responses_total{code="400",source="proxy"} 1.0' in await proxy.exposition()


async def test_half_a_request_holds_no_slot(model_api: RawUpstream, tmp_path: Path) -> None:
    async with (
        proxy_before(model_api.url, tmp_path, ONE_AT_A_TIME) as proxy,
        await connect(proxy.url) as slow,
        await connect(proxy.url) as slower,
        await connect(proxy.url) as client,
    ):
        await slower.send(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\n")
        await slow.send(request_bytes("POST /v1/messages", ("Content-Length", "100")) + b"half")
        await client.send(request_bytes("POST /v1/messages", body=b"{}"))
        await model_api.answer(answer_bytes())
        assert (await client.message()).status == 200
        await slow.send(bytes(96))
        await model_api.wires[0].message()
        await model_api.wires[0].send(answer_bytes())
        assert (await slow.message()).status == 200


@pytest.mark.parametrize("rest", [b"", b"zz\r\n"], ids=["that stops coming", "that goes on as nonsense"])
@pytest.mark.parametrize("target", ["/v1/messages", "/v1/files"], ids=["read", "passed through"])
async def test_a_body_is_not_waited_for_for_ever(
    proxy: Proxy, model_api: RawUpstream, monkeypatch: pytest.MonkeyPatch, target: str, rest: bytes
) -> None:
    monkeypatch.setattr(body_module, "BODY_IDLE_SECONDS", 0.2)
    async with await connect(proxy.url) as client:
        await client.send(request_bytes(f"POST {target}", ("Transfer-Encoding", "chunked")) + chunk_bytes(b"half"))
        if target == "/v1/files":
            await (await model_api.next()).head()
        await client.send(rest)
        assert (await client.message()).status == 400
        for wire in model_api.wires:
            await wire.ended(1.0)


async def test_a_slow_client_has_all_the_time_it_needs(model_api: RawUpstream, tmp_path: Path) -> None:
    async with (
        proxy_before(model_api.url, tmp_path, connect_timeout_seconds=0.1, idle_timeout_seconds=0.1) as proxy,
        await connect(proxy.url) as client,
    ):
        await client.send(request_bytes("POST /v1/files", ("Content-Length", "5")) + b"v")
        wire = await model_api.next()
        await wire.head()
        assert await wire.exactly(1) == b"v"
        for byte in (b"e", b"r", b"y", b"!"):
            with pytest.raises(TimeoutError):
                await wire.ended(0.15)
            await client.send(byte)
            assert await wire.exactly(1) == byte
        await wire.send(answer_bytes())
        assert (await client.message()).status == 200
