"""A stream is asked for its usage only where a quota counts its tokens, and never at the price of the stream."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from proxy.serving.process import Proxy
from proxy.upstream.stream_usage import REFUSED_US, StreamUsage
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import Message, RawUpstream, answer_bytes, chunk_bytes, connect, request_bytes

TOKENS = """\
version: 1
quotas:
  - {id: otpm, key: [account], unit: output_tokens, rate: 1M/min, match: {model: m*}}
  - {id: rpm, key: [account], unit: requests, rate: 1M/min}
"""
EVENTS = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n'
STREAM = answer_bytes("200 OK", ("Content-Type", "text/event-stream"), ("request-id", "r"), body=EVENTS)
FORBIDDEN = b'{"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}'
CHUNKED = ("Transfer-Encoding", "chunked")


def chat(model: str = "m-1", **more: object) -> bytes:
    return json.dumps({"model": model, "stream": True, "messages": [], **more}).encode()


async def asked(
    proxy: Proxy, model_api: RawUpstream, body: bytes, answers: Sequence[bytes], *headers: tuple[str, str]
) -> tuple[list[Message], Message]:
    """What the upstream gets, which gives these answers one after the other, and what the client gets in the end."""
    got = []
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/chat/completions", *headers, body=body))
        for answer in answers:
            wire, request = await model_api.answer(answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            wire.close()
            got.append(request)
        return got, await client.message()


async def sent(proxy: Proxy, model_api: RawUpstream, body: bytes) -> bytes:
    """What the upstream gets instead of `body`, which it answers with a stream."""
    (request,), _ = await asked(proxy, model_api, body, [STREAM])
    return request.body


def refusal(status: int = 422, body: bytes = FORBIDDEN, *headers: tuple[str, str]) -> bytes:
    framed = chunk_bytes(body) + b"0\r\n\r\n" if CHUNKED in headers else body
    return answer_bytes(f"{status} No", *headers, body=framed)


async def test_a_stream_is_asked_for_its_usage_only_where_a_quota_counts_its_tokens(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with proxy_before(model_api.url, tmp_path, TOKENS) as proxy:
        assert b'"include_usage":true' in await sent(proxy, model_api, chat("m-1"))
        assert await sent(proxy, model_api, chat("other")) == chat("other")
        told = (await proxy.exposition()).decode()
    assert 'stillgate_settlements_total{usage="estimated"} 1.0' in told
    assert 'stillgate_settlements_total{usage="uncounted"} 1.0' in told


async def test_a_quota_that_is_only_rehearsed_counts_tokens_too(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_before(
        model_api.url, tmp_path, TOKENS.replace("unit: output", "mode: shadow, unit: output")
    ) as proxy:
        assert b'"include_usage":true' in await sent(proxy, model_api, chat())


async def test_no_stream_is_asked_for_its_usage_where_the_operator_says_never(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with proxy_before(model_api.url, tmp_path, TOKENS, ask_stream_usage="never") as proxy:
        assert await sent(proxy, model_api, chat()) == chat()


@pytest.mark.parametrize(
    "refused",
    [
        refusal(),
        refusal(400, b"stream_options is not supported with this model"),
        refusal(422, FORBIDDEN, CHUNKED),
        refusal(400, b"\x1f\x8b what nobody here reads", ("Content-Encoding", "br")),
        refusal(400, b"x" * 100_000),
    ],
    ids=["422", "400", "in chunks", "unreadable", "too long to look at"],
)
async def test_a_stream_that_is_refused_for_what_was_added_is_sent_once_more_as_it_came(
    model_api: RawUpstream, tmp_path: Path, refused: bytes
) -> None:
    async with proxy_before(model_api.url, tmp_path, TOKENS) as proxy:
        (first, second), answer = await asked(proxy, model_api, chat(), [refused, STREAM], ("Accept-Encoding", "gzip"))
    assert b"include_usage" in first.body
    assert (second.body, second.values("Accept-Encoding")) == (chat(), ["gzip"])
    assert (answer.status, answer.body) == (200, EVENTS)


async def test_a_model_that_refuses_to_be_asked_is_asked_no_more_and_the_log_tells_it_once(
    model_api: RawUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxy_before(model_api.url, tmp_path, TOKENS) as proxy:
        with caplog.at_level(logging.WARNING, "stillgate.upstream"):
            await asked(proxy, model_api, chat("m-1"), [refusal(), STREAM])
            assert await sent(proxy, model_api, chat("m-1")) == chat("m-1")
            await asked(proxy, model_api, chat("m-2"), [refusal(), STREAM])
    told = [record for record in caplog.records if record.name == "stillgate.upstream"]
    assert [record.__dict__["model"] for record in told] == ["m-1"]


@pytest.mark.parametrize(
    "refused",
    [
        refusal(400, b'{"error": {"message": "messages must not be empty"}}'),
        refusal(422, b'{"error": "no"}', CHUNKED),
        refusal(429, FORBIDDEN),
        refusal(500, FORBIDDEN),
    ],
    ids=["400", "in chunks", "429", "500"],
)
async def test_a_stream_that_is_refused_for_anything_else_is_not_sent_again(
    model_api: RawUpstream, tmp_path: Path, refused: bytes
) -> None:
    async with proxy_before(model_api.url, tmp_path, TOKENS) as proxy:
        _, answer = await asked(proxy, model_api, chat(), [refused])
    assert answer.status == int(refused.split()[1])
    assert answer.body in (refused.partition(b"\r\n\r\n")[2], b'{"error": "no"}')
    assert model_api.accepted == 1


@pytest.mark.parametrize(
    "second",
    [
        refusal(400, b"stream_options: unknown member"),
        answer_bytes("200 OK", ("Content-Type", "application/json"), body=b"{}"),
    ],
    ids=["refused as it came, too", "no stream"],
)
async def test_no_client_can_have_others_asked_no_more(model_api: RawUpstream, tmp_path: Path, second: bytes) -> None:
    """By options that are wrong themselves, or by what only the proxy takes for a stream."""
    async with proxy_before(model_api.url, tmp_path, TOKENS) as proxy:
        _, answer = await asked(proxy, model_api, chat(stream_options={"bogus": 1}), [refusal(), second])
        assert answer.body == second.partition(b"\r\n\r\n")[2]
        assert b"include_usage" in await sent(proxy, model_api, chat())


async def test_what_the_client_asked_for_itself_is_its_own_to_be_refused(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    body = chat(stream_options={"include_usage": True})
    async with proxy_before(model_api.url, tmp_path, TOKENS) as proxy:
        (request,), answer = await asked(proxy, model_api, body, [refusal()])
    assert (request.body, answer.status, answer.body) == (body, 422, FORBIDDEN)


async def test_a_refusal_that_breaks_off_is_a_bad_gateway(model_api: RawUpstream, tmp_path: Path) -> None:
    cut = refusal().removesuffix(b"]}")
    async with proxy_before(model_api.url, tmp_path, TOKENS) as proxy:
        _, answer = await asked(proxy, model_api, chat(), [cut])
    assert answer.status == 502


def test_after_a_while_it_is_asked_again() -> None:
    asks = StreamUsage(never=False)
    asks.refused(("openai_chat", "m"), now_us=0)
    assert not asks.may_ask(("openai_chat", "m"), REFUSED_US - 1)
    assert asks.may_ask(("openai_chat", "m"), REFUSED_US)
    assert asks.may_ask(("openai_chat", "other"), 0)


def test_however_many_models_refuse_few_are_remembered() -> None:
    asks = StreamUsage(never=False)
    for number in range(10_000):
        asks.refused(("openai_chat", f"m-{number}"), now_us=0)
    remembered = [number for number in range(10_000) if not asks.may_ask(("openai_chat", f"m-{number}"), 1)]
    assert remembered == list(range(10_000 - len(remembered), 10_000))
    assert 0 < len(remembered) < 1_000
