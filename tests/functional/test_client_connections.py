"""Connections of clients that say nothing, or half of something: nobody else has to wait because of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import proxy.handlers.server as server_module
import proxy.serving.process as process_module
from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import PATIENCE, Message, RawUpstream, Wire, answer_bytes, connect, request_bytes

HALF = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-A: "
ASK = request_bytes("POST /v1/messages", body=b"{}")
ROOM = 8


@pytest.fixture
async def hasty(model_api: RawUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """A proxy that waits for no head and looks after its clients all the time."""
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.0)
    monkeypatch.setattr(server_module, "_SWEEP_SECONDS", 0.01)
    async with proxy_before(model_api.url, tmp_path) as running:
        yield running


@pytest.fixture
async def narrow(model_api: RawUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """A proxy with room for `ROOM` clients."""
    monkeypatch.setattr(process_module, "open_files", lambda: 64 + 2 * ROOM)
    async with proxy_before(model_api.url, tmp_path) as running:
        yield running


async def asked(client: Wire, model_api: RawUpstream) -> int:
    await client.send(ASK)
    _, _ = await model_api.answer(answer_bytes("200 OK", ("Connection", "close")))
    return (await client.message()).status


async def timed_out(proxy: Proxy) -> Message:
    """The answer to half a head."""
    async with await connect(proxy.url) as client:
        await client.send(HALF)
        answer = await client.message()
        await client.ended()
    return answer


async def metric(proxy: Proxy, sample: str) -> float:
    lines = (await proxy.exposition()).decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " "))


async def test_half_a_head_is_not_waited_for_for_ever(hasty: Proxy) -> None:
    answer = await timed_out(hasty)
    assert (answer.status, answer.values("Connection")) == (408, ["close"])
    assert await metric(hasty, 'stillgate_responses_total{code="408",source="proxy"}') == 1


async def test_a_head_that_comes_byte_by_byte_has_no_more_time_than_another(hasty: Proxy) -> None:
    async with await connect(hasty.url) as client:
        await client.send(HALF)
        dribbling = asyncio.create_task(_dribble(client))
        assert (await client.message()).status == 408
        dribbling.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await dribbling


async def _dribble(client: Wire) -> None:
    while True:
        await client.send(b"x")
        await asyncio.sleep(0.001)


async def test_a_connection_that_says_nothing_between_requests_stays(hasty: Proxy, model_api: RawUpstream) -> None:
    async with await connect(hasty.url) as new, await connect(hasty.url) as used:
        assert await asked(used, model_api) == 200
        await timed_out(hasty)
        assert await asked(used, model_api) == 200
        assert await asked(new, model_api) == 200


async def test_a_head_in_pieces_that_comes_in_time_is_served(
    hasty: Proxy, model_api: RawUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "HEAD_SECONDS", PATIENCE)
    async with await connect(hasty.url) as client:
        for piece in (ASK[:10], ASK[10:30]):
            await client.send(piece)
            await asyncio.sleep(0.03)  # for it to be looked at
        await client.send(ASK[30:])
        await model_api.answer(answer_bytes())
        assert (await client.message()).status == 200


async def test_half_a_head_behind_a_request_that_is_under_way_does_not_end_its_answer(
    hasty: Proxy, model_api: RawUpstream
) -> None:
    async with await connect(hasty.url) as client:
        await client.send(ASK + HALF)
        wire, _ = await model_api.request()
        await timed_out(hasty)
        await wire.send(answer_bytes())
        assert (await client.message()).status == 200
        assert (await client.message()).status == 408


async def test_a_client_that_is_answered_before_its_body_is_whole_may_end_it_and_ask_again(
    narrow: Proxy, model_api: RawUpstream
) -> None:
    async with await connect(narrow.url) as client:
        await client.send(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        wire = await model_api.next()
        await wire.head()
        await wire.send(answer_bytes("403 Forbidden", ("Connection", "close")))
        assert (await client.message()).status == 403
        await client.send(b"67890")
        assert await asked(client, model_api) == 200


async def test_however_many_hold_half_a_head_there_is_room_for_others(
    narrow: Proxy, model_api: RawUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as held:
        first, *_ = [await held.enter_async_context(await connect(narrow.url)) for _ in range(5 * ROOM)]
        await first.ended()
        async with await connect(narrow.url) as client:
            assert await asked(client, model_api) == 200
        assert await metric(narrow, "stillgate_client_connections") <= ROOM
    assert await metric(narrow, "stillgate_client_connections_limit") == ROOM
    assert await metric(narrow, 'stillgate_client_connections_shed_total{kind="idle"}') >= 4 * ROOM
    assert await metric(narrow, 'stillgate_client_connections_shed_total{kind="new"}') == 0
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.name for record in told] == ["stillgate.clients"], "once, however many come"


async def test_where_all_are_at_work_a_newcomer_is_sent_away_and_they_are_served(
    narrow: Proxy, model_api: RawUpstream
) -> None:
    async with AsyncExitStack() as held:
        clients = [await held.enter_async_context(await connect(narrow.url)) for _ in range(ROOM)]
        for client in clients:
            await client.send(ASK)
        asked_of = [await model_api.request() for _ in clients]
        async with await connect(narrow.url) as newcomer:
            await newcomer.ended()
        for wire, _ in asked_of:
            await wire.send(answer_bytes())
        assert [(await client.message()).status for client in clients] == [200] * ROOM
    assert await metric(narrow, 'stillgate_client_connections_shed_total{kind="new"}') == 1


async def test_requests_that_wait_behind_another_are_few(hasty: Proxy, model_api: RawUpstream) -> None:
    async with await connect(hasty.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.request()
        client.writer.write(request_bytes("GET /v1/models") * 1_000)
        await wire.send(answer_bytes())
        assert (await client.message()).status == 200
        answered = 0
        while (answer := await _served(client, wire)).status == 200:
            answered += 1
        assert answer.status == 429
    assert 16 <= answered <= 256


async def _served(client: Wire, upstream: Wire) -> Message:
    """The answer to the next of those that wait."""
    serving = asyncio.create_task(_serve_one(upstream))
    try:
        return await client.message()
    finally:
        serving.cancel()


async def _serve_one(upstream: Wire) -> None:
    await upstream.message()
    await upstream.send(answer_bytes())
