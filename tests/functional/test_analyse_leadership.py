"""One analyser publishes at a time; whoever takes over goes on where the last one was."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.analysis.keys import Keys
from proxy.analysis.lease import LEASE_SECONDS
from proxy.analysis.publisher import Publisher
from proxy.analysis.wire import Checkpoint
from proxy.clock import VirtualClock
from proxy.verdict.campaign import Word
from tests.functional.analysing import CLOCK, analyser, analyst_of, desk, linked, replica, seconds, turns, until
from tests.functional.conftest import Running, start_stillgate
from tests.redis_server import RedisServer
from tests.unit.analysis.pool_analyst import asked, campaign, name_of

POOL = name_of("pool-a")


@pytest.fixture
def keys(redis_prefix: str) -> Keys:
    return Keys(redis_prefix)


async def test_only_one_leads_and_the_other_is_as_warm(redis_server: RedisServer, keys: Keys) -> None:
    async with linked(redis_server.url) as link, replica(link, keys) as detection:
        leading, standing_by = analyser(link, keys), analyser(link, keys)
        await leading.lease.ask()
        await standing_by.lease.ask()
        detection.note(asked("pool-a", CLOCK.wall_us()))
        await turns(leading, lambda: POOL in analyst_of(leading).found)
        await turns(standing_by, lambda: POOL in analyst_of(standing_by).found)
        await turns(leading, lambda: leading.is_leading)
        assert not standing_by.is_leading
        assert analyst_of(standing_by).seen == analyst_of(leading).seen


async def test_an_old_leader_cannot_overwrite_what_its_successor_publishes(
    redis_server: RedisServer, keys: Keys
) -> None:
    async with linked(redis_server.url) as link, replica(link, keys) as detection:
        clock = VirtualClock(1_000_000)
        old, new = analyser(link, keys, stopwatch=lambda: clock.now_us / 1e6), analyser(link, keys)
        await old.lease.ask()
        await turns(old, lambda: old.is_leading)
        redis_server.command("DEL", keys.lease)  # it was held up for so long that its lease ran out
        await new.lease.ask()
        detection.note(asked("pool-a", CLOCK.wall_us()))
        await turns(new, lambda: bool(detection.snapshot(0).campaigns))
        before = redis_server.command("GET", keys.verdicts_version), redis_server.command("HGETALL", keys.records)

        clock.now_us += 1_000_000  # less than its lease: as far as it knows, it leads
        analyst_of(old).found["c-1"] = campaign("pool-old")
        analyst_of(old).changed = True
        async with linked(redis_server.url) as other_link:
            stale = Publisher(other_link, keys, old.lease.token)
            assert not await stale.publish([campaign("pool-old")])
            assert not await stale.save(Checkpoint(b"old", "0-0", 0))
        await old.turn()
        assert old.follower.analyst.campaigns()
        assert not old.is_leading
        after = redis_server.command("GET", keys.verdicts_version), redis_server.command("HGETALL", keys.records)
        assert after == before


async def test_a_successor_keeps_names_and_words_of_campaigns_that_it_has_not_seen(
    redis_server: RedisServer, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "stillgate.campaigns")
    async with linked(redis_server.url) as link, replica(link, keys) as detection:
        first = analyser(link, keys)
        await first.lease.ask()
        detection.note(asked("pool-a", CLOCK.wall_us()))
        await turns(first, lambda: bool(detection.snapshot(0).campaigns))
        talk = desk(link, keys)
        await talk.say(POOL, Word.RELEASE, "ann")
        await turns(first, lambda: "campaign released" in caplog.text)
        redis_server.command("DEL", keys.lease, keys.stream, keys.totals, keys.checkpoint)

        second = analyser(link, keys)
        await second.lease.ask()
        await turns(second, lambda: second.is_leading)
        assert POOL not in analyst_of(second).found
        (kept,) = await talk.list()
        assert (kept.id, kept.word) == (POOL, Word.RELEASE)

        detection.note(asked("pool-b", CLOCK.wall_us()))
        await turns(second, lambda: name_of("pool-b") in [vars(record).get("campaign") for record in caplog.records])
        changes = [(vars(record)["campaign"], record.message) for record in caplog.records if "was" in vars(record)]
        confirmed = "campaign confirmed"
        assert changes == [(POOL, confirmed), (POOL, "campaign released"), (name_of("pool-b"), confirmed)]


async def test_an_analyser_that_starts_alone_goes_on_from_the_state_of_the_last_one(
    redis_server: RedisServer, keys: Keys
) -> None:
    async with linked(redis_server.url) as link, replica(link, keys) as detection:
        first = analyser(link, keys)
        await first.lease.ask()
        detection.note(asked("pool-a", CLOCK.wall_us()))
        await turns(first, lambda: bool(detection.snapshot(0).campaigns))
        await first.hand_over()
        detection.note(asked("pool-b", CLOCK.wall_us()))

        second = analyser(link, keys)
        await second.lease.ask()
        await turns(second, lambda: len(detection.snapshot(0).campaigns) == 2)
        assert analyst_of(second).found.keys() == {POOL, name_of("pool-b")}
        assert [event.account for event in analyst_of(second).seen] == ["pool-b"]
        assert second.tally.lost == 0


async def test_a_state_that_is_too_large_is_not_put_upon_redis(redis_server: RedisServer, keys: Keys) -> None:
    async with linked(redis_server.url) as link:
        leading = analyser(link, keys, most_state_bytes=0)
        await leading.lease.ask()
        await turns(leading, lambda: leading.is_leading)
        await leading.hand_over()
        assert redis_server.command("EXISTS", keys.checkpoint) == 0
        assert redis_server.command("EXISTS", keys.lease) == 0


async def test_a_redis_that_lost_its_memory_is_told_campaigns_and_words_again(own_redis: RedisServer) -> None:
    keys = Keys()
    async with linked(own_redis.url) as link, replica(link, keys) as detection:
        leading = analyser(link, keys)
        await leading.lease.ask()
        detection.note(asked("pool-a", CLOCK.wall_us()))
        await turns(leading, lambda: bool(detection.snapshot(0).campaigns))
        talk = desk(link, keys)
        await talk.say(POOL, Word.HOLD, "ann")
        await turns(leading, lambda: analyst_of(leading).found[POOL].word is Word.HOLD)
        own_redis.kill()
        own_redis.start()

        await leading.lease.ask()
        await turns(leading, lambda: leading.is_leading and bool(own_redis.command("EXISTS", keys.verdicts)))
        (known,) = await talk.list()
        assert (known.id, known.word) == (POOL, Word.HOLD)
        assert own_redis.command("HEXISTS", keys.words, POOL) == 1
        detection.note(asked("pool-b", CLOCK.wall_us()))
        await turns(leading, lambda: name_of("pool-b") in analyst_of(leading).found)


# Real processes, with the real analyst


POLICY = "version: 1\ncampaigns: {expires_after: %s}\n"


async def test_told_to_reload_an_analyser_goes_on_with_the_policy_as_it_is_now(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY % "2day")
    places = ("--store", own_redis.url, "--metrics-listen", "127.0.0.1:0")
    running = start_stillgate("analyse", "--policy", str(policy), *places)

    async def reloaded(text: str) -> dict[str, Any]:
        policy.write_text(text)
        before = len(running.lines)
        running.process.send_signal(signal.SIGHUP)
        await until(lambda: any("policy" in said["message"] for said in running.log()[before:]))
        return running.log()[-1]

    try:
        refused = await reloaded(POLICY % "soon")
        assert (refused["level"], refused["message"]) == ("ERROR", "policy refused, the last good one stays")
        assert f"{policy}:2:" in refused["issues"][0]
        assert (await reloaded(POLICY % "3day"))["message"] == "policy in force"
        await until(lambda: role(running) == "leader")
    finally:
        assert running.stop() == 0


@contextmanager
def analysers(redis: RedisServer, count: int) -> Iterator[list[Running]]:
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            running = start_stillgate("analyse", "--store", redis.url, "--metrics-listen", "127.0.0.1:0")
            stack.callback(running.stop)
            started.append(running)
        yield started


def role(running: Running) -> str:
    return str(json.loads(running.page("/readyz")[1])["role"])


def leader_of(processes: list[Running]) -> list[Running]:
    return [running for running in processes if role(running) == "leader"]


async def test_a_standby_takes_over_from_a_leader_that_dies_and_campaigns_keep_ids_and_words(
    own_redis: RedisServer,
) -> None:
    keys, now_us = Keys(), CLOCK.wall_us()
    known = campaign(moment_us=now_us)
    async with linked(own_redis.url) as link, replica(link, keys) as detection:
        own_redis.command("SET", keys.lease, "before")
        before = Publisher(link, keys, "before")
        await before.publish([known])
        own_redis.command("DEL", keys.lease)
        with analysers(own_redis, 2) as processes:
            await until(lambda: len(leader_of(processes)) == 1)
            (leader,) = leader_of(processes)
            (standby,) = [running for running in processes if running is not leader]
            talk = desk(link, keys)
            assert await talk.say(known.id, Word.CONFIRM, "ann") is not None
            for number in range(700):
                detection.note(asked(f"u{number % 70}", now_us + number))
            for running in processes:
                await until(lambda of=running: of.metric("stillgate_detection_events_total") == 700)  # type: ignore[misc]

            leader.stop(signal.SIGKILL)
            died_at = seconds()
            await until(lambda: role(standby) == "leader", LEASE_SECONDS + 2)
            assert seconds() - died_at < LEASE_SECONDS + 2
            (kept,) = await talk.list()
            assert (kept.id, kept.word) == (known.id, Word.CONFIRM)
            assert standby.metric("stillgate_analyser_leader") == 1
            assert standby.metric("stillgate_detection_events_total") == 700
            assert standby.page("/livez")[0] == 200


async def test_an_analyser_that_is_told_to_end_hands_over_at_once(own_redis: RedisServer) -> None:
    with analysers(own_redis, 2) as processes:
        await until(lambda: len(leader_of(processes)) == 1)
        (leader,) = leader_of(processes)
        (standby,) = [running for running in processes if running is not leader]
        lease = own_redis.command("GET", Keys().lease)
        assert leader.stop() == 0
        assert own_redis.command("GET", Keys().lease) != lease
        await until(lambda: role(standby) == "leader")


async def test_analysers_that_start_before_redis_wait_for_it(own_redis: RedisServer) -> None:
    own_redis.stop()
    with analysers(own_redis, 1) as (process,):
        assert process.page("/readyz")[0] == 503
        own_redis.start()
        await until(lambda: process.page("/readyz")[0] == 200)
        await until(lambda: role(process) == "leader")
