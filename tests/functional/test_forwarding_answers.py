"""What the upstream answers is what the client gets: status, reason, headers and body, but for the hop's own."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.serving.process import Proxy
from tests.functional.raw_http import (
    Headers,
    Message,
    RawUpstream,
    Wire,
    answer_bytes,
    chunk_bytes,
    connect,
    request_bytes,
)

BINARY = bytes(range(256)) * 17
MESSAGES = request_bytes(
    "POST /v1/messages",
    ("Content-Type", "application/json"),
    ("Accept-Encoding", "gzip"),
    body=b'{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}',
)


@asynccontextmanager
async def answering(proxy: Proxy, model_api: RawUpstream, request: bytes, answer: bytes) -> AsyncIterator[Wire]:
    """A client whose request the upstream has answered, and who has read nothing yet."""
    async with await connect(proxy.url) as client:
        await client.send(request)
        await model_api.answer(answer)
        yield client


async def passed_on(
    proxy: Proxy, model_api: RawUpstream, answer: bytes, start: str = "GET /v1/models", *, bodiless: bool = False
) -> Message:
    async with answering(proxy, model_api, request_bytes(start), answer) as client:
        return await client.message(bodiless=bodiless)


def as_given(headers: Headers) -> Headers:
    """Without what the proxy adds."""
    return [pair for pair in headers if pair[0] not in ("Date", "x-request-id")]


@pytest.mark.parametrize(
    "status",
    [
        "200 OK",
        "200 ",
        "201 Gemacht wie gew\u00fcnscht",
        "206 Partial Content",
        "301 Moved Permanently",
        "307 Temporary Redirect",
        "400 Bad",
        "401 Unauthorized",
        "404 Nothing here",
        "418 I'm a teapot",
        "429 Too Many Requests",
        "500 Oops",
        "529 Overloaded",
        "599 Unheard of",
    ],
)
async def test_status_and_reason_pass(proxy: Proxy, model_api: RawUpstream, status: str) -> None:
    answer = await passed_on(proxy, model_api, answer_bytes(status, ("Location", "/elsewhere"), body=b"body"))
    assert (answer.start, answer.body) == (f"HTTP/1.1 {status}", b"body")
    assert answer.values("Location") == ["/elsewhere"]
    assert model_api.accepted == 1


@pytest.mark.parametrize("size", [0, 1, 1 << 20, 3 << 20], ids=["empty", "a byte", "1 MiB", "3 MiB"])
async def test_a_body_of_known_length_passes_byte_for_byte(proxy: Proxy, model_api: RawUpstream, size: int) -> None:
    body = (BINARY * (size // len(BINARY) + 1))[:size]
    async with await connect(proxy.url) as client:
        await client.send(MESSAGES)
        wire, _ = await model_api.request()
        wire.writer.write(answer_bytes(body=body))
        answer = await client.message()
    assert (answer.body, answer.values("Content-Length"), answer.chunked) == (body, [str(size)], False)


async def test_a_chunked_body_passes_byte_for_byte(proxy: Proxy, model_api: RawUpstream) -> None:
    body = b"".join(chunk_bytes(part) for part in (BINARY, b"x", BINARY * 300)) + b"0\r\nX-Trailer: lost\r\n\r\n"
    answer = await passed_on(proxy, model_api, answer_bytes("200 OK", ("Transfer-Encoding", "chunked"), body=body))
    assert (answer.body, answer.chunked) == (BINARY + b"x" + BINARY * 300, True)


async def test_a_body_that_ends_with_its_connection_passes_as_one_that_has_an_end(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("GET /v1/models"))
        wire, _ = await model_api.request()
        await wire.send(b"HTTP/1.0 200 OK\r\n\r\n" + BINARY)
        wire.close()
        answer = await client.message()
    assert (answer.body, answer.chunked) == (BINARY, True)


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/files"], ids=["metered", "passed through"])
async def test_a_compressed_answer_stays_as_it_is(proxy: Proxy, model_api: RawUpstream, target: str) -> None:
    body = gzip.compress(json.dumps({"usage": {"input_tokens": 3, "output_tokens": 5}}).encode())
    request = MESSAGES.replace(b"/v1/messages", target.encode())
    async with answering(
        proxy, model_api, request, answer_bytes("200 OK", ("Content-Encoding", "gzip"), body=body)
    ) as client:
        answer = await client.message()
    assert (answer.body, answer.values("Content-Encoding")) == (body, ["gzip"])


async def test_an_encoding_that_nobody_here_knows_passes_as_well(proxy: Proxy, model_api: RawUpstream) -> None:
    async with answering(
        proxy, model_api, MESSAGES, answer_bytes("200 OK", ("Content-Encoding", "br"), body=BINARY)
    ) as client:
        assert (await client.message()).body == BINARY


async def test_the_answer_to_head_keeps_the_length_it_tells_of(proxy: Proxy, model_api: RawUpstream) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 12345\r\n\r\n"
    async with answering(proxy, model_api, request_bytes("HEAD /v1/models") * 2, head) as client:
        answer = await client.message(bodiless=True)
        assert as_given(answer.headers) == [("Content-Type", "text/x"), ("Content-Length", "12345")]
        # The connection is still of use, so not a byte of body was sent.
        wire = model_api.wires[0]
        assert (await wire.message()).start == "HEAD /v1/models HTTP/1.1"
        await wire.send(head)
        assert (await client.message(bodiless=True)).status == 200


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_that_has_no_body_gets_none(proxy: Proxy, model_api: RawUpstream, status: str) -> None:
    head = f'HTTP/1.1 {status}\r\nETag: "a"\r\n\r\n'.encode()
    async with answering(proxy, model_api, request_bytes("GET /v1/models") * 2, head) as client:
        assert as_given((await client.message()).headers) == [("ETag", '"a"')]
        wire = model_api.wires[0]
        await wire.message()
        await wire.send(answer_bytes(body=b"next"))
        assert (await client.message()).body == b"next"


async def test_headers_pass_in_order_and_case_with_their_repetitions(proxy: Proxy, model_api: RawUpstream) -> None:
    theirs = [
        ("Server", "model-api/2"),
        ("Date", "Tue, 15 Nov 1994 08:12:31 GMT"),
        ("content-type", "text/x; a=b"),
        ("Set-Cookie", "a=1; Path=/"),
        ("X-B", "2"),
        ("set-cookie", "b=2; Expires=Wed, 21 Oct 2015 07:28:00 GMT"),
        ("request-id", "req_1"),
        ("X-Empty", ""),
        ("X-Utf8", "gr\u00fc\u00df"),
        ("Content-Length", "4"),
    ]
    answer = await passed_on(proxy, model_api, answer_bytes("200 OK", *theirs, body=b"body"))
    assert answer.headers == theirs


async def test_the_proxy_invents_no_header_but_the_date_and_an_id(proxy: Proxy, model_api: RawUpstream) -> None:
    answer = await passed_on(proxy, model_api, answer_bytes("200 OK", body=b"body"))
    assert [name for name, _ in answer.headers] == ["Content-Length", "x-request-id", "Date"]


async def test_what_belongs_to_one_hop_ends_at_the_proxy(proxy: Proxy, model_api: RawUpstream) -> None:
    answer = await passed_on(
        proxy,
        model_api,
        answer_bytes(
            "200 OK",
            ("Connection", "close, X-Private"),
            ("X-Private", "for the proxy"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authenticate", "Basic"),
            ("Trailer", "X-Checksum"),
            ("Upgrade", "h2c"),
            ("X-Kept", "yes"),
            body=b"body",
        ),
    )
    assert [name for name, _ in answer.headers] == ["X-Kept", "Content-Length", "x-request-id", "Date"]


async def test_an_upstream_that_closes_its_connection_does_not_close_the_clients(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    async with await connect(proxy.url) as client:
        for number in range(2):
            await client.send(request_bytes("GET /v1/models"))
            wire, _ = await model_api.answer(answer_bytes("200 OK", ("Connection", "close"), body=b"%d" % number))
            assert (await client.message()).body == b"%d" % number
            await wire.ended()
    assert model_api.accepted == 2


async def test_cookies_are_not_kept(proxy: Proxy, model_api: RawUpstream) -> None:
    async with answering(
        proxy, model_api, request_bytes("GET /a"), answer_bytes("200 OK", ("Set-Cookie", "a=1; Path=/"))
    ) as client:
        await client.message()
        await client.send(request_bytes("GET /b"))
        assert (await model_api.wires[0].message()).values("Cookie") == []
        await model_api.wires[0].send(answer_bytes())
        await client.message()


async def test_interim_answers_are_for_the_proxy(proxy: Proxy, model_api: RawUpstream) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    answer = await passed_on(proxy, model_api, hints + answer_bytes("200 OK", body=b"body"))
    assert (answer.status, answer.body, answer.values("Link")) == (200, b"body", [])


async def test_a_client_of_http_1_0_is_told_the_end_by_the_end_of_its_connection(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    chunked = answer_bytes("200 OK", ("Transfer-Encoding", "chunked"), body=chunk_bytes(BINARY) + b"0\r\n\r\n")
    for connection in ("close", "keep-alive"):
        async with await connect(proxy.url) as client:
            await client.send(f"GET /v1/models HTTP/1.0\r\nConnection: {connection}\r\n\r\n".encode())
            wire = model_api.wires[0] if model_api.wires else await model_api.next()
            await wire.message()
            await wire.send(chunked)
            answer = await client.message()
            assert (answer.start, answer.body, answer.chunked) == ("HTTP/1.0 200 OK", BINARY, False)


async def test_a_client_of_http_1_0_may_keep_its_connection_where_the_length_is_known(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    async with await connect(proxy.url) as client:
        for number in range(2):
            await client.send(b"GET /v1/models HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            wire = model_api.wires[0] if number else await model_api.next()
            await wire.message()
            await wire.send(answer_bytes(body=b"%d" % number))
            answer = await client.message()
            assert (answer.body, answer.values("Connection")) == (b"%d" % number, ["keep-alive"])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Bell: \x07\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 40_000 + b"\r\n\r\n",
    ],
    ids=["an upgrade", "a control character", "two framings", "two lengths", "no status", "no HTTP", "a huge header"],
)
async def test_an_answer_that_is_not_http_as_it_should_be_is_a_bad_gateway(
    proxy: Proxy, model_api: RawUpstream, answer: bytes
) -> None:
    async with await connect(proxy.url) as client:
        await client.send(MESSAGES)
        wire, _ = await model_api.request()
        wire.writer.write(answer)
        told = await client.message()
        assert (told.status, json.loads(told.body)["error"]["type"]) == (502, "api_error")
        await wire.ended()
