"""Connections are used again where that is safe, and a request is repeated only where nobody can have acted on it."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator

import pytest

from proxy.errors import UpstreamError
from proxy.upstream.client import ClientOptions, HttpUpstream
from proxy.upstream.wire import pool as pool_module
from tests.functional.raw_http import RawUpstream, Wire, answer_bytes, chunk_bytes
from tests.functional.upstream.asking import CHUNKED, asked, request

REPEATABLE = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]


async def told(wire: Wire, answer: bytes) -> None:
    await wire.message()
    await wire.send(answer)


@pytest.mark.parametrize(
    "answer",
    [
        answer_bytes(body=b"hello"),
        CHUNKED + chunk_bytes(b"hello") + b"0\r\nX-Trailer: 1\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer_bytes(body=b"hello"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
    ids=["sized", "chunked, with trailers", "after an interim one", "bodiless"],
)
async def test_one_connection_serves_one_request_after_the_other(
    upstream: HttpUpstream, model_api: RawUpstream, answer: bytes
) -> None:
    for number in range(5):
        playing = asyncio.ensure_future(
            told(model_api.wires[0] if number else await _next(upstream, model_api), answer)
        )
        assert await asked(upstream) in (b"hello", b"")
        await playing
    assert model_api.accepted == 1


async def _next(upstream: HttpUpstream, model_api: RawUpstream) -> Wire:
    """The first connection, with a request on it that has been answered."""
    asking = asyncio.ensure_future(asked(upstream))
    wire, _ = await model_api.answer(answer_bytes())
    assert await asking == b""
    return wire


async def test_requests_at_the_same_time_have_connections_of_their_own_and_the_last_used_is_used_first(
    upstream: HttpUpstream, model_api: RawUpstream
) -> None:
    asking = [asyncio.ensure_future(asked(upstream)) for _ in range(3)]
    wires = [(await model_api.request())[0] for _ in asking]
    for wire in wires:
        await wire.send(answer_bytes(body=b"hello"))
        done, left = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        assert [await one for one in done] == [b"hello"]
        asking = list(left)
    again = asyncio.ensure_future(asked(upstream))
    await wires[-1].message()
    await wires[-1].send(answer_bytes(body=b"again"))
    assert await again == b"again"
    assert model_api.accepted == 3


@pytest.mark.parametrize(
    "answer",
    [
        answer_bytes("200 OK", ("Connection", "close"), body=b"hello"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        answer_bytes(body=b"hello") + b"garbage",
        answer_bytes(body=b"hello") * 2,
    ],
    ids=["closing", "of HTTP/1.0", "before garbage", "before another"],
)
async def test_a_connection_whose_answer_has_no_clean_end_is_ended(
    upstream: HttpUpstream, model_api: RawUpstream, answer: bytes
) -> None:
    for _ in range(2):
        asking = asyncio.ensure_future(asked(upstream))
        wire, _ = await model_api.answer(answer)
        assert await asking == b"hello"
        await wire.ended()
    assert model_api.accepted == 2


async def test_what_a_kept_connection_says_unasked_ends_it(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    wire = await _next(upstream, model_api)
    await wire.send(answer_bytes(body=b"forged"))
    await wire.ended()
    asking = asyncio.ensure_future(asked(upstream))
    await model_api.answer(answer_bytes(body=b"genuine"))
    assert await asking == b"genuine"


@pytest.mark.parametrize("news", ["its end", "unasked bytes"])
async def test_news_that_the_event_loop_has_not_heard_of_are_heard_of_in_time(news: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5.0)
        upstream = HttpUpstream(ClientOptions(f"http://127.0.0.1:{listener.getsockname()[1]}", 5.0, 5.0))

        def serve_one() -> socket.socket:
            connection, _ = listener.accept()
            connection.recv(2**16)
            connection.sendall(answer_bytes(body=b"hello"))
            return connection

        served = []
        for _ in range(5):
            body, connection = await asyncio.gather(asked(upstream), asyncio.to_thread(serve_one))
            assert body == b"hello"
            served.append(connection)
            if news == "its end":
                connection.close()
            else:
                connection.sendall(answer_bytes(body=b"forged"))
        await upstream.close()
        for connection in served:
            connection.close()


async def test_kept_connections_end_after_a_while(model_api: RawUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_SWEEP_SECONDS", 0.01)
    upstream = HttpUpstream(ClientOptions(model_api.url, 5.0, 5.0, keepalive_seconds=0.01))
    wire = await _next(upstream, model_api)
    await wire.ended(2.0)
    assert not upstream._pool._open
    await upstream.close()


async def test_without_keep_alive_each_request_has_a_connection_of_its_own(model_api: RawUpstream) -> None:
    upstream = HttpUpstream(ClientOptions(model_api.url, 5.0, 5.0, keepalive_seconds=0.0))
    for _ in range(3):
        asking = asyncio.ensure_future(asked(upstream))
        await model_api.answer(answer_bytes(body=b"hello"))
        assert await asking == b"hello"
    assert model_api.accepted == 3
    await upstream.close()


async def test_a_connection_kept_for_too_long_is_not_used_though_nobody_has_dropped_it_yet(
    upstream: HttpUpstream, model_api: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _next(upstream, model_api)
    (kept,) = upstream._pool._kept
    monkeypatch.setattr(upstream._pool, "_keepalive_seconds", 0.0)
    assert kept.is_fresh()
    assert upstream._pool.take() is None
    assert not upstream._pool._open


@pytest.mark.parametrize("method", REPEATABLE)
async def test_an_idempotent_request_is_repeated_once_where_nothing_came(
    upstream: HttpUpstream, model_api: RawUpstream, method: str
) -> None:
    asking = asyncio.ensure_future(asked(upstream, request(method)))
    first, _ = await model_api.request()
    first.close()
    await model_api.answer(answer_bytes("204 No Content"))
    assert await asking == b""
    asking = asyncio.ensure_future(asked(upstream, request(method, b"{}", ("X-Again", "1"))))
    for number in range(2):
        wire = (await model_api.next()) if number else model_api.wires[1]
        await wire.message()
        wire.reset()
    with pytest.raises(UpstreamError):
        await asking
    assert model_api.accepted == 3


async def stream() -> AsyncIterator[bytes]:
    yield b"{}"


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 2"])
async def test_nothing_else_is_repeated(
    upstream: HttpUpstream, model_api: RawUpstream, method: str, said: bytes
) -> None:
    what = request(method) if said or method != "PUT" else request(method, stream())
    asking = asyncio.ensure_future(asked(upstream, what))
    wire, _ = await model_api.request()
    await wire.send(said)
    wire.close()
    with pytest.raises(UpstreamError):
        await asking
    assert model_api.accepted == 1


async def test_a_new_connection_that_has_ended_before_it_is_written_to_costs_no_request(model_api: RawUpstream) -> None:
    """Of a request of which nothing was sent, even a POST is sent again."""
    upstream = HttpUpstream(ClientOptions(model_api.url, 5.0, 5.0))
    connect = upstream._pool.connect
    ended = 0

    async def connect_and_lose() -> object:
        nonlocal ended
        connection = await connect()
        if not ended:
            ended += 1
            connection.drop()
        return connection

    upstream._pool.connect = connect_and_lose  # type: ignore[assignment,method-assign]
    asking = asyncio.ensure_future(asked(upstream, request("POST", stream())))
    await (await model_api.next()).ended()
    _, message = await model_api.answer(answer_bytes(body=b"hello"))
    assert (await asking, message.body) == (b"hello", b"{}")
    await upstream.close()


async def test_closing_ends_all_connections_and_tells_who_waits(model_api: RawUpstream) -> None:
    upstream = HttpUpstream(ClientOptions(model_api.url, 5.0, 5.0))
    kept = await _next(upstream, model_api)
    relaying = asyncio.ensure_future(asked(upstream))
    await kept.message()
    await kept.send(CHUNKED)
    waiting = asyncio.ensure_future(asked(upstream))
    wire, _ = await model_api.request()
    await upstream.close()
    for one in (relaying, waiting):
        with pytest.raises(UpstreamError):
            await one
    for end in (kept, wire):
        await end.ended()
    with pytest.raises(UpstreamError):
        await asked(upstream)


async def test_ended_connections_leave_nothing_behind(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    for _ in range(3):
        asking = asyncio.ensure_future(asked(upstream))
        await model_api.answer(answer_bytes("200 OK", ("Connection", "close")))
        await asking
    gc.collect()
    assert not upstream._pool._open
    assert not upstream._pool._kept
