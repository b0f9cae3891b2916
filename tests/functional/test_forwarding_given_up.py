"""Clients that leave before anything was answered: what an upstream that hangs looks like from here."""

from __future__ import annotations

import asyncio

import pytest

from proxy.observe import LOGS_PER_SECOND
from proxy.serving.process import Proxy
from tests.functional.raw_http import RawUpstream, answer_bytes, chunk_bytes, connect, request_bytes

STREAM_HEAD = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
ASK = request_bytes("POST /v1/messages", ("Content-Type", "application/json"), body=b'{"stream": true}')


async def endings(proxy: Proxy) -> dict[str, float]:
    """How exchanges ended so far, once none is under way."""
    while proxy.handler.under_way:
        await asyncio.sleep(0)
    samples = proxy.metrics.registry.collect
    await proxy.exposition()
    return {
        sample.labels["ending"]: sample.value
        for family in samples()
        for sample in family.samples
        if sample.name == "stillgate_exchange_endings_total"
    }


async def give_up(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.request()
    await wire.ended()


async def test_who_leaves_before_the_upstream_has_begun_to_answer_is_counted_apart(
    proxy: Proxy, model_api: RawUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "stillgate.decisions"):
        await give_up(proxy, model_api)
        assert await endings(proxy) == {"client_gave_up": 1}
    (told,) = [record for record in caplog.records if "client left" in record.message]
    assert vars(told)["exchange"].startswith("req_")
    assert vars(told)["waited_s"] >= 0


async def test_who_leaves_an_answer_that_has_begun_is_not(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        wire, _ = await model_api.answer(STREAM_HEAD + chunk_bytes(b": hi\n\n"))
        await client.head()
    await wire.ended()
    assert await endings(proxy) == {"client_gone": 1}


async def test_nor_is_who_leaves_before_all_of_the_request_was_there(proxy: Proxy, model_api: RawUpstream) -> None:
    """The upstream has nothing to answer yet."""
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/files", ("Content-Length", "100")) + b"half")
        wire = await model_api.next()
        await wire.head()
    await wire.ended()
    assert await endings(proxy) == {"client_gone": 1}


async def test_an_upstream_that_hangs_does_not_fill_the_log(
    proxy: Proxy, model_api: RawUpstream, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy.clock, "monotonic_us", lambda: 5_000_000)
    with caplog.at_level("INFO", "stillgate.decisions"):
        for _ in range(LOGS_PER_SECOND + 5):
            await give_up(proxy, model_api)
        assert await endings(proxy) == {"client_gave_up": LOGS_PER_SECOND + 5}
    assert len([record for record in caplog.records if "client left" in record.message]) == LOGS_PER_SECOND
