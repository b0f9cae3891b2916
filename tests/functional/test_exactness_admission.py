"""However many ask at once, and through however many proxies: exactly what a quota holds gets through."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from tests.functional.conftest import Running, ServeFactory
from tests.redis_server import RedisServer

HUNDRED = """\
version: 1
quotas:
  - {id: hundred, key: [account], unit: requests, rate: 1/day, burst: 100}
"""
TOKENS = """\
version: 1
quotas:
  - {id: tpm, key: [account], unit: total_tokens, rate: 100/min, reserve: max_tokens}
"""
CROWD = 1000
PATIENT = ("--store-timeout-ms", "5000")
"""On a machine too busy to answer in time, Redis counts as lost, and `on_store_failure` grants what it grants."""


async def ask_at_once(proxies: Sequence[Running], count: int, headers: dict[str, str], **fields: Any) -> Counter[int]:
    """The statuses of `count` requests, all under way together, spread evenly over the proxies."""
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}], **fields}
    everybody = asyncio.Barrier(count)

    async def ask(session: aiohttp.ClientSession, url: str) -> int:
        await everybody.wait()
        async with session.post(f"{url}/v1/messages", json=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        urls = [proxies[index % len(proxies)].url for index in range(count)]
        return Counter(await asyncio.gather(*(ask(session, url) for url in urls)))


def new_account() -> dict[str, str]:
    return {"x-account-id": uuid.uuid4().hex, "anthropic-version": "2023-06-01"}


async def stats(mock_api: Running) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{mock_api.url}/mock/stats") as answer:
        return dict(await answer.json())


async def assert_exactly_a_hundred_pass(proxies: Sequence[Running], mock_api: Running) -> None:
    before = await stats(mock_api)
    statuses = await ask_at_once(proxies, CROWD, new_account())
    after = await stats(mock_api)
    assert statuses == {200: 100, 429: CROWD - 100}
    assert after["requests"]["/v1/messages"] - before["requests"].get("/v1/messages", 0) == 100


async def test_exactly_a_hundred_of_a_thousand_pass_on_memory(serve: ServeFactory, mock_api: Running) -> None:
    await assert_exactly_a_hundred_pass([serve(HUNDRED)], mock_api)


async def test_exactly_a_hundred_of_a_thousand_pass_on_redis(
    serve: ServeFactory, mock_api: Running, redis_server: RedisServer
) -> None:
    await assert_exactly_a_hundred_pass([serve(HUNDRED, "--store", redis_server.url, *PATIENT)], mock_api)


async def test_exactly_a_hundred_of_a_thousand_pass_through_two_workers(
    serve: ServeFactory, mock_api: Running, redis_server: RedisServer
) -> None:
    await assert_exactly_a_hundred_pass(
        [serve(HUNDRED, "--store", redis_server.url, "--workers", "2", *PATIENT)], mock_api
    )


async def test_exactly_a_hundred_of_a_thousand_pass_through_four_proxies(
    serve: ServeFactory, mock_api: Running, redis_server: RedisServer
) -> None:
    proxies = [serve(HUNDRED, "--store", redis_server.url, *PATIENT) for _ in range(4)]
    await assert_exactly_a_hundred_pass(proxies, mock_api)


@pytest.mark.parametrize("on_redis", [False, True], ids=["memory", "redis"])
async def test_a_burst_of_tokens_stays_within_the_limit_and_what_was_refilled(
    on_redis: bool, serve: ServeFactory, mock_api: Running, redis_server: RedisServer
) -> None:
    proxy = serve(TOKENS, *(("--store", redis_server.url, *PATIENT) if on_redis else ()))
    before = await stats(mock_api)
    start = time.monotonic()
    statuses = await ask_at_once([proxy], 200, new_account(), max_tokens=20)
    elapsed_minutes = (time.monotonic() - start) / 60
    after = await stats(mock_api)
    used = sum(after[kind] - before[kind] for kind in ("input_tokens", "output_tokens"))
    assert 0 < used <= 100 + 100 * elapsed_minutes
    assert statuses[200] + statuses[429] == 200
    assert statuses[200] >= 2, "two such requests fit at once, whatever is estimated for their prompts"
