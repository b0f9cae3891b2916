"""Requests from bytes: however these are cut, the same; and nothing passes that aiohttp's parser would not let pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.handlers.bodies import Bodies
from proxy.handlers.body import RequestError
from proxy.handlers.reading import RequestReader
from proxy.handlers.request import MalformedError, Request

REQUESTS = (
    b"GET /v1/models?limit=1 HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Blanks: \t b \t\r\n\r\n",
    b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Type: application/json\r\n\r\nhello",
    b"POST /v1/files HTTP/1.1\r\nHost:a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nT:u\r\n\r\n",
    b"\r\nGET http://a.example/b?c HTTP/1.1\r\nhost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
)
LAST = (
    b"POST /h2c HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /h2c HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n0\r\n\r\n",
    b"POST /close HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"",
)


@dataclass
class Taken:
    """What a reader told of: each request with its body, None for what is none, and what was broken off."""

    requests: list[Request | None] = field(default_factory=list)
    wholes: list[Request] = field(default_factory=list)
    breaks: int = 0
    bodies: Bodies = field(default_factory=Bodies)

    def take(self, request: Request | MalformedError) -> None:
        self.requests.append(None if isinstance(request, MalformedError) else request)

    def whole(self, request: Request) -> None:
        self.wholes.append(request)

    def broken(self) -> None:
        self.breaks += 1

    def head_begun(self) -> None: ...
    def invite(self) -> None: ...
    def hold_back(self) -> None: ...
    def go_on(self) -> None: ...

    def told(self) -> list[Any]:
        return [request and (*facts(request), body_of(request), request in self.wholes) for request in self.requests]


def facts(request: Request) -> tuple[Any, ...]:
    return request.method, request.target, request.is_1_1, request.keep_alive, request.headers


def body_of(request: Request) -> bytes | None:
    if not request.body.at_end:
        return None
    try:
        request.body.whole(2**20).send(None)
    except StopIteration as read:
        body: bytes = read.value
        return body
    except RequestError:
        return None
    raise AssertionError("it waited for what is there")


def read(*pieces: bytes) -> Taken:
    taken = Taken()
    reader = RequestReader(taken, "127.0.0.1")
    for piece in pieces:
        reader.feed(piece)
    return taken


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    for start, end in zip([0, *ends], ends, strict=False):
        yield data[start:end]


places = st.lists(st.integers(0, 2000), max_size=20)
streams = st.tuples(st.lists(st.sampled_from(REQUESTS), max_size=4), st.sampled_from(LAST)).map(
    lambda parts: b"".join(parts[0]) + parts[1]
)


@given(streams, places)
@example(b"".join(REQUESTS), list(range(2000)))
@example(LAST[0], list(range(2000)))
@example(LAST[1], list(range(2000)))
def test_however_the_bytes_are_cut_the_requests_are_the_same(stream: bytes, where: list[int]) -> None:
    assert read(*cut(stream, where)).told() == read(stream).told()


def test_each_request_of_a_stream_is_told_with_its_body() -> None:
    taken = read(b"".join(REQUESTS))
    told = taken.told()
    assert [fact[1] for fact in told] == ["/v1/models?limit=1", "/v1/messages", "/v1/files", "/b?c", "*", "/"]
    assert [fact[5] for fact in told] == [b"", b"hello", b"abcde", b"", b"", b""]
    assert taken.wholes == taken.requests
    assert told[0][4] == [("Host", "a"), ("X-Empty", ""), ("X-Blanks", "b")]


@pytest.mark.parametrize("data", LAST[:2])
def test_a_request_that_offers_another_protocol_keeps_its_body_and_is_the_last(data: bytes) -> None:
    ((method, _, _, keep_alive, _, body, is_whole),) = read(data + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").told()
    assert (method, keep_alive, body, is_whole) == ("POST", False, b"hello", True)


@given(st.binary(max_size=300), st.sampled_from(REQUESTS + LAST), places)
def test_any_bytes_give_requests_or_a_refusal_and_nothing_else(junk: bytes, start: bytes, where: list[int]) -> None:
    taken = read(*cut(start + junk, where))
    assert None not in taken.requests[:-1]


mutations = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from([b"", b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\0", b"\x7f", b"\xff", b",", b"0", b"+"])
        | st.sampled_from([b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"chunked"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=3,
)


def mutated(data: bytes, changes: list[tuple[int, bytes, int]]) -> bytes:
    for place, text, dropped in changes:
        at = place % (len(data) + 1)
        data = data[:at] + text + data[at + dropped :]
    return data


def aiohttp_reads(data: bytes) -> list[tuple[str, str]] | None:
    """Methods and targets as aiohttp's server reads them; None where it refuses."""
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(
            BaseProtocol(loop), loop, 2**16, max_line_size=2**15, max_field_size=2**15, auto_decompress=False
        )
        messages, _, _ = parser.feed_data(data)
        return [(message.method, message.path) for message, _ in messages]
    except HttpProcessingError:
        return None
    finally:
        loop.close()


IN_ORIGIN_FORM = [request for request in REQUESTS if b"://" not in request]
"""Of the other form aiohttp reads the authority, which is dropped here whatever it says."""


@given(st.sampled_from(IN_ORIGIN_FORM), mutations)
def test_what_aiohttp_refuses_is_refused_and_what_it_reads_is_read_alike(
    data: bytes, changes: list[tuple[int, bytes, int]]
) -> None:
    stream = mutated(data, changes)
    taken = read(stream)
    theirs = aiohttp_reads(stream)
    refused = None in taken.requests or taken.breaks > 0
    if theirs is None:
        # Behind a request that ends its connection aiohttp still looks at what comes; here nobody does.
        last = taken.requests[-1] if taken.requests else None
        assert refused or (last is not None and not last.keep_alive)
    elif not refused:
        assert [request.method for request in taken.requests if request] == [method for method, _ in theirs]
