"""A store that does not keep what it is given is told of before anybody has a budget twice, and when it happens."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from proxy.serving.process import Proxy
from tests.functional.conftest import Running
from tests.functional.proxy_in_process import WIDE_POLICY, proxy_before
from tests.functional.raw_http import PATIENCE
from tests.redis_server import RedisServer, running_redis

BUDGET = """\
version: 1
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 9/min}
  - {id: daily, key: [account], unit: requests, budget: 2/day}
  - {id: rehearsed, key: [account], unit: requests, budget: 2/day, mode: shadow}
"""


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.serving.redis_memory.LOOK_SECONDS", 0.01)


async def until_told(caplog: pytest.LogCaptureFixture, text: str) -> logging.LogRecord:
    async with asyncio.timeout(PATIENCE):
        while True:
            for record in caplog.records:
                if text in record.getMessage():
                    return record
            await asyncio.sleep(0.01)


async def exposed(proxy: Proxy, name: str) -> str:
    lines = (await proxy.exposition()).decode().splitlines()
    return next(line for line in lines if line.startswith(name + " "))


@pytest.mark.usefixtures("often")
async def test_a_redis_that_may_evict_is_told_of_once_with_what_to_do_and_what_it_evicts_is_counted(
    mock_api: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_redis("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru") as redis:
        async with proxy_before(mock_api.url, tmp_path, WIDE_POLICY, store=redis.url) as proxy:
            told = await until_told(caplog, "may evict keys")
            assert (told.levelname, told.__dict__["maxmemory_policy"]) == ("WARNING", "allkeys-lru")
            assert "maxmemory-policy noeviction" in told.getMessage()
            assert await exposed(proxy, "stillgate_store_evicted_keys") == "stillgate_store_evicted_keys 0.0"
            for number in range(400):
                redis.command("SET", f"other-{number}", "x" * 20_000)
            evicted = await until_told(caplog, "has evicted keys")
            assert evicted.__dict__["evicted_keys"] > 0
            assert float((await exposed(proxy, "stillgate_store_evicted_keys")).partition(" ")[2]) > 0
            redis.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert caplog.text.count("may evict keys") == 1


@pytest.mark.usefixtures("often")
async def test_a_redis_that_keeps_everything_or_has_no_limit_is_not_told_of(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_redis.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    async with proxy_before(mock_api.url, tmp_path, WIDE_POLICY, store=own_redis.url):
        looks = own_redis.command("INFO", "commandstats")["cmdstat_info"]["calls"]
        async with asyncio.timeout(PATIENCE):
            while own_redis.command("INFO", "commandstats")["cmdstat_info"]["calls"] < looks + 50:
                await asyncio.sleep(0.01)
    assert "evict" not in caplog.text


@pytest.mark.usefixtures("often")
async def test_a_user_who_may_not_ask_is_told_of_once(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own_redis.command("ACL", "SETUSER", "writer", "on", ">right", "~*", "+@all", "-info")
    url = own_redis.url.replace("//", "//writer:right@")
    async with proxy_before(mock_api.url, tmp_path, WIDE_POLICY, store=url):
        told = await until_told(caplog, "cannot be seen whether Redis evicts keys")
        assert "does not permit" in told.__dict__["fault"]
        await asyncio.sleep(0.1)
    assert caplog.text.count("cannot be seen whether Redis evicts keys") == 1


async def test_budgets_in_memory_are_told_to_begin_anew_with_the_process(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxy_before(mock_api.url, tmp_path, BUDGET):
        told = await until_told(caplog, "budgets begin anew with each restart")
        assert (told.levelname, told.__dict__["quotas"]) == ("WARNING", ["daily"])
        assert "--store redis://" in told.getMessage()
    caplog.clear()
    async with proxy_before(mock_api.url, tmp_path, WIDE_POLICY):
        assert "restart" not in caplog.text
    async with proxy_before(mock_api.url, tmp_path, BUDGET, store=own_redis.url):
        assert "restart" not in caplog.text
