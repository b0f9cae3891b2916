"""The body of a request between a connection and its reader: bounded, in order, and never waited for for ever."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

import proxy.handlers.body as body_module
from proxy.dialects.llm import Fault
from proxy.handlers.bodies import Bodies
from proxy.handlers.body import RequestBody, RequestError

KIB = 1024
MIB = 1024 * KIB


class Client:
    """Who sends the body."""

    def __init__(self) -> None:
        self.bodies = Bodies()
        self.invited = 0
        self.held = False
        self.went_on = 0

    def invite(self) -> None:
        self.invited += 1

    def hold_back(self) -> None:
        assert not self.held
        self.held = True

    def go_on(self) -> None:
        assert self.held
        self.held = False
        self.went_on += 1


@pytest.fixture
def client() -> Client:
    return Client()


def body_of(client: Client, *, length: int | None = None, expects: bool = False) -> RequestBody:
    return RequestBody(client, exists=True, length=length, expects=expects)


async def soon() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def pieces_of(body: RequestBody) -> list[bytes]:
    return [piece async for piece in body.chunks()]


async def test_a_body_that_is_there_is_read_without_waiting(client: Client) -> None:
    body = body_of(client, length=6)
    body.feed(b"one")
    body.feed(b"two")
    body.end()
    with pytest.raises(StopIteration) as read:  # without a turn of the event loop
        body.whole(10).send(None)
    assert read.value.value == b"onetwo"


async def test_a_body_that_gives_way_with_its_last_piece_is_not_taken_for_an_empty_one(client: Client) -> None:
    client.bodies.most = 8
    body = body_of(client, length=9)
    reading = asyncio.ensure_future(body.whole(KIB))
    await soon()
    body.feed(b"too much.")
    body.end()
    with pytest.raises(RequestError) as given_up:
        await reading
    assert given_up.value.fault is Fault.UNAVAILABLE


async def test_a_body_in_tiny_pieces_takes_little_more_than_its_bytes(client: Client) -> None:
    body = body_of(client)
    reading = asyncio.ensure_future(body.whole(MIB))
    await soon()
    tracemalloc.start()
    for number in range(MIB // 2):
        body.feed((number % 2**16).to_bytes(2))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    body.end()
    assert await reading == b"".join((number % 2**16).to_bytes(2) for number in range(MIB // 2))
    assert taken < 2 * MIB


async def test_a_body_that_comes_later_is_waited_for(client: Client) -> None:
    body = body_of(client)
    reading = asyncio.ensure_future(body.whole(10))
    for piece in (b"one", b"two"):
        await soon()
        body.feed(piece)
    await soon()
    assert not reading.done()
    body.end()
    assert await reading == b"onetwo"


@pytest.mark.parametrize("length", [None, 11])
async def test_a_body_above_the_limit_is_refused_without_being_kept(client: Client, length: int | None) -> None:
    body = body_of(client, length=length)
    reading = asyncio.ensure_future(body.whole(10))
    await soon()
    body.feed(b"x" * 11)
    with pytest.raises(RequestError) as refused:
        await reading
    assert refused.value.fault is Fault.TOO_LARGE
    body.drop()
    body.feed(b"y" * 2**20)
    body.end()
    assert await pieces_of(body) == []


async def test_a_client_is_held_back_while_more_waits_than_is_asked_for(client: Client) -> None:
    body = body_of(client)
    body.feed(bytes(65 * KIB))
    assert client.held
    chunks = body.chunks()
    assert len(await anext(chunks)) == 65 * KIB
    body.feed(b"x")
    assert (client.held, client.went_on) == (False, 1)
    body.end()
    assert [piece async for piece in chunks] == [b"x"]


async def test_a_body_that_is_read_whole_is_not_held_back_below_its_limit(client: Client) -> None:
    body = body_of(client)
    body.feed(bytes(100 * KIB))
    assert client.held
    reading = asyncio.ensure_future(body.whole(200 * KIB))
    await soon()
    body.feed(bytes(100 * KIB))
    assert (client.held, client.went_on) == (False, 1)
    body.end()
    assert len(await reading) == 200 * KIB


async def test_who_reads_nothing_more_does_not_hold_the_client_back(client: Client) -> None:
    body = body_of(client)
    body.feed(bytes(100 * KIB))
    body.drop()
    assert not client.held


@pytest.mark.parametrize(("fed", "invited"), [(b"", 1), (b"x", 0)])
async def test_a_client_that_waits_to_be_invited_is_when_its_body_is_read(
    client: Client, fed: bytes, invited: int
) -> None:
    body = body_of(client, expects=True)
    if fed:
        body.feed(fed)
    assert client.invited == 0
    reading = asyncio.ensure_future(body.whole(10))
    await soon()
    assert client.invited == invited
    body.end()
    assert await reading == fed


async def test_a_body_that_breaks_off_fails_its_reader_and_tells_why(client: Client) -> None:
    body = body_of(client)
    reading = asyncio.ensure_future(pieces_of(body))
    await soon()
    body.feed(b"half")
    await soon()
    body.fail()
    with pytest.raises(RequestError):
        await reading
    assert body.is_missed
    assert body.fault().fault is Fault.BAD_REQUEST
    with pytest.raises(RequestError):
        body.check()


async def test_silence_ends_the_wait_and_progress_does_not(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(body_module, "LEAST_BYTES", 1)
    body = body_of(client)
    reading = asyncio.ensure_future(body.whole(100))
    for _ in range(5):  # together more than the time, each less
        await asyncio.sleep(0.02)
        body.feed(b"x")
    assert not reading.done()
    with pytest.raises(RequestError):
        await reading


async def test_a_body_that_is_read_whole_and_comes_by_the_byte_is_given_up(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "BODY_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(body_module, "LEAST_BYTES", 3)
    body = body_of(client)
    reading = asyncio.ensure_future(body.whole(100))
    await soon()
    body.feed(b"abc")
    await asyncio.sleep(0.07)
    body.feed(b"d")
    with pytest.raises(RequestError):
        await reading
    assert (body.given_up, client.bodies.bytes) == ("slow", 0)


async def test_what_waits_is_counted_until_it_is_read_or_of_no_use(client: Client) -> None:
    bodies = client.bodies
    read, passed, failed, dropped = [body_of(client) for _ in range(4)]
    for body in (read, passed, failed, dropped):
        body.feed(b"12345")
        body.feed(b"6789")
    assert bodies.bytes == 4 * 9
    read.end()
    assert await read.whole(100) == b"123456789"
    assert await anext(passed.chunks()) == b"123456789"
    assert bodies.bytes == 2 * 9
    failed.fail()
    dropped.drop()
    for body in (failed, dropped):
        body.feed(b"more")
    assert bodies.bytes == 0


async def test_where_too_much_waits_a_body_gives_way_and_the_other_comes_whole(client: Client) -> None:
    bodies = client.bodies
    bodies.most = 100
    slow, fast = body_of(client), body_of(client)
    readings = [asyncio.ensure_future(body.whole(1000)) for body in (slow, fast)]
    await soon()
    slow.feed(bytes(60))
    bodies.look()
    bodies.look()
    await asyncio.sleep(0.01)
    fast.feed(bytes(60))
    assert (slow.given_up, fast.given_up, bodies.bytes) == ("no_room", "", 60)
    with pytest.raises(RequestError) as refused:
        await readings[0]
    assert refused.value.fault is Fault.UNAVAILABLE
    fast.end()
    assert len(await readings[1]) == 60


async def test_who_was_about_to_read_what_is_dropped_does_not_take_the_rest_for_the_whole(client: Client) -> None:
    body = body_of(client)
    chunks = body.chunks()
    body.feed(b"first")
    assert await anext(chunks) == b"first"
    reading = asyncio.ensure_future(anext(chunks))
    await soon()
    body.feed(b"last")
    body.end()
    body.drop()
    with pytest.raises(RequestError):
        await reading


async def test_the_beginning_is_waited_for_and_stays_to_be_read(client: Client) -> None:
    body = body_of(client)
    beginning = asyncio.ensure_future(body.beginning())
    await soon()
    body.feed(b"first")
    assert await beginning == b"first"
    body.end()
    assert await pieces_of(body) == [b"first"]


async def test_of_a_body_that_falls_silent_before_its_first_byte_there_is_no_beginning(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "BODY_IDLE_SECONDS", 0.01)
    body = body_of(client)
    assert await body.beginning() == b""
    with pytest.raises(RequestError):
        await pieces_of(body)
