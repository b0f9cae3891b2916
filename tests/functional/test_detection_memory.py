"""With the memory store `serve` finds campaigns by itself, acts as the policy says, and knows them after a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from proxy.analysis.in_process import ServingAnalyst
from proxy.analysis.state_file import MOST_BAD, StateFile
from proxy.cli.main import main
from proxy.clock import SystemClock, VirtualClock
from proxy.dialects.table import dialect_for
from proxy.errors import UsageError
from proxy.events.sketching import Sketcher
from proxy.metrics.exchanges import Metrics
from proxy.serving.detection import InProcess, restored
from proxy.serving.process import Proxy
from proxy.settings import Settings
from proxy.simulate.mock_upstream import MockSettings, start
from proxy.verdict.campaign import Campaign, Level, Marks, Word
from tests.functional.conftest import ServeFactory
from tests.functional.proxy_in_process import NO_QUOTAS, proxy_before
from tests.functional.raw_http import RawUpstream, answer_bytes, connect, request_bytes
from tests.functional.small_campaign import BY_VERDICT, WRAPPER, SmallCampaign

ENFORCING = """\
version: 1
campaigns: {mode: enforce, confirmed: {action: throttle, rate: 6/h, burst: 1}, expires_after: %s, tell_upstream: true}
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 20/min, burst: 10}
"""
POLICY = ENFORCING % "7day"
KEY = "a key that stays"
HOUR_US = 3_600_000_000
BODY = json.dumps(
    {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": WRAPPER + "What is two and two?"}]}
).encode()


async def page(session: aiohttp.ClientSession, proxy: Proxy, path: str, **post: Any) -> tuple[int, dict[str, Any]]:
    async with session.request("POST" if post else "GET", f"{proxy.admin_url}/-/campaigns{path}", **post) as answer:
        return answer.status, await answer.json()


def value(metrics: Metrics, sample: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"stillgate_{sample}", labels) or 0.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


INCONSISTENT = b"""[{"id": "c-0", "level": "confirmed", "score": 1, "first_us": 1, "detected_us": 1, "last_us": 1,
"expires_us": 1, "accounts": 1, "marks": {"pieces": [1, 2]}}]"""


def known(last_us: int) -> bytes:
    """A state in which the campaign of WRAPPER is confirmed, and was seen last at `last_us`."""
    _, conversation = dialect_for("POST", "/v1/messages").read("/v1/messages", BODY)
    assert conversation is not None
    pieces = Sketcher(KEY.encode()).content(conversation).pieces
    marks = Marks(pieces, (1000,) * len(pieces), least=4000, fewest=4)
    campaign = Campaign(
        id="c-0123456789ab",
        level=Level.CONFIRMED,
        score=20.0,
        first_us=last_us - HOUR_US,
        detected_us=last_us - HOUR_US,
        last_us=last_us,
        expires_us=last_us + HOUR_US,
        accounts=2,
        members=("acct_1", "acct_2"),
        marks=marks,
    )
    return msgspec.json.encode([campaign])


@pytest.mark.slow
async def test_a_campaign_is_found_refused_told_of_and_released(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "stillgate.campaigns")
    mock = await start("127.0.0.1", 0, MockSettings(pace_seconds=0))
    state = tmp_path / "campaigns.json"
    kept: dict[str, Any] = {"state": str(state), "hash_key": KEY}
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            proxy_before(mock.url, tmp_path, POLICY, **kept) as proxy,
        ):
            campaign = SmallCampaign((proxy.url,))
            await campaign.send_until_refused(session)

            status, listed = await page(session, proxy, "")
            assert (status, [told["level"] for told in listed["campaigns"]]) == (200, ["confirmed"])
            name = listed["campaigns"][0]["id"]

            metrics = proxy.metrics
            refused = campaign.refused[proxy.url]
            by = {"level": "confirmed", "action": "throttle"}
            await until(lambda: value(metrics, "campaign_exchanges_total", **by) >= refused)
            # Every decision is an event, and so is the end of what was admitted.
            await until(lambda: value(metrics, "detection_events_total") == campaign.sent + campaign.admitted)
            assert value(metrics, "detection_judge_seconds_count") > 0
            assert value(metrics, "detection_faults_total") == 0
            async with session.get(f"{proxy.admin_url}/metrics") as answer:
                assert 'stillgate_campaigns{level="confirmed"} 1.0' in await answer.text()

            said = {"word": "release", "by": "ada"}
            assert (await page(session, proxy, f"/{name}/word", json=said))[0] == 200
            await until(lambda: "campaign released" in caplog.text)
            _, told = await campaign.ask(session, proxy.url, 0, "Which is the last one?")
            assert BY_VERDICT not in told
            assert (await page(session, proxy, f"/{name}/word", json={**said, "word": None}))[0] == 200
            _, told = await campaign.ask(session, proxy.url, 39, "Which is the very last one?")
            assert BY_VERDICT in told

        async with (
            aiohttp.ClientSession() as session,
            proxy_before(mock.url, tmp_path, POLICY, **kept) as proxy,
        ):
            answers = [await campaign.ask(session, proxy.url, account, f"And {account}?") for account in (50, 51)]
            assert BY_VERDICT in answers[1][1]
            assert [told["id"] for told in (await page(session, proxy, ""))[1]["campaigns"]] == [name]
        news = [record for record in caplog.records if record.getMessage().startswith("campaign ")]
        assert {vars(record)["campaign"] for record in news} == {name}
        changes = [record.getMessage().removeprefix("campaign ") for record in news]
        assert changes[-3:] == ["confirmed", "released", "confirmed"], "and nothing more after the restart"
    finally:
        await mock.close()


async def test_what_was_known_before_a_restart_is_in_force_from_the_first_request(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    state = tmp_path / "campaigns.json"
    state.write_bytes(known(SystemClock().wall_us()))
    kept: dict[str, Any] = {"state": str(state), "hash_key": KEY, "verdict_key": "secret"}
    async with proxy_before(model_api.url, tmp_path, POLICY, **kept) as proxy, await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", ("x-account-id", "acct_9"), body=BODY))
        playing = asyncio.ensure_future(model_api.answer(answer_bytes("200 OK", ("Connection", "close"))))
        assert (await client.message()).status == 200
        _, request = await playing
    (verdict,) = request.values("x-stillgate-verdict")
    assert "level=confirmed;campaign=c-0123456789ab" in verdict
    (campaign,) = msgspec.json.decode(state.read_bytes(), type=list[Campaign])
    assert campaign.exchanges_seen == 1


@pytest.mark.parametrize("broken", [b"", b"[{", b'{"a": 1}', b'[{"id": "\xff"}]', b"[" * 100_000, INCONSISTENT])
async def test_a_state_that_cannot_be_read_is_put_aside_and_told_of(
    broken: bytes, model_api: RawUpstream, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "campaigns.json"
    state.write_bytes(broken)
    async with (
        aiohttp.ClientSession() as session,
        proxy_before(model_api.url, tmp_path, POLICY, state=str(state), hash_key=KEY) as proxy,
    ):
        assert await page(session, proxy, "") == (200, {"campaigns": []})
    assert "campaigns of the last run cannot be read" in caplog.text
    assert (tmp_path / "campaigns.json.bad").read_bytes() == broken
    assert msgspec.json.decode(state.read_bytes()) == []


def test_states_put_aside_do_not_take_each_others_place_until_there_are_many(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state")
    places = []
    for number in range(MOST_BAD + 2):
        file.write(str(number).encode())
        places.append(file.put_aside())
    assert [path.name for path in places[:2]] == ["state.bad", "state.bad.2"]
    assert [path.read_bytes() for path in places[: MOST_BAD - 1]] == [b"0", b"1", b"2", b"3"]
    assert places[MOST_BAD - 1 :] == [tmp_path / f"state.bad.{MOST_BAD}"] * 3
    assert places[-1].read_bytes() == b"6"


async def test_the_state_is_saved_while_serving_and_a_disk_that_fails_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    file = StateFile(folder / "state")
    metrics = Metrics(CollectorRegistry())
    detecting = InProcess(ServingAnalyst(), SystemClock(), metrics, file)
    for _ in range(2):
        await detecting.save()
    assert caplog.text.count("campaigns cannot be saved") == 1
    assert value(metrics, "detection_state_failures_total") == 2
    folder.mkdir()
    keeping = asyncio.ensure_future(detecting.keep(0.0, 0.0))
    await until(file.path.exists)
    keeping.cancel()
    assert file.read() == b"[]"
    assert value(metrics, "detection_state_failures_total") == 2


async def test_a_verdict_that_is_gone_is_saved_without_waiting_for_the_next_minute(tmp_path: Path) -> None:
    start_us = 1_800_000_000_000_000
    file = StateFile(tmp_path / "state")
    file.write(known(start_us))
    detecting = InProcess(restored(file, HOUR_US), VirtualClock(start_us), Metrics(CollectorRegistry()), file)
    keeping = asyncio.ensure_future(detecting.keep(0.0, 3600.0))
    for passed_us in (2 * HOUR_US, 3 * HOUR_US):  # it expires in the first period, and is not in force from the next
        detecting.detection.snapshot(start_us + passed_us)
    await until(lambda: file.read() == b"[]")
    keeping.cancel()


async def test_an_operators_word_is_on_disk_before_it_is_confirmed(serve: ServeFactory, tmp_path: Path) -> None:
    state = tmp_path / "campaigns.json"
    state.write_bytes(known(SystemClock().wall_us()))
    running = serve(POLICY, "--state", str(state), "--hash-key", KEY)
    told = await asyncio.to_thread(main, ["campaigns", "release", "c-01", "--by", "ada", "--admin", running.admin])
    running.process.kill()
    assert told == 0
    (campaign,) = msgspec.json.decode(state.read_bytes(), type=list[Campaign])
    assert campaign.word is Word.RELEASE


async def test_a_word_that_the_disk_refuses_is_in_force_and_told_to_be_forgotten(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "state").write_bytes(known(SystemClock().wall_us()))
    async with (
        aiohttp.ClientSession() as session,
        proxy_before(model_api.url, tmp_path, POLICY, state=str(folder / "state"), hash_key=KEY) as proxy,
    ):
        folder.rename(tmp_path / "elsewhere")
        status, told = await page(session, proxy, "/c-0123456789ab/word", json={"word": "release", "by": "ada"})
        assert status == 503
        assert "in force, but will be forgotten when the proxy ends" in told["error"]
        assert "No such file" in told["error"]
        (campaign,) = (await page(session, proxy, ""))[1]["campaigns"]
        assert campaign["word"] == "release"


async def test_a_state_that_cannot_be_kept_is_told_before_anything_is_served(tmp_path: Path) -> None:
    settings = Settings(upstream="http://127.0.0.1:1", state=str(tmp_path / "none" / "state"), hash_key=KEY)
    proxy = Proxy(settings)
    with pytest.raises(UsageError, match="--state"):
        await proxy.start()
    await proxy.close()


@pytest.mark.parametrize(
    ("given", "said"), [({"hash_key": ""}, "needs a --hash-key"), ({"store": "redis://h"}, "by `analyse`")]
)
def test_a_state_without_what_it_needs_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Settings(**{"upstream": "http://u", "state": "f", "hash_key": KEY, **given})


async def test_a_reload_turns_detection_on_and_off_and_changes_how_long_campaigns_last(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    state, policy = tmp_path / "campaigns.json", tmp_path / "policy.yaml"
    clock = VirtualClock(1_800_000_000_000_000)
    state.write_bytes(known(clock.now_us - 2 * HOUR_US))
    policy.write_text(NO_QUOTAS)
    settings = Settings(
        upstream=model_api.url,
        policy=str(policy),
        listen="127.0.0.1:0",
        admin="127.0.0.1:0",
        state=str(state),
        hash_key=KEY,
        drain_seconds=0,
    )
    proxy = Proxy(settings, clock=clock)
    await proxy.start()
    try:
        async with aiohttp.ClientSession() as session:

            async def listed() -> tuple[int, int]:
                """After a request that has nothing to do with the campaign, a minute later."""
                clock.now_us += 61_000_000
                async with await connect(proxy.url) as client:
                    await client.send(request_bytes("POST /v1/messages", ("x-account-id", "a"), body=b"{}"))
                    playing = asyncio.ensure_future(model_api.answer(answer_bytes("200 OK", ("Connection", "close"))))
                    assert (await client.message()).status == 200
                    await playing
                status, told = await page(session, proxy, "")
                return status, len(told.get("campaigns", ()))

            assert await listed() == (404, 0)
            for expiry, found in (("3h", 1), ("1h", 0)):
                policy.write_text(ENFORCING % expiry)
                assert (await proxy.reload())[0]
                assert await listed() == (200, found)
            policy.write_text(NO_QUOTAS)
            assert (await proxy.reload())[0]
            assert await listed() == (404, 0)
    finally:
        await proxy.drain()
        await proxy.close()
