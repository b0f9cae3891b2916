"""Events go from replicas to the analyser, verdicts and words come back; a lost Redis costs no exchange anything."""

from __future__ import annotations

import asyncio

import pytest

from proxy.analysis.keys import Keys
from proxy.analysis.link import Script
from proxy.analysis.outbox import MOST, Outbox
from proxy.analysis.publisher import Publisher
from proxy.analysis.remote import MARK_SECONDS
from proxy.analysis.wire import encode_record
from proxy.errors import StoreError
from proxy.events.content import Content
from proxy.events.event import Answered
from proxy.verdict.campaign import Level, Word
from tests.functional.analysing import CLOCK, analyser, analyst_of, desk, linked, replica, turns, until
from tests.redis_server import RedisServer
from tests.unit.analysis.pool_analyst import asked, campaign, name_of, piece_of

VERDICT_SECONDS = 1.5
MARKED = Content(pieces=(piece_of("pool-a"),))
APPEND = Script("append")


@pytest.fixture
def keys(redis_prefix: str) -> Keys:
    return Keys(redis_prefix)


async def test_events_of_each_replica_arrive_whole_and_in_order(redis_server: RedisServer, keys: Keys) -> None:
    async with linked(redis_server.url) as link, replica(link, keys) as one, replica(link, keys) as other:
        told = {"one": [asked("one", n) for n in range(1700)], "other": [asked("other", n) for n in range(900)]}
        ends = Answered(1700, "one", status=200, output_tokens=7, signatures=(1, 2))
        for event in told["one"]:
            one.note(event)
        for event in told["other"]:
            other.note(event)
        one.note(ends)
        watching = analyser(link, keys)
        seen = analyst_of(watching).seen
        await turns(watching, lambda: len(seen) >= 2601)
        assert [event for event in seen if event.account == "one"] == [*told["one"], ends]
        assert [event for event in seen if event.account == "other"] == told["other"]
        assert watching.tally.lost == 0
        await turns(watching, lambda: watching.extent.events == 2601)
        assert watching.lag_events == 0


async def test_a_batch_that_is_sent_twice_arrives_once(redis_server: RedisServer, keys: Keys) -> None:
    async with linked(redis_server.url) as link:
        outbox = Outbox()
        outbox.add(asked("a", 1))
        batch = outbox.batch()
        assert batch is not None
        arguments = (batch.serial, batch.count, batch.data, 2**20, MARK_SECONDS)
        answers = [await link.run(APPEND, (keys.stream, keys.totals, keys.sender("r")), arguments) for _ in range(2)]
        assert answers == [1, 0]
        assert redis_server.command("XLEN", keys.stream) == 1


async def test_the_stream_keeps_so_many_bytes_and_the_analyser_knows_what_it_missed(
    redis_server: RedisServer, keys: Keys
) -> None:
    async with linked(redis_server.url) as link:
        watching = analyser(link, keys)
        lengths = []
        for serial in range(1, 21):
            outbox = Outbox()
            for number in range(10):
                outbox.add(asked("a", serial * 10 + number))
            batch = outbox.batch()
            assert batch is not None
            room = 5 * len(batch.data) - 1
            arguments = (serial, batch.count, batch.data, room, MARK_SECONDS)
            await link.run(APPEND, (keys.stream, keys.totals, keys.sender("r")), arguments)
            lengths.append(redis_server.command("XLEN", keys.stream))
            if serial == 1:
                await turns(watching, lambda: watching.follower.events == 10)
        assert max(lengths) <= 6
        await turns(watching, lambda: watching.follower.events == 200 and not watching.follower.held)
        assert watching.tally.lost == 200 - watching.tally.observed > 0


async def test_a_redis_that_is_away_costs_the_oldest_events_and_nothing_else(own_redis: RedisServer) -> None:
    counts: dict[str, int] = {}
    async with linked(own_redis.url) as link, replica(link, Keys(), counts) as detection:
        detection.note(asked("first", 0))
        await until(lambda: counts.get("sent") == 1)
        own_redis.kill()
        for number in range(MOST + 1_500):
            detection.note(asked("a", number))
        assert detection.snapshot(1).match("a", MARKED) is None
        assert counts["dropped"] in range(1, 1_501)  # a batch may have been under way
        own_redis.start()
        await until(lambda: counts["sent"] + counts["dropped"] == MOST + 1_501)
        watching = analyser(link, Keys())
        seen = analyst_of(watching).seen
        await turns(watching, lambda: bool(seen) and seen[-1].moment_us == MOST + 1_499)
        moments = [event.moment_us for event in seen]
        assert moments == sorted(set(moments))


async def test_a_redis_that_hangs_does_not_keep_a_replica_from_noting_or_asking(own_redis: RedisServer) -> None:
    async with linked(own_redis.url) as link, replica(link, Keys()) as detection:
        own_redis.pause()
        async with asyncio.timeout(1.0):
            for number in range(2_000):
                detection.note(asked("a", number))
                detection.snapshot(number)
                if number % 100 == 0:
                    await asyncio.sleep(0)
        own_redis.resume()


async def test_verdicts_reach_every_replica_soon_and_end_when_they_expire(
    redis_server: RedisServer, keys: Keys
) -> None:
    now_us = CLOCK.wall_us()
    found = campaign(moment_us=now_us)
    async with linked(redis_server.url) as link, replica(link, keys) as one, replica(link, keys) as other:
        redis_server.command("SET", keys.lease, "token")
        publisher = Publisher(link, keys, "token")
        assert await publisher.publish([found])
        for detection in (one, other):
            await until(lambda asked=detection: asked.snapshot(now_us).match("x", MARKED), VERDICT_SECONDS)  # type: ignore[misc]
            match = detection.snapshot(now_us).match("x", MARKED)
            assert match is not None
            assert (match.campaign, match.level) == (found.id, Level.CONFIRMED)
            assert detection.snapshot(found.expires_us + 60_000_000).match("x", MARKED) is None
        assert await publisher.publish([])
        async with replica(link, keys) as late:
            assert not late.snapshot(now_us).campaigns


async def test_verdicts_outlive_a_redis_that_loses_everything(own_redis: RedisServer) -> None:
    now_us, keys = CLOCK.wall_us(), Keys()
    async with linked(own_redis.url) as link, replica(link, keys) as detection:
        own_redis.command("SET", keys.lease, "token")
        await Publisher(link, keys, "token").publish([campaign(moment_us=now_us)])
        await until(lambda: bool(detection.snapshot(now_us).campaigns), VERDICT_SECONDS)
        own_redis.kill()
        own_redis.start()
        # News that have come after the loss show that the replica has asked since.
        talk = desk(link, keys)
        own_redis.command("HSET", keys.records, name_of("pool-a"), "any")
        with pytest.raises(StoreError, match="another version"):
            await talk.say(name_of("pool-a"), Word.CONFIRM, "ann")
        await until(lambda: detection.snapshot(now_us).campaigns[name_of("pool-a")].word is Word.CONFIRM)
        assert detection.snapshot(now_us).match("x", MARKED) is not None


async def test_what_replicas_still_enforce_after_a_loss_is_shown_and_can_be_released_on_all_of_them(
    own_redis: RedisServer,
) -> None:
    now_us, keys, pools = CLOCK.wall_us(), Keys(), (name_of("pool-a"), name_of("pool-b"))
    async with (
        linked(own_redis.url) as link,
        replica(link, keys) as detection,
        replica(link, keys) as other,
    ):
        own_redis.command("SET", keys.lease, "token")
        await Publisher(link, keys, "token").publish([campaign(pool, now_us) for pool in ("pool-a", "pool-b")])
        talk = desk(link, keys, detection)
        await talk.say(pools[1], Word.RELEASE, "ann")
        for each in (detection, other):
            await until(lambda of=each: list(of.snapshot(now_us).campaigns) == [pools[0]])  # type: ignore[misc]
        own_redis.command("FLUSHALL")

        assert {known.id: known.word for known in await talk.list()} == {pools[0]: None, pools[1]: Word.RELEASE}
        known = await talk.get(pools[0])
        assert known is not None
        assert known.level is Level.CONFIRMED
        released = await talk.say(pools[0], Word.RELEASE, "ann")
        assert released is not None
        assert released.word is Word.RELEASE
        for each in (detection, other):
            await until(lambda of=each: not of.snapshot(now_us).campaigns)  # type: ignore[misc]
        # What was said before the loss is there again, for analysers and replicas that start later.
        assert own_redis.command("HLEN", keys.words) == 2
        assert await talk.say("c-000000000000", Word.HOLD, "ann") is None


async def test_a_word_after_a_loss_brings_no_earlier_verdict_back(own_redis: RedisServer) -> None:
    now_us, keys, pools = CLOCK.wall_us(), Keys(), (name_of("pool-a"), name_of("pool-b"))
    async with linked(own_redis.url) as link, replica(link, keys) as detection:
        own_redis.command("SET", keys.lease, "token")
        await Publisher(link, keys, "token").publish([campaign("pool-a", now_us)])
        talk = desk(link, keys)
        await talk.say(pools[0], Word.RELEASE, "ann")
        await until(lambda: pools[0] in detection.words)
        own_redis.command("FLUSHALL")
        record = encode_record(campaign("pool-b", now_us))
        await link.ask(lambda client: client.hset(keys.records, pools[1], record))
        await talk.say(pools[1], Word.HOLD, "ann")
        await until(lambda: pools[1] in detection.words)
        assert not detection.snapshot(now_us).campaigns


async def test_an_operators_word_reaches_the_replicas_and_the_leader(redis_server: RedisServer, keys: Keys) -> None:
    now_us = CLOCK.wall_us()
    async with linked(redis_server.url) as link, replica(link, keys) as detection:
        leading = analyser(link, keys)
        await leading.lease.ask()
        detection.note(asked("pool-a", now_us))
        await turns(leading, lambda: bool(detection.snapshot(now_us).match("x", MARKED)))
        talk = desk(link, keys)
        assert [known.id for known in await talk.list()] == [name_of("pool-a")]

        released = await talk.say(name_of("pool-a"), Word.RELEASE, "ann")
        assert released is not None
        assert released.word is Word.RELEASE
        await until(lambda: detection.snapshot(now_us).match("x", MARKED) is None, VERDICT_SECONDS)
        await turns(leading, lambda: analyst_of(leading).found[name_of("pool-a")].word is Word.RELEASE)

        back = await talk.say(name_of("pool-a"), None, "ann")
        assert back is not None
        assert back.word is None
        await until(lambda: detection.snapshot(now_us).match("x", MARKED) is not None, VERDICT_SECONDS)
        await turns(leading, lambda: analyst_of(leading).found[name_of("pool-a")].word is None)


async def test_nobody_can_speak_of_a_campaign_that_is_none(redis_server: RedisServer, keys: Keys) -> None:
    async with linked(redis_server.url) as link:
        talk = desk(link, keys)
        assert await talk.say("c-000000000000", Word.HOLD, "ann") is None
        assert await talk.get("c-000000000000") is None
        assert redis_server.command("EXISTS", keys.words) == 0


async def test_no_account_stands_in_a_key(own_redis: RedisServer) -> None:
    async with linked(own_redis.url) as link, replica(link, Keys()) as detection:
        leading = analyser(link, Keys())
        await leading.lease.ask()
        detection.note(asked("pool-a", CLOCK.wall_us()))
        await turns(leading, lambda: bool(detection.snapshot(0).campaigns))
        await leading.hand_over()
        names = own_redis.command("KEYS", "*")
        assert len(names) >= 6
        assert all(b"pool" not in name and name.startswith(b"{stillgate}:") for name in names)


async def test_a_node_that_has_not_the_slot_says_where_it_is(redis_server: RedisServer, keys: Keys) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            if line.startswith(b"*"):
                for _ in range(2 * int(line[1:])):
                    await reader.readline()
                writer.write(b"-MOVED 7 127.0.0.1:%d\r\n" % redis_server.port)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as node:
        port = node.sockets[0].getsockname()[1]
        async with linked(f"redis://127.0.0.1:{port}/0") as link:
            talk = desk(link, keys)
            with pytest.raises(StoreError, match="moved"):
                await talk.list()
            assert await talk.list() == []
            assert await talk.say("c-1", None, "ann") is None
