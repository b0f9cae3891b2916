"""Environments with a --store-prefix each share one Redis and nothing in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proxy.analysis.keys import Keys
from proxy.redis_place import key_prefix
from tests.functional.analysing import CLOCK, PATIENCE, analyser, analyst_of, linked, replica, turns, until
from tests.functional.conftest import Running
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import ASK, connect
from tests.redis_server import RedisServer
from tests.unit.analysis.pool_analyst import asked, name_of

POLICY = """\
version: 1
campaigns: {mode: shadow}
quotas:
  - {id: daily, key: [account], unit: requests, budget: 2/day}
  - {id: rpm, key: [account], unit: requests, rate: 9/min}
  - {id: slots, key: [account], unit: concurrent, limit: 3}
"""
POOL = name_of("pool-a")


def names(redis: RedisServer, environment: str) -> set[bytes]:
    """What the environment's keys are called after the prefix, without ids."""
    prefix = key_prefix(environment).encode()
    found = [key.removeprefix(prefix) for key in redis.command("KEYS", "*") if key.startswith(prefix)]
    return {b":".join(name.split(b":")[:1]) for name in found}


async def statuses(url: str, count: int) -> list[int]:
    told = []
    for _ in range(count):
        async with await connect(url) as client:
            await client.send(ASK)
            told.append((await client.message()).status)
    return told


async def test_two_environments_on_one_redis_do_not_meet(
    own_redis: RedisServer, mock_api: Running, tmp_path: Path
) -> None:
    store: dict[str, Any] = {"store": own_redis.url, "store_timeout_ms": int(PATIENCE * 1000)}
    async with (
        proxy_before(mock_api.url, tmp_path, POLICY, **store, store_prefix="prod") as prod,
        proxy_before(mock_api.url, tmp_path, POLICY, **store, store_prefix="staging") as staging,
    ):
        assert await statuses(prod.url, 3) == [200, 200, 429]
        assert await statuses(staging.url, 3) == [200, 200, 429]
        for proxy in (prod, staging):
            assert proxy.store.resilient is not None
            assert proxy.store.resilient.replicas == 1
        keys = {name: own_redis.command("GET", key_prefix(name) + "secret:hash-key") for name in ("prod", "staging")}
        assert len({*keys.values(), None}) == 3
        assert {key.partition(b"}")[0] for key in own_redis.command("KEYS", "*")} == {b"{prod", b"{staging"}
        for environment in ("prod", "staging"):
            assert names(own_redis, environment) >= {b"d", b"r", b"settled", b"replicas", b"secret"}


async def test_campaigns_of_one_environment_are_none_of_another(own_redis: RedisServer) -> None:
    prod, staging = Keys(key_prefix("prod")), Keys(key_prefix("staging"))
    async with (
        linked(own_redis.url) as link,
        replica(link, prod) as detecting_in_prod,
        replica(link, staging) as detecting_in_staging,
    ):
        in_prod, in_staging = analyser(link, prod), analyser(link, staging)
        await in_prod.lease.ask()
        await in_staging.lease.ask()
        assert in_prod.lease.is_held
        assert in_staging.lease.is_held
        detecting_in_prod.note(asked("pool-a", CLOCK.wall_us()))
        detecting_in_staging.note(asked("somebody", CLOCK.wall_us()))
        await turns(in_prod, lambda: POOL in analyst_of(in_prod).found)
        await until(lambda: bool(detecting_in_prod.snapshot(0).campaigns))
        await turns(in_staging, lambda: bool(analyst_of(in_staging).seen))
        assert [event.account for event in analyst_of(in_staging).seen] == ["somebody"]
        assert not detecting_in_staging.snapshot(0).campaigns
        assert {key.partition(b"}")[0] for key in own_redis.command("KEYS", "*")} == {b"{prod", b"{staging"}
        assert names(own_redis, "prod") >= {b"events", b"analyser", b"verdicts", b"campaigns"}
