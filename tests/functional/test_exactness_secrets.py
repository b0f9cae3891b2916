"""Nothing that the proxy keeps or tells holds a byte of a prompt, a completion or a key, whatever has gone wrong.

Canaries go through everything; then its log, its metrics, its exchange log and its Redis are searched for them.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from tests.functional.conftest import Running, ServeFactory
from tests.functional.sdk_ways import ALL_WAYS, Way
from tests.redis_server import RedisServer

POLICY = """\
version: 1
tiers: {free: {}, spent: {}, small: {}}
default_tier: free
campaigns: {mode: shadow}
access:
  - {id: no-frontier, deny: {model: "*-frontier-*"}}
  - {id: shadow-access, deny: {path: "/v1/responses"}, mode: shadow}
quotas:
  - {id: rpm, key: [account, end_user, model], unit: requests, rate: 10k/min}
  - {id: tpm, key: [account, model], unit: total_tokens, rate: 10M/min, reserve: max_tokens}
  - {id: daily, key: [end_user], unit: total_tokens, budget: 10M/day}
  - {id: slots, key: [account], unit: concurrent, limit: 100}
  - {id: spent-rpd, match: {tier: spent}, key: [network], unit: requests, rate: 1/day}
  - {id: small-otpd, match: {tier: small}, key: [account], unit: output_tokens, rate: 50/day, reserve: max_tokens}
  - {id: shadow-rpd, key: [model], unit: requests, rate: 1/day, mode: shadow}
"""
PROMPT, SYSTEM, COMPLETION, KEY, END_USER, MODEL, ACCOUNT = (
    f"{name}canary{uuid.uuid4().hex}"
    for name in ("prompt", "system", "completion", "key", "enduser", "model", "account")
)
CONTENT = (PROMPT, SYSTEM, COMPLETION, KEY, END_USER)
"""What is to be found nowhere."""
LABELS = frozenset(
    {"version", "implementation", "major", "minor", "patchlevel", "generation", "le"}  # the process's own
    | {"dialect", "outcome", "source", "code", "ending", "usage", "kind", "mode", "action", "level"}  # closed sets
    | {"rule", "unit", "scope", "name", "sha256"}  # the policy's
    | {"model"}  # of those that the upstream has served
)
SECRET_TOOL = {"type": "object", "properties": {"secret": {"enum": [COMPLETION]}}, "required": ["secret"]}
TURNS = [{"role": "user", "content": f"{PROMPT}: pick a secret, and write your reasoning {SYSTEM} verbatim"}]
ASKS: dict[str, dict[str, Any]] = {
    "messages": {
        "system": SYSTEM,
        "messages": TURNS,
        "metadata": {"user_id": END_USER},
        "stop_sequences": [PROMPT],
        "tools": [{"name": "pick", "input_schema": SECRET_TOOL}],
    },
    "chat": {
        "messages": [{"role": "system", "content": SYSTEM}, *TURNS],
        "user": END_USER,
        "tools": [{"type": "function", "function": {"name": "pick", "parameters": SECRET_TOOL}}],
    },
    "responses": {
        "instructions": SYSTEM,
        "input": TURNS,
        "safety_identifier": END_USER,
        "tools": [{"type": "function", "name": "pick", "parameters": SECRET_TOOL, "strict": False}],
    },
    "completions": {"prompt": PROMPT, "user": END_USER},
    "embeddings": {"input": PROMPT, "user": END_USER},
}
GEMINI = {
    "systemInstruction": {"parts": [{"text": SYSTEM}]},
    "contents": [{"role": "user", "parts": [{"text": TURNS[0]["content"]}]}],
    "tools": [{"functionDeclarations": [{"name": "pick", "parameters": SECRET_TOOL}]}],
}
GEMINI_PATHS = [
    f"/v1beta/models/m-large:{method}key={KEY}"
    for method in ("generateContent?", "streamGenerateContent?alt=sse&", "streamGenerateContent?", "countTokens?")
]
ROOMY = {
    "messages": {"max_tokens": 500},
    "chat": {"max_completion_tokens": 500},
    "responses": {"max_output_tokens": 500},
}
FAULTS = (
    "status=400",
    "status=529",
    "cut",
    "cut=after 3 events",
    "error=after 3 events",
    "garbage",
    "gzip",
    "usage=none",
)
FLAGS = ("--log-level", "debug", "--max-body-mb", "1", "--store-timeout-ms", "5000")
BROKEN_WAYS = (Way("messages", asynchronous=True, streamed=False), Way("chat", asynchronous=True, streamed=True))
MALFORMED = (
    f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key {KEY}\r\n\r\n",
    f"POST /v1/messages?{KEY} HTP/1.1\r\nHost: x\r\n\r\n",
    f"{KEY} {PROMPT}\r\n\r\n",
    f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Length: {KEY}\r\n\r\n{PROMPT}",
    f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{PROMPT}\r\n{KEY}\r\n",
    f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\nContent-Length: 9999\r\n\r\n{PROMPT}",
)
"""Requests that are no HTTP, or break off."""
BAD_ANSWERS = (
    f"{COMPLETION}\r\n\r\n",
    f"HTTP/1.1 200 OK\r\n{COMPLETION}\r\n\r\n",
    f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{COMPLETION}\r\n",
    f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 60\r\n\r\n{COMPLETION}",
    f"HTTP/1.1 200 {COMPLETION}\r\nContent-Length: {COMPLETION}\r\n\r\n",
)
"""Answers of an upstream that are no HTTP, or no answer."""


@asynccontextmanager
async def broken_upstream() -> AsyncIterator[str]:
    """An upstream that gives the bad answers one after the other."""
    answers = iter(BAD_ANSWERS * len(BROKEN_WAYS))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(answers).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def ask(way: Way, proxy: Running, *, tier: str = "free", mock: str = "", **fields: Any) -> str:
    """What the SDK has got, or raised, as text: here the canaries may be."""
    headers = {"x-account-id": ACCOUNT, "x-account-tier": tier, "x-mock": mock}
    asked = {**ASKS[way.endpoint], **ROOMY.get(way.endpoint, {}), **fields}
    try:
        return str(await way.ask(proxy.url, key=KEY, extra_headers=headers, extra_query={"key": KEY}, **asked))
    except Exception as fault:  # whatever it is, it is the client's
        return repr(fault)


async def write_raw(proxy: Running, request: str) -> None:
    place = urlsplit(proxy.url)
    _, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(request.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def send_everything(proxy: Running) -> None:
    told = [await ask(way, proxy) for way in ALL_WAYS]
    assert sum(COMPLETION in answer for answer in told) >= 6, "the canary of completions does come out"
    for way in ALL_WAYS:
        for fault in FAULTS:
            await ask(way, proxy, mock=fault)
        await ask(way, proxy, model="m-frontier-1")
        await ask(way, proxy, model=f"unknown-{MODEL}")
        await ask(way, proxy, tier="spent", model=f"unknown-{MODEL}")
        await ask(way, proxy, tier="small")
        await ask(way, proxy, extra_body={"padding": PROMPT * 2**15})
    async with aiohttp.ClientSession() as session:
        for headers in ({"x-api-key": KEY}, {"authorization": f"Bearer {KEY}"}, {"cookie": KEY, "user-agent": KEY}):
            for path in ("/v1/messages", "/v1/chat/completions", f"/v1/files?key={KEY}"):
                for body in (
                    f'{{"model": "{MODEL}", {PROMPT}',
                    f'"{PROMPT}"',
                    f'{{"messages": [{{"{PROMPT}": 1e999}}]}}',
                ):
                    async with session.post(proxy.url + path, data=body, headers=headers) as answer:
                        await answer.read()
        for path in GEMINI_PATHS:
            for fault in ("", *FAULTS):
                async with session.post(proxy.url + path, json=GEMINI, headers={"x-mock": fault}) as answer:
                    with suppress(aiohttp.ClientPayloadError):
                        await answer.read()
    for request in MALFORMED:
        await write_raw(proxy, request)


def stored(redis: RedisServer) -> str:
    """Every key of Redis and all it holds."""
    held = []
    with Redis(port=redis.port, decode_responses=True, encoding_errors="backslashreplace") as client:
        for key in client.scan_iter():
            kinds: dict[str, Any] = {
                "string": client.get,
                "hash": client.hgetall,
                "set": client.smembers,
                "zset": lambda name: client.zrange(name, 0, -1, withscores=True),
                "stream": client.xrange,
            }
            held.append(f"{key} = {kinds[str(client.type(key))](key)}")
    return "\n".join(held)


def labels(exposition: str) -> set[tuple[str, str]]:
    return {
        label
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        for label in sample.labels.items()
    }


def assert_silent(what: str, text: str, *canaries: str) -> None:
    assert len(text) > 100, f"there is something to search in the {what}"
    for canary in canaries:
        place = text.find(canary[:20])
        assert place < 0, f"in the {what}: …{text[max(place - 200, 0) : place + 100]}…"


def assert_all_silent(proxy: Running, redis: RedisServer, exchange_log: Path) -> None:
    """Searches whatever the proxy has kept or told; ends it, so that all of it is there."""
    exposition = proxy.page("/metrics")[1]
    assert_silent("metrics", exposition, *CONTENT, MODEL, ACCOUNT)
    shown = labels(exposition)
    assert {name for name, _ in shown} <= LABELS
    assert not [value for _, value in shown if re.search(r"127\.0\.0|::1|key-|anonymous", value)]
    assert_silent("status", proxy.page("/readyz")[1], *CONTENT, MODEL, ACCOUNT)
    assert_silent("Redis", stored(redis), *CONTENT)
    proxy.stop()
    assert_silent("log", "\n".join(proxy.lines), *CONTENT, MODEL)
    assert_silent("exchange log", exchange_log.read_text(encoding="utf-8"), *CONTENT)


async def test_no_byte_of_a_prompt_a_completion_or_a_key_is_kept_or_told(
    serve: ServeFactory, own_redis: RedisServer, tmp_path: Path
) -> None:
    exchange_log = tmp_path / "exchanges.log"
    proxy = serve(POLICY, *FLAGS, "--store", own_redis.url, "--exchange-log", str(exchange_log))
    await send_everything(proxy)
    assert_all_silent(proxy, own_redis, exchange_log)


async def test_what_a_broken_upstream_has_said_is_not_told_either(
    serve: ServeFactory, own_redis: RedisServer, tmp_path: Path
) -> None:
    exchange_log = tmp_path / "exchanges.log"
    async with broken_upstream() as url:
        flags = (*FLAGS, "--store", own_redis.url, "--exchange-log", str(exchange_log), "--upstream", url)
        proxy = serve(POLICY, *flags)
        for way in BROKEN_WAYS:
            for _ in BAD_ANSWERS:
                await ask(way, proxy)
    assert_all_silent(proxy, own_redis, exchange_log)
    assert any(line["message"] == "upstream failed" for line in proxy.log())
