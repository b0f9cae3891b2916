"""A request that is given up, at whatever moment, takes its connection along and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import UpstreamTimeoutError
from proxy.upstream.client import ClientOptions, HttpUpstream
from tests.functional.raw_http import EndedError, RawUpstream, Wire, answer_bytes, chunk_bytes
from tests.functional.upstream.asking import CHUNKED, asked, read_on, request, stop_reading

STREAMED = CHUNKED + chunk_bytes(b"one") + chunk_bytes(b"two") + b"0\r\n\r\n"


@pytest.fixture(autouse=True)
async def complaints() -> AsyncIterator[list[dict[str, Any]]]:
    """What the event loop is told of and nobody handled: nothing, after each of these tests."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    yield told
    gc.collect()
    await asyncio.sleep(0)
    assert told == []


async def given_up(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def nothing_is_open(upstream: HttpUpstream) -> bool:
    return not upstream._pool._open and not upstream._pool._kept


async def test_while_it_waits_for_the_head(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    asking = asyncio.ensure_future(asked(upstream))
    wire, _ = await model_api.request()
    await given_up(asking)
    await wire.ended(1.0)
    assert nothing_is_open(upstream)


@pytest.mark.parametrize("takes", ["at once", "its time"])
async def test_while_it_relays(upstream: HttpUpstream, model_api: RawUpstream, takes: str) -> None:
    never = asyncio.Event()

    async def take(piece: bytes) -> None:
        await never.wait()

    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(CHUNKED + chunk_bytes(b"one"))
    answer = await sending
    relaying = asyncio.ensure_future(answer.relay(take if takes == "its time" else lambda piece: None))
    await asyncio.sleep(0.01)
    await given_up(relaying)
    await wire.ended(1.0)
    assert nothing_is_open(upstream)


@pytest.mark.parametrize("stuck", ["at its client", "at the upstream"])
async def test_while_its_body_is_streamed(upstream: HttpUpstream, model_api: RawUpstream, stuck: str) -> None:
    closed = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(2**16)
                if stuck == "at its client":
                    await asyncio.Event().wait()
        finally:
            closed.set()

    asking = asyncio.ensure_future(asked(upstream, request("POST", body())))
    wire = await model_api.next()
    stop_reading(wire)
    await asyncio.sleep(0.05)
    await given_up(asking)
    read_on(wire)
    await wire.ended(1.0)
    async with asyncio.timeout(1.0):
        await closed.wait()
    assert nothing_is_open(upstream)


async def test_while_a_long_body_is_sent(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    asking = asyncio.ensure_future(asked(upstream, request("POST", bytes(2**25))))
    wire = await model_api.next()
    stop_reading(wire)
    await asyncio.sleep(0.05)
    await given_up(asking)
    read_on(wire)
    await wire.ended(1.0)
    assert nothing_is_open(upstream)


@pytest.fixture
def full_port() -> Any:
    """A port whose queue of connections is full, so that the next one is neither taken nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        queued = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            queued.append(one)
        yield listener.getsockname()[1]
        for one in queued:
            one.close()


async def test_while_it_connects(full_port: int) -> None:
    upstream = HttpUpstream(ClientOptions(f"http://127.0.0.1:{full_port}", 5.0, 5.0))
    asking = asyncio.ensure_future(asked(upstream))
    await asyncio.sleep(0.05)
    await given_up(asking)
    assert nothing_is_open(upstream)
    await upstream.close()


async def test_a_connection_that_is_not_made_in_time_is_given_up(full_port: int) -> None:
    upstream = HttpUpstream(ClientOptions(f"http://127.0.0.1:{full_port}", 0.05, 5.0))
    with pytest.raises(UpstreamTimeoutError):
        await asked(upstream)
    assert nothing_is_open(upstream)
    await upstream.close()


@pytest.mark.parametrize("by", ["its task", "the connect timeout"])
async def test_while_it_shakes_hands(model_api: RawUpstream, by: str) -> None:
    url = f"https://localhost:{model_api.port}"
    upstream = HttpUpstream(ClientOptions(url, 5.0 if by == "its task" else 0.1, 5.0))
    asking = asyncio.ensure_future(asked(upstream))
    wire = await model_api.next()
    assert await wire.exactly(1) == b"\x16"  # its hello has come, and is not answered
    if by == "its task":
        await given_up(asking)
    else:
        with pytest.raises(UpstreamTimeoutError):
            await asking
    await wire.ended(1.0)
    assert nothing_is_open(upstream)
    await upstream.close()


async def _played_tls(keys: Path | None) -> tuple[asyncio.Server, str]:
    context = None
    if keys is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keys / "api.pem", keys / "api.key")

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with Wire(reader, writer) as wire:
            with suppress(EndedError, ConnectionError, ssl.SSLError):
                while True:
                    await wire.message()
                    await wire.send(STREAMED)

    server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=context)
    return server, f"{'https' if keys else 'http'}://localhost:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_in_any_turn_of_the_event_loop(keys: Path, tls: bool) -> None:
    """From before the connection to after the end; what comes after on the same pool is whole and its own."""
    server, url = await _played_tls(keys if tls else None)
    upstream = HttpUpstream(ClientOptions(url, 5.0, 5.0, str(keys / "ca.pem")))
    whole = 0
    for turns in range(120):
        asking = asyncio.ensure_future(asked(upstream))
        for _ in range(turns % 60):
            await asyncio.sleep(0)
        await given_up(asking)
        whole += not asking.cancelled()
        if turns % 3 == 0:
            assert await asked(upstream) == b"onetwo"
    assert await asked(upstream) == b"onetwo"
    await upstream.close()
    assert nothing_is_open(upstream)
    server.close()
    await asyncio.sleep(0.01)


async def test_with_an_answer_that_came_in_the_same_turn(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    """The answer is whole, its connection kept, and its asker gone before it hears of it."""
    asking = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.request()
    (connection,) = upstream._pool._open
    said = answer_bytes(body=b"hello")
    connection.get_buffer(-1)[: len(said)] = said
    connection.buffer_updated(len(said))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    again = asyncio.ensure_future(asked(upstream))
    await wire.message()
    await wire.send(answer_bytes(body=b"again"))
    assert await again == b"again"
    assert model_api.accepted == 1


async def test_with_a_taker_that_was_about_to_be_waited_for(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    """What it returned is closed, not forgotten: nothing complains that it was never awaited."""

    async def take(piece: bytes) -> None:
        raise AssertionError("its relay has ended")

    def take_and_cancel(piece: bytes) -> Awaitable[None]:
        relaying.cancel()
        return take(piece)

    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(CHUNKED)
    answer = await sending
    relaying = asyncio.ensure_future(answer.relay(take_and_cancel))
    await asyncio.sleep(0)
    await wire.send(chunk_bytes(b"one"))
    with pytest.raises(asyncio.CancelledError):
        await relaying
    await wire.ended(1.0)
