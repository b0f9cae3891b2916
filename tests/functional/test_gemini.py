"""Google's API through real sockets: what a client of it gets, what is counted, and which key names whom."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.serving.process import Proxy
from tests.functional.conftest import Running
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import (
    EndedError,
    Message,
    RawUpstream,
    Wire,
    answer_bytes,
    chunk_bytes,
    connect,
    request_bytes,
)

STREAM = "/v1beta/models/gemini-2.5-pro:streamGenerateContent"
WAYS = ("/v1beta/models/gemini-2.5-pro:generateContent", STREAM + "?alt=sse", STREAM)
ASKED = {"contents": [{"role": "user", "parts": [{"text": "Hello, how are you?"}]}]}
THINKING = {"maxOutputTokens": 60, "thinkingConfig": {"includeThoughts": True}}
OF_ITS_OWN = re.compile(rb'"(responseId|thoughtSignature)":"[^"]*"')
JSON = ("Content-Type", "application/json")
EVENTS = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"))
LISTED = answer_bytes("200 OK", JSON, ("Transfer-Encoding", "chunked"))


def asking(target: str, *headers: tuple[str, str], **fields: Any) -> bytes:
    return request_bytes(f"POST {target}", JSON, *headers, body=json.dumps(ASKED | fields).encode())


def piece(text: str, said: int, **more: str) -> bytes:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, **more}
    usage = {"promptTokenCount": 7, "candidatesTokenCount": said, "totalTokenCount": 7 + said}
    return json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode()


async def told(url: str, target: str, *headers: tuple[str, str], **fields: Any) -> Message:
    async with await connect(url) as client:
        await client.send(asking(target, *headers, **fields))
        return await client.message()


@asynccontextmanager
async def passing(proxy: Proxy, model_api: RawUpstream, ask: bytes, answer: bytes) -> AsyncIterator[tuple[Wire, Wire]]:
    async with await connect(proxy.url) as client:
        await client.send(ask)
        wire, _ = await model_api.answer(answer)
        yield client, wire


@pytest.mark.parametrize("target", WAYS, ids=["plain", "events", "list"])
async def test_an_answer_comes_as_without_the_proxy_and_is_counted(
    mock_api: Running, sdk_proxy: Running, target: str
) -> None:
    def tokens(kind: str) -> float:
        return sdk_proxy.metric(f'stillgate_tokens_total{{kind="{kind}",model="gemini-2.5-pro"}}')

    kinds = ("input", "output", "reasoning")
    fields = {"generationConfig": THINKING}
    direct = await told(mock_api.url, target, **fields)
    before = [tokens(kind) for kind in kinds]
    answer = await told(sdk_proxy.url, target, ("x-account-id", uuid.uuid4().hex), **fields)
    assert answer.status == 200
    assert answer.values("content-type") == direct.values("content-type")
    assert OF_ITS_OWN.sub(b"", answer.body) == OF_ITS_OWN.sub(b"", direct.body)
    counted = [after - was for after, was in zip([tokens(kind) for kind in kinds], before, strict=True)]
    assert counted == [5, 60, 20]


@pytest.mark.parametrize("target", WAYS, ids=["plain", "events", "list"])
async def test_a_refusal_is_worded_as_googles(sdk_proxy: Running, target: str) -> None:
    headers = ("x-account-id", uuid.uuid4().hex), ("x-account-tier", "spent")
    await told(sdk_proxy.url, target, *headers)
    refused = await told(sdk_proxy.url, target, *headers)
    error = json.loads(refused.body)["error"]
    assert (refused.status, error["code"], error["status"]) == (429, 429, "RESOURCE_EXHAUSTED")
    assert "'spent-rpd'" in error["message"]
    assert 86_000 < float(error["details"][-1]["retryDelay"].removesuffix("s")) <= 86_400
    assert 86_000 < int(refused.values("retry-after")[0]) <= 86_400
    assert not [name for name, _ in refused.headers if "ratelimit" in name.lower()]
    denied = await told(sdk_proxy.url, target.replace("2.5-pro", "frontier-1"))
    error = json.loads(denied.body)["error"]
    assert (denied.status, error["status"]) == (403, "PERMISSION_DENIED")
    assert error["message"] == "This model needs a verified account."


async def test_a_stream_of_events_that_breaks_off_ends_with_an_error_that_the_sdk_raises(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    event = b"data: " + piece("Hel", 1) + b"\r\n\r\n"
    async with passing(proxy, model_api, asking(WAYS[1]), EVENTS + chunk_bytes(event)) as (client, wire):
        await client.head()
        assert await client.chunk() == event
        wire.close()
        last = await client.chunk()
        assert last.startswith(b'data: {"error":')
        assert json.loads(last[6:])["error"]["status"] == "UNAVAILABLE"
        with pytest.raises(EndedError):
            await client.chunk()


@pytest.mark.parametrize("whole", [True, False])
async def test_a_stream_that_ends_with_its_connection_is_whole_once_the_model_has_ended(
    proxy: Proxy, model_api: RawUpstream, whole: bool
) -> None:
    event = b"data: " + (piece("Hello", 2, finishReason="STOP") if whole else piece("Hello", 2)) + b"\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    async with passing(proxy, model_api, asking(WAYS[1]), head + event) as (client, wire):
        wire.close()
        await client.head()
        assert await client.chunk() == event
        assert await client.chunk() == b"" if whole else b"broke off" in await client.chunk()


async def test_a_list_that_breaks_off_never_looks_whole(proxy: Proxy, model_api: RawUpstream) -> None:
    begun = b"[" + piece("Hel", 1)
    async with passing(proxy, model_api, asking(STREAM), LISTED + chunk_bytes(begun)) as (client, wire):
        await client.head()
        assert await client.chunk() == begun
        wire.close()
        with pytest.raises(EndedError):
            await client.chunk()


@pytest.mark.parametrize("target", WAYS[1:], ids=["events", "list"])
async def test_a_client_that_leaves_in_mid_stream_is_charged_for_what_the_model_had_told_of(
    model_api: RawUpstream, tmp_path: Path, target: str
) -> None:
    log = tmp_path / "log"
    before, after, head = (b"data: ", b"\r\n\r\n", EVENTS) if "sse" in target else (b"[", b",\r\n", LISTED)
    async with proxy_before(model_api.url, tmp_path, exchange_log=str(log)) as proxy:
        begun = chunk_bytes(before + piece("Hel", 40) + after)
        async with passing(proxy, model_api, asking(target), head + begun) as (client, wire):
            await client.head()
            await client.chunk()
            client.reset()
            await wire.ended()
    (line,) = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    assert (line["features"]["answer"]["ending"], line["response"]["output_tokens"]) == ("client_gone", 40)


ONE_A_DAY = "version: 1\ntrusted_proxies: []\nquotas: [{id: one, key: [account], unit: requests, rate: 1/day}]\n"


async def test_a_key_in_the_url_names_an_account_and_reaches_the_upstream_as_it_is_written(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with proxy_before(model_api.url, tmp_path, ONE_A_DAY) as proxy:
        for query, is_let_in in (("alt=sse&key=AI%7Aa", True), ("key=AIza2&alt=sse", True), ("key=AIza", False)):
            async with await connect(proxy.url) as client:
                await client.send(asking(f"{STREAM}?{query}"))
                if is_let_in:
                    _, request = await model_api.answer(answer_bytes("200 OK", ("Connection", "close")))
                    assert request.target == f"{STREAM}?{query}"
                assert (await client.message()).status == (200 if is_let_in else 429)


async def test_a_key_in_the_url_passes_with_no_other_that_is_charged_in_its_place(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with proxy_before(model_api.url, tmp_path, ONE_A_DAY) as proxy, await connect(proxy.url) as client:
        await client.send(asking(WAYS[1] + "&key=AIza", ("x-goog-api-key", "invented")))
        _, request = await model_api.answer(answer_bytes())
        assert (request.target, request.values("x-goog-api-key")) == (WAYS[1], ["invented"])
        assert (await client.message()).status == 200
