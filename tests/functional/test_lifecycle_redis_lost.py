"""Redis is lost while exchanges pass: what the policy says of that holds at once, and no longer than it lasts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.serving.process import Proxy
from tests.functional.conftest import Running, ServeFactory
from tests.functional.proxy_in_process import NO_QUOTAS, ONE_AT_A_TIME, proxy_before
from tests.functional.raw_http import ASK, PATIENCE, Message, connect
from tests.redis_server import RedisServer

POLICY = """\
version: 1
quotas:
  - {id: three, key: [account], unit: requests, rate: 1/day, burst: 3}
  - {id: slots, key: [account], unit: concurrent, limit: 3}
on_store_failure: %s
"""
HASH_KEY = "{stillgate}:secret:hash-key"


@asynccontextmanager
async def proxy_on(redis: RedisServer, mock_api: Running, folder: Path, mode: str) -> AsyncIterator[Proxy]:
    async with proxy_before(mock_api.url, folder, POLICY % mode, store=redis.url) as proxy:
        yield proxy


async def ask(proxy: Proxy) -> Message:
    async with await connect(proxy.url) as client:
        await client.send(ASK)
        return await client.message()


async def statuses(proxy: Proxy, count: int) -> list[int]:
    return [(await ask(proxy)).status for _ in range(count)]


async def store_state(proxy: Proxy) -> str:
    _, detail = await proxy.readiness()
    return str(detail["store"])


async def until_store_is(proxy: Proxy, state: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while state not in await store_state(proxy):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("mode", "meanwhile"),
    [("local", [200] * 3 + [429] * 2), ("allow", [200] * 5), ("deny", [503] * 5)],
)
async def test_a_lost_redis(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path, mode: str, meanwhile: list[int]
) -> None:
    async with proxy_on(own_redis, mock_api, tmp_path, mode) as proxy:
        assert await statuses(proxy, 2) == [200] * 2
        assert "closed" in await store_state(proxy)

        own_redis.kill()
        assert await statuses(proxy, 5) == meanwhile
        assert "closed" not in await store_state(proxy)
        assert (await proxy.readiness())[0] is (mode != "deny")
        exposed = (await proxy.exposition()).decode()
        assert "stillgate_store_up 0.0\n" in exposed
        assert f"stillgate_ready {float(mode != 'deny')}\n" in exposed
        assert f'stillgate_store_fallback_decisions_total{{mode="{mode}"}} 5.0\n' in exposed

        own_redis.start()  # empty, as after a failover without a replica
        await until_store_is(proxy, "closed")
        assert await statuses(proxy, 4) == [200] * 3 + [429]
        assert (await proxy.readiness())[0] is True
        assert "stillgate_store_up 1.0\n" in (await proxy.exposition()).decode()


async def test_what_a_lost_redis_refuses_is_counted_as_refused_by_no_quota(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    log = tmp_path / "exchanges"
    async with proxy_before(
        mock_api.url, tmp_path, POLICY % "deny", store=own_redis.url, exchange_log=str(log)
    ) as proxy:
        own_redis.kill()
        assert await statuses(proxy, 4) == [503] * 4
        exposed = (await proxy.exposition()).decode()
    assert 'stillgate_exchanges_total{dialect="anthropic_messages",outcome="unavailable"} 4.0\n' in exposed
    assert 'outcome="throttle"' not in exposed
    decisions = [json.loads(line)["features"]["decision"] for line in log.read_text().splitlines()]
    assert [(told["action"], told["status"]) for told in decisions] == [("throttle", 503)] * 4


async def test_where_no_quota_could_refuse_a_lost_redis_makes_nobody_unready(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    policy = NO_QUOTAS + "on_store_failure: deny\n"
    async with proxy_before(mock_api.url, tmp_path, policy, store=own_redis.url) as proxy:
        own_redis.kill()
        assert proxy.store.resilient is not None
        for _ in range(3):
            await proxy.store.resilient.announce("r")
        assert "closed" not in await store_state(proxy)
        assert (await proxy.readiness())[0] is True


@pytest.mark.parametrize(("settings", "passes"), [({}, 3), ({"replicas": 3}, 1)])
async def test_who_starts_without_redis_holds_the_share_of_as_many_replicas_as_it_was_told_of(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path, settings: dict[str, Any], passes: int
) -> None:
    own_redis.kill()
    lost: dict[str, Any] = {"store": own_redis.url, "hash_key": "given", **settings}
    async with proxy_before(mock_api.url, tmp_path, POLICY % "local", **lost) as proxy:
        assert await statuses(proxy, 4) == [200] * passes + [429] * (4 - passes)


async def test_workers_that_start_without_redis_grant_no_more_together_than_one_would(
    own_redis: RedisServer, serve: ServeFactory
) -> None:
    own_redis.kill()
    running = serve(
        POLICY.replace("burst: 3", "burst: 4") % "local",
        "--store",
        own_redis.url,
        "--workers",
        "2",
        "--hash-key",
        "given",
    )
    statuses = []
    for _ in range(32):
        async with await connect(running.url) as client:
            await client.send(ASK)
            statuses.append((await client.message()).status)
    assert 2 <= statuses.count(200) <= 4


async def test_a_full_redis_is_a_lost_one_until_it_has_room(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    async with proxy_before(
        mock_api.url, tmp_path, POLICY % "deny", store=own_redis.url, store_timeout_ms=int(PATIENCE * 1000)
    ) as proxy:
        assert await statuses(proxy, 2) == [200] * 2
        own_redis.command("CONFIG", "SET", "maxmemory", "1")
        assert await statuses(proxy, 5) == [503] * 5
        assert "closed" not in await store_state(proxy)
        exposed = (await proxy.exposition()).decode()
        assert "stillgate_store_up 0.0\n" in exposed
        assert 'stillgate_store_faults_total{kind="refused"}' in exposed
        own_redis.command("CONFIG", "SET", "maxmemory", "0")
        await until_store_is(proxy, "closed")
        assert await statuses(proxy, 2) == [200, 429]


async def test_a_redis_that_is_only_silent_loses_nothing(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    async with proxy_on(own_redis, mock_api, tmp_path, "deny") as proxy:
        assert await statuses(proxy, 1) == [200]
        own_redis.pause()
        assert await statuses(proxy, 4) == [503] * 4
        own_redis.resume()
        await until_store_is(proxy, "closed")
        # Neither a refused request nor one whose reservation came too late has taken anything for good.
        assert await statuses(proxy, 3) == [200, 200, 429]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas announce themselves a hundred times a second."""
    monkeypatch.setattr("proxy.serving.store.REPLICA_LEASE_US", 30_000)


@pytest.mark.usefixtures("often")
async def test_who_starts_after_redis_was_emptied_knows_accounts_as_the_running_replicas_do(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    async with proxy_on(own_redis, mock_api, tmp_path, "local") as running:
        own_redis.command("FLUSHALL")
        async with asyncio.timeout(PATIENCE):
            while not own_redis.command("EXISTS", HASH_KEY):
                await asyncio.sleep(0.01)
        async with proxy_on(own_redis, mock_api, tmp_path, "local") as restarted:
            assert await statuses(running, 2) + await statuses(restarted, 2) == [200] * 3 + [429]


@pytest.mark.usefixtures("often")
async def test_another_hash_key_in_redis_is_told_of_once(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with proxy_on(own_redis, mock_api, tmp_path, "local") as proxy:
        own_redis.command("SET", HASH_KEY, "00" * 32)
        async with asyncio.timeout(PATIENCE):
            while "another hash key" not in caplog.text:
                await asyncio.sleep(0.01)
        await proxy.store.keep_hash_key()
        assert caplog.text.count("another hash key") == 1
        assert "--hash-key" in caplog.text
        assert own_redis.command("GET", HASH_KEY) == b"00" * 32


@pytest.mark.usefixtures("often")
async def test_a_hash_key_that_was_given_stays_out_of_redis(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    async with proxy_before(mock_api.url, tmp_path, POLICY % "local", store=own_redis.url, hash_key="given") as proxy:
        await proxy.store.keep_hash_key()
        assert not own_redis.command("EXISTS", HASH_KEY)


async def test_a_refusal_for_a_lost_store_wears_the_dialects_shape_and_says_when_to_return(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    async with proxy_on(own_redis, mock_api, tmp_path, "deny") as proxy:
        own_redis.kill()
        answer = await ask(proxy)
    error: dict[str, Any] = json.loads(answer.body)["error"]
    assert (answer.status, error["type"], answer.values("retry-after")) == (503, "overloaded_error", ["1"])


async def test_a_client_that_leaves_while_redis_is_asked_holds_no_slot_and_loses_no_line(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    patient: dict[str, Any] = {"store": own_redis.url, "store_timeout_ms": int(PATIENCE * 1000)}
    log = str(tmp_path / "exchanges")
    async with proxy_before(mock_api.url, tmp_path, ONE_AT_A_TIME, exchange_log=log, **patient) as proxy:
        assert await statuses(proxy, 1) == [200]
        own_redis.pause()
        for _ in range(3):
            async with await connect(proxy.url) as client:
                await client.send(ASK)
                while not proxy.handler.open:
                    await asyncio.sleep(0)
            while proxy.handler.under_way:
                await asyncio.sleep(0)
        own_redis.resume()
        async with asyncio.timeout(PATIENCE):  # a lease would hold it for longer
            while await statuses(proxy, 3) != [200] * 3:
                pass
        # They were never decided: no line of theirs is lost.
        assert "stillgate_exchange_log_dropped_total 0.0\n" in (await proxy.exposition()).decode()
