"""Bodies in both directions: as they come, no faster than they are taken, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from proxy.errors import UpstreamError, UpstreamTimeoutError
from proxy.upstream.client import ClientOptions, HttpUpstream
from tests.functional.raw_http import EndedError, RawUpstream, Wire, answer_bytes, chunk_bytes
from tests.functional.upstream.asking import CHUNKED, asked, body_of, read_on, request, stop_reading

MIB = 2**20


@pytest.fixture
async def hurried(model_api: RawUpstream) -> AsyncIterator[HttpUpstream]:
    """A client that soon loses patience."""
    client = HttpUpstream(ClientOptions(model_api.url, 0.1, 0.1))
    yield client
    await client.close()


async def turns(number: int = 20) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_each_piece_is_taken_before_the_next_is_written(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    taken: asyncio.Queue[bytes] = asyncio.Queue()
    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(CHUNKED)
    relaying = asyncio.ensure_future((await sending).relay(taken.put_nowait))
    for piece in (b"one", b"two", b"three"):
        await wire.send(chunk_bytes(piece))
        assert await taken.get() == piece
    await wire.send(b"0\r\n\r\n")
    await relaying
    assert taken.empty()


@pytest.mark.parametrize("size", [0, 1, 2**16, 3 * MIB])
async def test_a_body_comes_whole_however_long_its_taker_takes(
    upstream: HttpUpstream, model_api: RawUpstream, size: int
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    taken = bytearray()

    async def slowly(piece: bytes) -> None:
        await asyncio.sleep(0)
        taken.extend(piece)

    def now_and_then(piece: bytes) -> Awaitable[None] | None:
        if len(taken) % 3 == 0:
            return slowly(piece)
        taken.extend(piece)
        return None

    for take in (slowly, now_and_then, taken.extend):
        taken.clear()
        sending = asyncio.ensure_future(upstream.send(request("GET", None)))
        wire = model_api.wires[0] if model_api.wires else await model_api.next()
        await wire.message()
        wire.writer.write(answer_bytes(body=body))
        await turns()
        await (await sending).relay(take)
        assert taken == body
    assert model_api.accepted == 1


@pytest.mark.parametrize("where", ["before the relay", "while it waits for its taker"])
async def test_what_nobody_takes_is_not_read(upstream: HttpUpstream, model_api: RawUpstream, where: str) -> None:
    may_go_on = asyncio.Event()
    taken = 0

    async def take(piece: bytes) -> None:
        nonlocal taken
        taken += len(piece)
        await may_go_on.wait()

    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(CHUNKED)
    answer = await sending
    relaying = asyncio.ensure_future(answer.relay(take)) if where != "before the relay" else None
    accepted = await wire.fill(chunk_bytes(bytes(2**16)), 64 * MIB)
    assert accepted < 8 * MIB
    assert answer._held_bytes <= 2 * 2**16
    may_go_on.set()
    relaying = relaying or asyncio.ensure_future(answer.relay(take))
    await wire.send(b"0\r\n\r\n")
    await relaying
    assert taken >= accepted // len(chunk_bytes(bytes(2**16))) * 2**16


async def test_a_slow_taker_has_all_the_time_it_needs(hurried: HttpUpstream, model_api: RawUpstream) -> None:
    async def take(piece: bytes) -> None:
        with pytest.raises(TimeoutError):
            await wire.ended(0.3)

    sending = asyncio.ensure_future(hurried.send(request()))
    wire, _ = await model_api.answer(CHUNKED + chunk_bytes(b"one"))
    relaying = asyncio.ensure_future((await sending).relay(take))
    await asyncio.sleep(0.2)
    await wire.send(b"0\r\n\r\n")
    await relaying


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
async def test_silence_before_the_head_has_an_end(hurried: HttpUpstream, model_api: RawUpstream, said: bytes) -> None:
    sending = asyncio.ensure_future(hurried.send(request()))
    wire, _ = await model_api.answer(said)
    with pytest.raises(UpstreamTimeoutError):
        await sending
    await wire.ended()


async def test_a_head_that_drips_has_an_end(hurried: HttpUpstream, model_api: RawUpstream) -> None:
    sending = asyncio.ensure_future(hurried.send(request()))
    wire, _ = await model_api.answer(b"HTTP/1.1 200 OK\r\nX: ")
    while not sending.done():
        _ = await asyncio.wait([sending], timeout=0.03)
        wire.writer.write(b"a")
    with pytest.raises(UpstreamTimeoutError):
        await sending


async def test_silence_in_a_body_has_an_end_and_a_body_that_goes_on_has_none(
    hurried: HttpUpstream, model_api: RawUpstream
) -> None:
    taken: list[bytes] = []
    sending = asyncio.ensure_future(hurried.send(request()))
    wire, _ = await model_api.answer(CHUNKED)
    relaying = asyncio.ensure_future((await sending).relay(taken.append))
    for _ in range(8):
        _ = await asyncio.wait([relaying], timeout=0.05)
        await wire.send(chunk_bytes(b"more"))
    with pytest.raises(UpstreamTimeoutError):
        await relaying
    assert b"".join(taken) == b"more" * 8
    await wire.ended()


@pytest.mark.parametrize("size", [3, 2**18 + 1, 5 * MIB])
async def test_a_body_in_bytes_is_sent_whole_to_an_upstream_that_reads_slowly(
    upstream: HttpUpstream, model_api: RawUpstream, size: int
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sending = asyncio.ensure_future(upstream.send(request("POST", body)))
    wire = await model_api.next()
    stop_reading(wire)
    await turns()
    read_on(wire)
    message = await wire.message()
    assert message.body == body
    await wire.send(answer_bytes())
    assert await body_of(await sending) == b""
    assert len(upstream._pool._kept) == 1


async def endless(sent: list[int]) -> AsyncIterator[bytes]:
    while True:
        sent.append(2**16)
        yield bytes(2**16)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "in bytes"])
async def test_an_upstream_that_reads_nothing_has_to_answer_in_time_all_the_same(
    hurried: HttpUpstream, model_api: RawUpstream, streamed: bool
) -> None:
    sent: list[int] = []
    sending = asyncio.ensure_future(hurried.send(request("POST", endless(sent) if streamed else bytes(32 * MIB))))
    stop_reading(await model_api.next())
    with pytest.raises(UpstreamTimeoutError):
        await sending
    assert sum(sent) < 16 * MIB


@pytest.mark.parametrize("length", [None, 9])
async def test_a_streamed_body_is_sent_as_it_comes_and_may_take_its_time(
    hurried: HttpUpstream, model_api: RawUpstream, length: int | None
) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while piece := await pieces.get():
            yield piece

    headers = () if length is None else (("Content-Length", str(length)),)
    sending = asyncio.ensure_future(hurried.send(request("POST", body(), *headers)))
    wire = await model_api.next()
    await wire.head()
    for piece in (b"one", b"two", b"thr"):
        with pytest.raises(TimeoutError):
            await wire.ended(0.25)
        pieces.put_nowait(piece)
        assert await (wire.chunk() if length is None else wire.exactly(3)) == piece
    pieces.put_nowait(b"")
    if length is None:
        assert await wire.chunk() == b""
    await wire.send(answer_bytes(body=b"thanks"))
    assert await body_of(await sending) == b"thanks"


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "in bytes"])
async def test_an_early_answer_is_handed_on_and_the_rest_of_the_body_is_not_sent(
    upstream: HttpUpstream, model_api: RawUpstream, streamed: bool
) -> None:
    sent: list[int] = []
    sending = asyncio.ensure_future(upstream.send(request("POST", endless(sent) if streamed else bytes(32 * MIB))))
    wire = await model_api.next()
    stop_reading(wire)
    await wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\n\r\n")
    answer = await sending
    read_on(wire)
    await turns(500)
    await wire.send(b"too large")
    assert (answer.status, await body_of(answer)) == (413, b"too large")
    try:
        received = len(await wire.rest())
    except EndedError:
        received = 0
    assert max(received, sum(sent)) < 16 * MIB
    assert not upstream._pool._kept


@pytest.mark.parametrize("pieces", [[b"to"], []], ids=["short", "empty"])
async def test_a_streamed_body_that_is_shorter_than_it_said_fails_its_request(
    upstream: HttpUpstream, model_api: RawUpstream, pieces: list[bytes]
) -> None:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    sending = asyncio.ensure_future(upstream.send(request("POST", body(), ("Content-Length", "9"))))
    wire = await model_api.next()
    await wire.ended()
    with pytest.raises(UpstreamError, match="broke off"):
        await sending


async def test_a_streamed_body_that_is_longer_than_it_said_is_cut(
    upstream: HttpUpstream, model_api: RawUpstream
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"four"
        yield b"GET /smuggled HTTP/1.1\r\n\r\n"

    for number in range(2):
        sending = asyncio.ensure_future(upstream.send(request("POST", body(), ("Content-Length", "6"))))
        wire = model_api.wires[0] if number else await model_api.next()
        assert (await wire.message()).body == b"fourGE"
        await turns()
        await wire.send(answer_bytes())
        assert await body_of(await sending) == b""


async def test_a_streamed_body_that_fails_fails_its_request(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("sk-canary")

    sending = asyncio.ensure_future(upstream.send(request("POST", body())))
    wire = await model_api.next()
    with pytest.raises(UpstreamError, match="RuntimeError") as caught:
        await sending
    assert "canary" not in str(caught.value)
    await wire.ended()


def at_once(piece: bytes) -> None:
    raise ConnectionResetError("the client is gone")


async def later(piece: bytes) -> None:
    raise ConnectionResetError("the client is gone")


@pytest.mark.parametrize("take", [at_once, later])
@pytest.mark.parametrize("held", [True, False])
async def test_what_a_taker_raises_ends_the_relay_and_the_connection(
    upstream: HttpUpstream, model_api: RawUpstream, take: Callable[[bytes], Awaitable[None] | None], held: bool
) -> None:
    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(CHUNKED + (chunk_bytes(b"one") if held else b""))
    answer = await sending
    relaying = asyncio.ensure_future(answer.relay(take))
    await turns()
    if not held:
        await wire.send(chunk_bytes(b"one"))
    with pytest.raises(ConnectionResetError):
        await relaying
    answer.abort()
    await wire.ended()
    assert not upstream._pool._open


async def test_dropping_an_answer_ends_its_relay_and_is_harmless_at_any_time(
    upstream: HttpUpstream, model_api: RawUpstream
) -> None:
    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(CHUNKED)
    answer = await sending
    relaying = asyncio.ensure_future(body_of(answer))
    await turns()
    for _ in range(2):
        answer.abort()
    with pytest.raises(UpstreamError):
        await relaying
    with pytest.raises(UpstreamError):
        await body_of(answer)
    await wire.ended()


async def test_of_an_answer_that_was_dropped_nothing_is_taken(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    taken: list[bytes] = []
    sending = asyncio.ensure_future(upstream.send(request()))
    _ = await model_api.answer(CHUNKED + chunk_bytes(b"one"))
    answer = await sending
    await turns()
    answer.abort()
    with pytest.raises(UpstreamError):
        await answer.relay(taken.append)
    assert taken == []


async def test_dropping_an_answer_that_has_ended_does_not_touch_the_next(
    upstream: HttpUpstream, model_api: RawUpstream
) -> None:
    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(answer_bytes(body=b"first"))
    first = await sending
    assert await body_of(first) == b"first"
    again = asyncio.ensure_future(asked(upstream))
    await wire.message()
    first.abort()
    await wire.send(answer_bytes(body=b"second"))
    assert await again == b"second"
    assert await body_of(first) == b""


async def test_a_taker_may_drop_its_own_answer(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(CHUNKED)
    answer = await sending
    relaying = asyncio.ensure_future(answer.relay(lambda piece: answer.abort()))
    await turns()
    await wire.send(chunk_bytes(b"one") + b"0\r\n\r\n")
    with pytest.raises(UpstreamError):
        await relaying
    await wire.ended()


@pytest.mark.parametrize("broken", [Wire.close, Wire.reset])
async def test_what_came_before_a_body_broke_off_is_taken_first(
    upstream: HttpUpstream, model_api: RawUpstream, broken: Callable[[Wire], None]
) -> None:
    taken: list[bytes] = []
    sending = asyncio.ensure_future(upstream.send(request()))
    wire, _ = await model_api.answer(CHUNKED + chunk_bytes(b"one"))
    answer = await sending
    await turns()
    broken(wire)
    await turns()
    with pytest.raises(UpstreamError):
        await answer.relay(taken.append)
    assert taken == [b"one"]
