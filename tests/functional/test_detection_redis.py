"""Replicas that share a Redis, and an analyser beside them, are one deployment to a campaign and to its operators."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from proxy.cli.main import main
from tests.functional.conftest import Running, ServeFactory, start_stillgate
from tests.functional.small_campaign import BY_VERDICT, SmallCampaign
from tests.redis_server import RedisServer

POLICY = """\
version: 1
campaigns: {mode: enforce, confirmed: {action: throttle, rate: 1/h, burst: 1}}
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 20/min, burst: 10}
"""
PATIENCE = 10.0


@pytest.fixture
def analyser(own_redis: RedisServer) -> Iterator[Running]:
    running = start_stillgate("analyse", "--store", own_redis.url, "--metrics-listen", "127.0.0.1:0")
    yield running
    running.stop()


async def stillgate(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["campaigns", *arguments])


async def until_refused(
    campaign: SmallCampaign, session: aiohttp.ClientSession, url: str, refused: bool, seconds: float = PATIENCE
) -> None:
    """Has fresh accounts ask there until their requests are refused because of the verdict, or until they are not."""
    account = 100
    async with asyncio.timeout(seconds):
        while True:
            account += 1
            _, told = await campaign.ask(session, url, account % 250, f"What follows from number {account}?")
            if (BY_VERDICT in told) is refused:
                return
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_campaign_over_all_replicas_is_found_refused_and_released_on_all_of_them(
    serve: ServeFactory, own_redis: RedisServer, analyser: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    one = serve(POLICY, "--store", own_redis.url)
    other = serve(POLICY, "--store", own_redis.url, "--workers", "2")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        campaign = SmallCampaign((one.url, other.url))
        await campaign.send_until_refused(session)

        name = ""
        for replica in (one, other):
            admin = ("--admin", replica.admin)
            assert await stillgate("list", "--json", *admin) == 0
            (listed,) = json.loads(capsys.readouterr().out)
            assert listed["level"] == "confirmed"
            assert name in ("", name := listed["id"])
            assert await stillgate("show", name, *admin) == 0
            assert "reasoning-traces" in capsys.readouterr().out

        for replica, word, refused in ((other, "release", False), (one, "undo", True)):
            assert await stillgate(word, name, "--by", "ada", "--admin", replica.admin) == 0
            for url in campaign.urls:
                await until_refused(campaign, session, url, refused)

        # Without an analyser verdicts stay, for replicas that start meanwhile too.
        assert analyser.stop(signal.SIGKILL) == -signal.SIGKILL
        late = serve(POLICY, "--store", own_redis.url)
        for url in (*campaign.urls, late.url):
            await until_refused(campaign, session, url, True)
        assert late.metric('stillgate_campaigns{level="confirmed"}') == 1

        # Nor does it take them away that Redis loses everything, and operators can still see and undo them.
        own_redis.command("FLUSHALL")
        assert await stillgate("list", "--admin", other.admin) == 0
        told = capsys.readouterr().out
        assert f"{name}: only the verdict is known" in told
        assert await stillgate("release", name, "--by", "ada", "--admin", other.admin) == 0
        for url in (*campaign.urls, late.url):
            await until_refused(campaign, session, url, False)
    assert "campaign confirmed" in [said["message"] for said in analyser.log()]
    assert "campaign confirmed" not in [said["message"] for replica in (one, other) for said in replica.log()]
    assert one.metric("stillgate_detection_events_sent_total") > 0
    assert one.metric("stillgate_detection_events_dropped_total") == 0


async def test_workers_answer_for_the_campaigns_with_one_voice(
    serve: ServeFactory, own_redis: RedisServer, tmp_path: Path
) -> None:
    running = serve(POLICY, "--store", own_redis.url, "--workers", "2")
    assert running.page("/-/campaigns") == (200, json.dumps({"campaigns": []}, indent=2) + "\n")
    assert running.page("/-/campaigns/c-0")[0] == 404
    own_redis.kill()
    assert running.page("/-/campaigns")[0] == 503
