"""Law 7: what `serve` decided is what `replay` of its log decides, exchange by exchange."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proxy.policy.load import load_policy
from proxy.simulate.mock_upstream import MockSettings, start
from proxy.simulate.replay import Replay
from proxy.simulate.report import DecisionLine
from tests.functional.proxy_in_process import proxy_before
from tests.functional.small_campaign import SmallCampaign

POLICY = """\
version: 1
access:
  - {id: no-frontier, deny: {model: "*-frontier-*"}}
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 100/min, burst: 30}
  - {id: slots, key: [account], unit: concurrent, limit: 4}
  - {id: input, key: [account, model], unit: input_tokens, rate: 40k/min, burst: 3k}
  - {id: output, key: [account, model], unit: output_tokens, rate: 60k/min, burst: 4k}
  - {id: network, key: [network], unit: requests, rate: 3000/min, burst: 150}
  - {id: day, key: [account], unit: total_tokens, budget: 30k/day}
  - {id: rehearsal, key: [], unit: requests, rate: 600/min, burst: 60, mode: shadow}
"""
CAMPAIGNS = """\
campaigns:
  mode: enforce
  suspected: {action: probe, share: 20%}
  confirmed: {action: throttle, rate: 6/h, burst: 1}
"""
DIRECTIVES = ("", "", "", "tokens=80", "status=529, retry-after=0", "usage=none", "cut=after 3 events", "delay=0.05")


async def ask(session: aiohttp.ClientSession, chance: random.Random, number: int) -> None:
    """One request of some kind; a client may leave in mid-stream, and may ask for what is refused."""
    stream, chat = chance.random() < 0.5, chance.random() < 0.5
    model = chance.choice(("m-small", "m-small", "m-large", "m-frontier-1"))
    content = "word " * chance.choice((3, 40, 400))
    body: dict[str, Any] = {"model": model, "stream": stream, "messages": [{"role": "user", "content": content}]}
    if not chat:
        body["max_tokens"] = chance.choice((16, 200, 1000))
    headers = {
        "x-account-id": f"acct_{chance.randrange(6)}",
        "x-forwarded-for": f"203.0.113.{chance.randrange(250)}",
        "anthropic-version": "2023-06-01",
        "x-mock": f"pace=0.002, id=r{number}" + (f", {more}" if (more := chance.choice(DIRECTIVES)) else ""),
    }
    leaves = stream and chance.random() < 0.3
    try:
        async with session.post(
            "/v1/chat/completions" if chat else "/v1/messages", json=body, headers=headers
        ) as answer:
            if leaves:
                await answer.content.readany()
                answer.close()
            else:
                await answer.read()
    except aiohttp.ClientError:
        return


async def served(folder: Path, log: Path) -> None:
    """Some hundred exchanges under load, written to `log`."""
    chance = random.Random(7)
    mock = await start("127.0.0.1", 0, MockSettings(pace_seconds=0))
    try:
        async with (
            proxy_before(mock.url, folder, POLICY, drain_seconds=5.0, exchange_log=str(log)) as proxy,
            aiohttp.ClientSession(proxy.url, connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            for wave in range(12):
                await asyncio.gather(*(ask(session, chance, wave * 50 + number) for number in range(50)))
            await proxy.drain()
    finally:
        await mock.close()


async def look(session: aiohttp.ClientSession, admin: str) -> None:
    """As operators do, which must not change when anything is found."""
    for page in ("/-/campaigns", "/metrics"):
        async with session.get(admin + page) as answer:
            assert answer.status == 200


async def served_with_a_campaign(folder: Path, log: Path) -> None:
    """A campaign in the midst of that load, until it is confirmed and refused."""
    chance = random.Random(7)
    mock = await start("127.0.0.1", 0, MockSettings(pace_seconds=0))
    try:
        async with (
            proxy_before(mock.url, folder, POLICY + CAMPAIGNS, drain_seconds=5.0, exchange_log=str(log)) as proxy,
            aiohttp.ClientSession(proxy.url, connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            campaign = SmallCampaign((proxy.url,))
            for wave in range(4):
                await asyncio.gather(
                    campaign.send(session, 100), *(ask(session, chance, wave * 20 + number) for number in range(20))
                )
                await look(session, proxy.admin_url)
            await campaign.send_until_refused(session, refusals=60)
            assert campaign.failed_over > 0
            await proxy.drain()
    finally:
        await mock.close()


def recorded(log: Path) -> list[dict[str, Any]]:
    return [
        {"id": line["id"], "retry_after_us": None, "rule": None, "reasons": [], **line["features"]["decision"]}
        for line in map(json.loads, log.read_text().splitlines())
    ]


def told(decision: DecisionLine) -> dict[str, Any]:
    return {
        "id": decision.id,
        "action": decision.action,
        "status": decision.status,
        "rule": decision.rule,
        "retry_after_us": None if decision.retry_after_s is None else round(decision.retry_after_s * 1e6),
        "reasons": list(decision.reasons),
    }


@pytest.mark.slow
async def test_a_replay_of_what_was_served_under_load_decides_every_exchange_alike(tmp_path: Path) -> None:
    log = tmp_path / "exchanges.jsonl"
    await served(tmp_path, log)
    decided = recorded(log)
    replay = Replay(load_policy(str(tmp_path / "policy.yaml")))
    with log.open("rb") as lines:
        replayed = [told(decision) for decision in replay.run(lines, skip_bad_lines=False)]
    assert len(decided) == 600
    assert {one["rule"] for one in decided} >= {"rpm", "slots", "no-frontier", None}, "the load met the limits"
    assert any("shadow:rehearsal" in one["reasons"] for one in decided)
    assert [(was, now) for was, now in zip(decided, replayed, strict=True) if was != now] == []


@pytest.mark.slow
async def test_a_replay_finds_the_campaign_that_was_found_and_refuses_the_same_exchanges(tmp_path: Path) -> None:
    log = tmp_path / "exchanges.jsonl"
    await served_with_a_campaign(tmp_path, log)
    decided = recorded(log)
    replay = Replay(load_policy(str(tmp_path / "policy.yaml")))
    with log.open("rb") as lines:
        replayed = [told(decision) for decision in replay.run(lines, skip_bad_lines=False)]
    refused = [one for one in decided if one["rule"] == "campaign:confirmed"]
    assert len(refused) >= 60
    (found,) = replay.campaigns()
    assert all(f"campaign:{found.id}" in one["reasons"] for one in refused)
    assert [(was, now) for was, now in zip(decided, replayed, strict=True) if was != now] == []
