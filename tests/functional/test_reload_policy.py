"""Another policy takes over between two requests, however it is told to; a bad one never does."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.serving.process import Proxy
from tests.functional.conftest import Running, ServeFactory
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import PATIENCE, Message, connect, request_bytes
from tests.redis_server import RedisServer

POLICY = """\
version: 1
quotas:
  - {id: %s, key: [account], unit: requests, rate: 1/day, burst: %d}
"""
BAD = "version: 1\nquotas: [{id: x, key: [account], unit: requests, rate: 1/fortnight}]\n"
HEADERS = (("x-api-key", "k"), ("anthropic-version", "2023-06-01"), ("Content-Type", "application/json"))
MESSAGES = b'{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}'
SOON = 0.02


async def ask(url: str) -> Message:
    async with await connect(url) as client:
        await client.send(request_bytes("POST /v1/messages", *HEADERS, body=MESSAGES))
        return await client.message()


async def admin(proxy: Proxy, start: str) -> Message:
    async with await connect(proxy.admin_url) as client:
        await client.send(request_bytes(start))
        return await client.message()


def limit_of(answer: Message) -> str:
    return answer.values("anthropic-ratelimit-requests-limit")[0]


async def until_limit_is(url: str, limit: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while limit_of(await ask(url)) != str(limit):
            await asyncio.sleep(0.01)


async def exposed(proxy: Proxy, sample: str) -> float:
    lines = (await proxy.exposition()).decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample + " ")), 0.0)


async def test_a_changed_file_takes_over(mock_api: Running, tmp_path: Path) -> None:
    async with proxy_before(mock_api.url, tmp_path, POLICY % ("q", 100), reload_seconds=SOON) as proxy:
        assert limit_of(await ask(proxy.url)) == "100"
        (tmp_path / "policy.yaml").write_text(POLICY % ("q", 200))
        await until_limit_is(proxy.url, 200)
        assert await exposed(proxy, 'stillgate_policy_rules{kind="quota"}') == 1


async def test_a_file_that_is_replaced_takes_over(mock_api: Running, tmp_path: Path) -> None:
    async with proxy_before(mock_api.url, tmp_path, POLICY % ("q", 100), reload_seconds=SOON) as proxy:
        (tmp_path / "new").write_text(POLICY % ("q", 200))
        (tmp_path / "new").replace(tmp_path / "policy.yaml")
        await until_limit_is(proxy.url, 200)


async def test_a_swap_of_kubernetes_data_link_takes_over(mock_api: Running, tmp_path: Path) -> None:
    """As kubelet projects a ConfigMap: files link to `..data/FILE`, and `..data` to a folder that is swapped."""
    mount = tmp_path / "mount"
    for name, limit in (("..2026_01", 100), ("..2026_02", 200)):
        (mount / name).mkdir(parents=True)
        (mount / name / "quotas.yaml").write_text(POLICY % ("q", limit))
    (mount / "..data").symlink_to("..2026_01")
    (mount / "quotas.yaml").symlink_to("..data/quotas.yaml")
    async with proxy_before(mock_api.url, tmp_path, reload_seconds=SOON, policy_path=mount) as proxy:
        assert limit_of(await ask(proxy.url)) == "100"
        (mount / "..data_tmp").symlink_to("..2026_02")
        os.replace(mount / "..data_tmp", mount / "..data")
        await until_limit_is(proxy.url, 200)


@pytest.mark.parametrize("store", ["memory", "redis"])
@pytest.mark.parametrize("limit", ["budget: %d/day", "rate: %d/day"], ids=["budget", "rate"])
async def test_a_quota_whose_unit_changes_has_other_buckets(
    mock_api: Running, own_redis: RedisServer, tmp_path: Path, store: str, limit: str
) -> None:
    """Tokens that were used are no requests that were made, and no debt of tokens is one of requests."""
    quota = f"version: 1\nquotas: [{{id: q, key: [account], unit: %s, {limit}, reserve: none}}]\n"
    in_tokens, in_requests = quota % ("output_tokens", 1), quota.replace(", reserve: none", "") % ("requests", 2)
    url = own_redis.url if store == "redis" else "memory://"
    async with proxy_before(mock_api.url, tmp_path, in_tokens, reload_seconds=3600, store=url) as proxy:

        async def statuses(policy: str, count: int) -> list[int]:
            (tmp_path / "policy.yaml").write_text(policy)
            assert (await admin(proxy, "POST /-/reload")).status == 200
            return [(await ask(proxy.url)).status for _ in range(count)]

        assert await statuses(in_tokens, 2) == [200, 429]
        assert await statuses(in_requests, 3) == [200, 200, 429]
        assert await statuses(in_tokens, 1) == [429]


async def test_post_reload_takes_over_at_once(mock_api: Running, tmp_path: Path) -> None:
    async with proxy_before(mock_api.url, tmp_path, POLICY % ("q", 100), reload_seconds=3600) as proxy:
        (tmp_path / "policy.yaml").write_text(POLICY % ("q", 200))
        assert (await admin(proxy, "POST /-/reload")).status == 200
        assert limit_of(await ask(proxy.url)) == "200"


async def test_a_hangup_signal_takes_over(serve: ServeFactory, tmp_path: Path) -> None:
    running = serve(POLICY % ("q", 100), "--reload-seconds", "3600")
    (tmp_path / "policy-0.yaml").write_text(POLICY % ("q", 200))
    running.process.send_signal(signal.SIGHUP)
    await until_limit_is(running.url, 200)
    assert running.stop() == 0


async def test_reloads_that_meet_leave_the_newest_in_force(mock_api: Running, tmp_path: Path) -> None:
    async with proxy_before(mock_api.url, tmp_path, POLICY % ("q", 100), reload_seconds=SOON) as proxy:
        for limit in range(200, 208):
            (tmp_path / "policy.yaml").write_text(POLICY % ("q", limit))
            told = await asyncio.gather(*(proxy.reload() for _ in range(5)))
            assert [accepted for accepted, _ in told] == [True] * 5
            assert limit_of(await ask(proxy.url)) == str(limit)


async def test_a_bad_file_leaves_the_old_policy_in_force_and_shows(
    mock_api: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.yaml"
    async with proxy_before(mock_api.url, tmp_path, POLICY % ("q", 100), reload_seconds=3600) as proxy:
        before = json.loads((await admin(proxy, "GET /readyz")).body)["policy"]
        path.write_text(BAD)
        refused = await admin(proxy, "POST /-/reload")
        ready = await admin(proxy, "GET /readyz")
        told = json.loads(ready.body)["policy"]

        assert refused.status == 422
        assert limit_of(await ask(proxy.url)) == "100"
        assert ready.status == 200  # the old policy is as good as it was
        assert (told["last_reload_successful"], told["sha256"]) == (False, before["sha256"])
        assert [issue.startswith(f"{path}:2:") for issue in told["issues"]] == [True]
        assert await exposed(proxy, "stillgate_policy_last_reload_successful") == 0
        assert await exposed(proxy, 'stillgate_policy_reloads_total{outcome="refused"}') == 1
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert [record.__dict__["issues"] for record in errors] == [told["issues"]]

        path.write_text(POLICY % ("q", 200))
        assert (await admin(proxy, "POST /-/reload")).status == 200
        assert limit_of(await ask(proxy.url)) == "200"
        assert await exposed(proxy, "stillgate_policy_last_reload_successful") == 1


@pytest.mark.parametrize("spoil", [lambda path: path.write_text(BAD), lambda path: path.unlink()])
async def test_the_old_file_put_back_heals(mock_api: Running, tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path = tmp_path / "policy.yaml"
    async with proxy_before(mock_api.url, tmp_path, POLICY % ("q", 100), reload_seconds=SOON) as proxy:
        good = path.read_text()
        for healthy, change in ((0, spoil), (1, lambda path: path.write_text(good))):
            change(path)
            async with asyncio.timeout(PATIENCE):
                while await exposed(proxy, "stillgate_policy_last_reload_successful") != healthy:
                    await asyncio.sleep(0.01)
            assert limit_of(await ask(proxy.url)) == "100"


async def test_buckets_keep_what_they_hold(mock_api: Running, tmp_path: Path) -> None:
    async with proxy_before(mock_api.url, tmp_path, POLICY % ("kept", 5), reload_seconds=3600) as proxy:
        assert [(await ask(proxy.url)).status for _ in range(3)] == [200] * 3
        more = POLICY % ("kept", 5) + "  - {id: another, key: [network], unit: requests, rate: 1k/day}\n"
        (tmp_path / "policy.yaml").write_text(more)
        assert (await admin(proxy, "POST /-/reload")).status == 200
        assert [(await ask(proxy.url)).status for _ in range(3)] == [200, 200, 429]
