"""The mock as a server: what is counted, and the faults that only a socket can have."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from proxy.errors import UsageError
from proxy.simulate.mock_upstream import STATS_PATH, MockSettings, MockUpstream, start

HEADERS = {"anthropic-version": "2023-06-01", "x-api-key": "sk"}


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    server = await start(settings=MockSettings(pace_seconds=0))
    yield server
    await server.close()


@pytest.fixture
async def http(mock: MockUpstream) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(mock.url, headers=HEADERS) as session:
        yield session


def body_of(stream: bool) -> dict[str, Any]:
    return {
        "model": "m",
        "max_tokens": 10_000_000,
        "stream": stream,
        "messages": [{"role": "user", "content": "Hello"}],
    }


def ask(http: aiohttp.ClientSession, script: str, stream: bool = True) -> Any:
    return http.post("/v1/messages", json=body_of(stream), headers={"x-mock": script})


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def text_bytes(raw: bytes) -> int:
    """Bytes of text in the whole events of a stream."""
    events = [json.loads(line[6:]) for line in raw.split(b"\n") if line.startswith(b"data: ") and line.endswith(b"}")]
    return sum(len(event["delta"].get("text", "")) for event in events if event["type"] == "content_block_delta")


async def test_a_stream_read_to_its_end_is_counted_whole(mock: MockUpstream, http: aiohttp.ClientSession) -> None:
    async with ask(http, "tokens=100, id=a") as response:
        raw = await response.read()
    exchange = mock.stats.exchanges["a"]
    assert text_bytes(raw) == 4 * exchange.output_tokens == 400
    assert (exchange.outcome, exchange.input_tokens, exchange.status) == ("complete", 2, 200)
    assert raw.count(b"\n\n") == exchange.events
    assert (mock.stats.output_tokens, mock.stats.open, mock.stats.streams_open) == (100, 0, 0)


async def test_an_exchange_is_named_by_the_request_id_of_its_answer(
    mock: MockUpstream, http: aiohttp.ClientSession
) -> None:
    async with ask(http, "tokens=7", stream=False) as response:
        await response.read()
    assert mock.stats.exchanges[response.headers["request-id"]].output_tokens == 7


async def test_a_cut_stream_breaks_off_after_what_was_counted(mock: MockUpstream, http: aiohttp.ClientSession) -> None:
    raw = bytearray()
    async with ask(http, "tokens=100, cut=after 8 events, id=a") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await _collect(response, raw)
    exchange = mock.stats.exchanges["a"]
    assert raw.count(b"\n\n") == exchange.events == 8
    assert text_bytes(bytes(raw)) == 4 * exchange.output_tokens > 0
    assert exchange.outcome == "cut"


async def test_a_cut_plain_answer_breaks_off_and_generated_nothing(
    mock: MockUpstream, http: aiohttp.ClientSession
) -> None:
    async with ask(http, "cut=1, id=a", stream=False) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert (mock.stats.exchanges["a"].outcome, mock.stats.output_tokens) == ("cut", 0)


async def test_a_connection_can_be_closed_before_any_answer(mock: MockUpstream, http: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(http, "cut, id=a")
    await until(lambda: mock.stats.exchanges["a"].outcome == "cut")
    assert mock.stats.open == 0


@pytest.mark.parametrize("script", ["hang", "hang=after 3 events"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_hangs_ends_when_its_client_leaves(
    mock: MockUpstream, http: aiohttp.ClientSession, script: str, stream: bool
) -> None:
    leaving = asyncio.ensure_future(_read(ask(http, f"{script}, tokens=99, id=a", stream=stream)))
    await until(lambda: "a" in mock.stats.exchanges and _has_hung(mock, script, stream))
    leaving.cancel()
    await until(lambda: mock.stats.exchanges["a"].outcome == "gone")
    assert (mock.stats.open, mock.stats.streams_open) == (0, 0)


async def _collect(response: aiohttp.ClientResponse, into: bytearray) -> None:
    async for chunk in response.content.iter_any():
        into += chunk


async def _read(asking: Any) -> None:
    async with asking as response:
        await response.read()


def _has_hung(mock: MockUpstream, script: str, stream: bool) -> bool:
    exchange = mock.stats.exchanges["a"]
    if script == "hang":
        return exchange.outcome == "open"
    return exchange.events == 3 if stream else exchange.status == 200


async def test_a_hanging_answer_does_not_keep_the_server_from_closing(http: aiohttp.ClientSession) -> None:
    server = await start()
    async with aiohttp.ClientSession(server.url, headers=HEADERS) as session:
        hanging = asyncio.ensure_future(_read(ask(session, "hang, id=a")))
        await until(lambda: "a" in server.stats.exchanges)
        await server.close()
        with pytest.raises(aiohttp.ClientError):
            await hanging
    assert server.stats.exchanges["a"].outcome == "gone"


async def test_a_client_that_does_not_read_stops_the_generation(mock: MockUpstream) -> None:
    """The sockets' buffers are all that may be generated ahead of the reader."""
    host, port = mock.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    body = json.dumps(body_of(stream=True))
    head = f"POST /v1/messages HTTP/1.1\r\nhost: m\r\nanthropic-version: 1\r\ncontent-length: {len(body)}\r\n"
    writer.write(f"{head}x-mock: tokens=2000000, id=a\r\n\r\n{body}".encode())
    await until(lambda: "a" in mock.stats.exchanges)
    exchange, before = mock.stats.exchanges["a"], -1
    await until(lambda: exchange.output_tokens > 0)
    while exchange.output_tokens != before:
        before = exchange.output_tokens
        await asyncio.sleep(0.05)
    assert 0 < before < 2_000_000
    assert exchange.outcome == "open"
    await reader.read(1)
    writer.transport.abort()
    await until(lambda: exchange.outcome == "gone")


async def test_a_gzipped_answer_holds_no_event_back(mock: MockUpstream) -> None:
    async with aiohttp.ClientSession(mock.url, headers=HEADERS, auto_decompress=False) as http:
        async with ask(http, "tokens=50, gzip, hang=after 3 events, id=a") as response:
            assert response.headers["content-encoding"] == "gzip"
            packed = b""
            while _unpacked(packed).count(b"\n\n") < 3:
                packed += await response.content.readany()
        async with ask(http, "tokens=50, gzip") as response:
            assert text_bytes(gzip.decompress(await response.read())) == 200
        async with ask(http, "tokens=50, gzip", stream=False) as response:
            assert len(json.loads(gzip.decompress(await response.read()))["content"][0]["text"]) == 200


def _unpacked(packed: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(packed)


async def test_the_statistics_are_served(mock: MockUpstream, http: aiohttp.ClientSession) -> None:
    async with ask(http, "tokens=50, id=a") as response:
        await response.read()
    async with ask(http, "status=529") as response:
        assert response.status == 529
    async with http.get(STATS_PATH) as response:
        stats = await response.json()
    assert stats["requests"] == {"/v1/messages": 2}
    assert stats["statuses"] == {"200": 1, "529": 1}
    assert stats["output_tokens"] == stats["exchanges"]["a"]["output_tokens"] == 50


async def test_a_delayed_and_paced_answer_is_the_same_answer(http: aiohttp.ClientSession) -> None:
    async with ask(http, "tokens=20") as response:
        quick = await response.read()
    async with ask(http, "tokens=20, delay=0.001, pace=0.001") as response:
        assert text_bytes(await response.read()) == text_bytes(quick)


async def test_a_port_that_is_taken_is_a_usage_error(mock: MockUpstream) -> None:
    port = int(mock.url.rpartition(":")[2])
    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
        await start("127.0.0.1", port)
