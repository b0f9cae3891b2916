"""The proxy's client and aiohttp's take the same bytes for the same answers, but where the difference is explained.

Both get the bytes in the same pieces, from a transport that only the test plays.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.errors import UpstreamError
from proxy.quiet import Reads
from proxy.upstream.wire.connection import Connection
from tests.functional.upstream_answers import RAW_ANSWERS, Raw

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
EVERY = list(range(1, 400))


@dataclass(frozen=True)
class Result:
    """A whole answer. What is none may be noticed before or after its head, as the bytes are cut."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class PlayedTransport(asyncio.Transport):
    """Says its pieces, one in each turn of the event loop, once it has been written to; then ends."""

    def __init__(self, pieces: list[bytes], take: Callable[[bytes], None], protocol: asyncio.Protocol | Connection):
        super().__init__()
        self._pieces, self._take, self._protocol = pieces, take, protocol
        self._loop = asyncio.get_running_loop()
        self._playing: asyncio.Task[None] | None = None
        self._closing = False

    unsent = 0
    family = socket.AF_UNIX  # of the socket that it is taken for

    def fileno(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def write(self, data: Any) -> None:
        if self._playing is None:
            self._playing = self._loop.create_task(self._play())

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not self._closing

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    async def _play(self) -> None:
        await asyncio.sleep(0)
        for piece in self._pieces:
            if self._closing:
                return
            self._take(piece)
            await asyncio.sleep(0)
        if not self._closing:
            self._protocol.eof_received()
            self.close()


class PlayedConnector(aiohttp.TCPConnector):
    """Connects aiohttp's client to a played transport."""

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__()
        self._pieces = pieces

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        protocol = ResponseHandler(asyncio.get_running_loop())
        protocol.connection_made(PlayedTransport(self._pieces, protocol.data_received, protocol))
        return protocol


class Keeper:
    """Remembers whether the connection was kept."""

    kept = False

    def __init__(self) -> None:
        self.reads = Reads()

    def keep(self, connection: Connection) -> None:
        self.kept = True

    def forget(self, connection: Connection) -> None: ...


async def through_aiohttp(raw: Raw, pieces: list[bytes]) -> Result | None:
    session = aiohttp.ClientSession(
        connector=PlayedConnector(pieces), auto_decompress=False, max_line_size=2**15, max_field_size=2**15
    )
    session._retry_connection = False
    async with session:
        try:
            answer = await session.request(raw.method, "http://127.0.0.1/", allow_redirects=False)
        except aiohttp.ClientError:
            return None
        headers = tuple(
            (name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in answer.raw_headers
        )
        body = await whole(answer)
        return None if body is None else Result(answer.status, answer.reason or "", headers, body)


async def whole(answer: aiohttp.ClientResponse) -> bytes | None:
    """The body; None where it breaks off, or where aiohttp leaves its reader waiting behind a malformed chunk."""
    reading = asyncio.ensure_future(answer.read())
    _ = await asyncio.wait([reading], timeout=0.05)
    if not reading.done():
        reading.cancel()
    try:
        return await reading
    except (aiohttp.ClientError, asyncio.CancelledError):
        return None


async def through_ours(raw: Raw, pieces: list[bytes]) -> tuple[Result | None, bool]:
    """And whether the connection was kept."""
    keeper = Keeper()
    loop = asyncio.get_running_loop()
    buffer = memoryview(bytearray(2**16))
    connection = Connection(keeper, loop, buffer, 5.0)

    def take(piece: bytes) -> None:
        buffer[: len(piece)] = piece
        connection.buffer_updated(len(piece))

    transport = PlayedTransport(pieces, take, connection)
    connection.connection_made(transport)
    parts: list[bytes] = []
    try:
        answer = await connection.ask(HEAD, b"", limit=loop.time() + 5.0, bodiless=raw.method == "HEAD")
    except UpstreamError:
        return None, keeper.kept
    result = None
    try:
        await answer.relay(parts.append)
        result = Result(answer.status, answer.reason, tuple(answer.headers), b"".join(parts))
    except UpstreamError:
        pass
    kept = keeper.kept
    await cast("asyncio.Task[None]", transport._playing)
    connection.drop()
    return result, kept


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """`data` cut at `places`, and so that no piece is longer than a connection's buffer."""
    edges = sorted({0, *(place for place in places if place < len(data)), *range(0, len(data), 2**15), len(data)})
    return [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]


@pytest.mark.parametrize("name", RAW_ANSWERS)
@given(places=st.lists(st.integers(1, 400), max_size=8))
@example(places=[])
@example(places=EVERY)
@settings(max_examples=8)
async def test_every_difference_from_aiohttps_client_is_explained(name: str, places: list[int]) -> None:
    raw = RAW_ANSWERS[name]
    pieces = cut(raw.answer, places)

    theirs = await through_aiohttp(raw, pieces)
    ours, kept = await through_ours(raw, pieces)

    assert (ours is not None) == raw.is_whole
    if not raw.differs:
        assert ours == theirs
    elif not places:
        assert ours != theirs
    assert not kept or raw.is_whole


@pytest.mark.parametrize("name", RAW_ANSWERS)
async def test_a_connection_is_kept_only_where_its_answer_had_a_clean_end(name: str) -> None:
    raw = RAW_ANSWERS[name]
    _, kept = await through_ours(raw, cut(raw.answer, []))
    assert kept == raw.kept


async def test_a_connection_is_not_kept_while_a_part_of_its_request_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PlayedTransport, "unsent", 1)
    raw = RAW_ANSWERS["a sized body"]
    result, kept = await through_ours(raw, [raw.answer])
    assert (result is not None, kept) == (True, False)


def test_the_corpus_is_as_large_as_it_should_be_and_every_explanation_a_sentence() -> None:
    assert len(RAW_ANSWERS) >= 60
    assert all(len(raw.differs.split()) > 5 for raw in RAW_ANSWERS.values() if raw.differs)
