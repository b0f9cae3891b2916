"""A process that is killed gives back by itself what it held."""

from __future__ import annotations

import asyncio

import pytest

from tests.functional.conftest import Running, ServeFactory
from tests.functional.raw_http import RawUpstream, answer_bytes, connect, request_bytes
from tests.redis_server import RedisServer

TWO_SLOTS = """\
version: 1
quotas:
  - {id: two-slots, key: [account], unit: concurrent, limit: 2}
"""
LEASE_SECONDS = 15.0


async def status_of_another(running: Running, model_api: RawUpstream) -> int:
    async with await connect(running.url) as client:
        await client.send(request_bytes("POST /v1/messages", ("x-api-key", "k"), body=b"{}"))
        playing = asyncio.ensure_future(model_api.answer(answer_bytes("200 OK", ("Connection", "close"))))
        answer = await client.message()
        if answer.status == 200:
            await playing
        playing.cancel()
    return answer.status


@pytest.mark.slow
async def test_slots_of_a_killed_proxy_are_another_ones_once_their_lease_is_over(
    serve: ServeFactory, model_api: RawUpstream, own_redis: RedisServer
) -> None:
    flags = ("--upstream", model_api.url, "--store", own_redis.url)
    killed, other = serve(TWO_SLOTS, *flags), serve(TWO_SLOTS, *flags)
    holders = [await connect(killed.url) for _ in range(2)]
    for holder in holders:
        await holder.send(request_bytes("POST /v1/messages", ("x-api-key", "k"), body=b"{}"))
        await model_api.request()
    assert await status_of_another(other, model_api) == 429
    killed.process.kill()
    async with asyncio.timeout(4 * LEASE_SECONDS):
        while await status_of_another(other, model_api) == 429:
            await asyncio.sleep(0.2)
    for holder in holders:
        holder.close()
