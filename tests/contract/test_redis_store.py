"""What the Redis store does beyond the contract: replicas, batching, and each way of losing Redis."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from proxy.admission.quota import MICRO, Budget, Calendar, Concurrency, Rate
from proxy.admission.redis import RedisStore
from proxy.admission.store import Admission, Claim, Granted, Reservation
from proxy.clock import US_PER_SECOND
from proxy.errors import StoreError, UsageError
from tests.redis_server import RedisServer, free_port, running_redis

A_DAY_US = 86_400 * US_PER_SECOND
HUNDRED = Rate.of(100 * MICRO, 100 * A_DAY_US, 100 * MICRO)
"""Refills too slowly for any test to see it."""
ONE = Claim("r", HUNDRED, MICRO)
PATIENT = 20.0
HASTY = 0.1


@asynccontextmanager
async def store_on(server: RedisServer, timeout_seconds: float = PATIENT, **options: Any) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url, timeout_seconds=timeout_seconds, **options)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def store_and_trips(server: RedisServer, prefix: str) -> AsyncIterator[tuple[RedisStore, list[tuple[str, int]]]]:
    """A store, and what travelled so far: the kind of each round trip, and its calls."""
    trips: list[tuple[str, int]] = []
    async with store_on(
        server, prefix=prefix, on_roundtrip=lambda kind, _seconds, calls: trips.append((kind, calls))
    ) as store:
        yield store, trips


async def granted(store: RedisStore, name: str, *claims: Claim) -> Reservation:
    admission = await store.reserve(name, claims)
    assert isinstance(admission, Granted)
    return admission.reservation


async def remaining(store: RedisStore, claim: Claim = ONE) -> int:
    (level,) = await store.peek([claim])
    return level.remaining // MICRO if claim.limit is HUNDRED else level.remaining


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits for what another process has to do first."""
    async with asyncio.timeout(PATIENT):
        while not await holds():
            await asyncio.sleep(0.01)


async def test_four_stores_on_one_redis_grant_no_more_than_one_would(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    stores = [RedisStore(redis_server.url, prefix=redis_prefix, timeout_seconds=PATIENT) for _ in range(4)]
    answers = await asyncio.gather(*[stores[number % 4].reserve(f"e-{number}", [ONE]) for number in range(1_000)])
    await asyncio.gather(*[store.close() for store in stores])
    assert sum(isinstance(answer, Granted) for answer in answers) == 100


async def test_calls_that_meet_in_one_turn_of_the_event_loop_travel_together(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    async with store_and_trips(redis_server, redis_prefix) as (store, trips):
        held = await asyncio.gather(*[granted(store, f"e-{number}", ONE) for number in range(64)])
        store.settle(held[0], [0])
        await store.peek([ONE])
        await asyncio.gather(*[store.peek([ONE]) for _ in range(300)])
    assert trips == [("reserve", 64), ("mixed", 2), ("peek", 128), ("peek", 128), ("peek", 44)]


async def test_an_exchange_that_used_what_it_reserved_needs_no_second_trip(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    trips: list[str] = []
    async with store_on(
        redis_server, prefix=redis_prefix, on_roundtrip=lambda kind, _seconds, _calls: trips.append(kind)
    ) as store:
        store.settle(await granted(store, "e-1", ONE), [MICRO])
    assert trips == ["reserve"]


async def test_a_settlement_waits_for_nobody_and_travels_with_what_is_asked_next(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    async with store_and_trips(redis_server, redis_prefix) as (store, trips):
        held = [await granted(store, f"e-{number}", ONE) for number in range(3)]
        trips.clear()
        for reservation in held:
            store.settle(reservation, [0])
        assert await remaining(store) == 100
    assert trips == [("mixed", 4)]


async def test_what_was_settled_last_is_told_before_the_store_closes(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    async with store_on(redis_server, prefix=redis_prefix) as store:
        store.settle(await granted(store, "e-1", ONE), [0])
    async with store_on(redis_server, prefix=redis_prefix) as store:
        assert await remaining(store) == 100


async def test_redis_tells_the_time_unless_it_is_given(redis_server: RedisServer, redis_prefix: str) -> None:
    async with store_on(redis_server, prefix=redis_prefix) as store:
        before_us = _time_of(redis_server)
        (level,) = await store.peek([Claim("d", Budget(MICRO, Calendar.DAY), MICRO)])
        midnight_us = (before_us // A_DAY_US + 1) * A_DAY_US
        assert before_us + level.reset_after_us <= midnight_us <= _time_of(redis_server) + level.reset_after_us
        quick = Claim("r", Rate.of(MICRO, 1_000, MICRO), MICRO)  # a unit a millisecond
        await granted(store, "e-1", quick)
        await until(lambda: _is_full(store, quick))


def _time_of(server: RedisServer) -> int:
    seconds, micros = server.command("TIME")
    return int(seconds) * US_PER_SECOND + int(micros)


async def _is_full(store: RedisStore, claim: Claim) -> bool:
    return (await store.peek([claim]))[0].reset_after_us == 0


async def test_every_key_has_one_hash_tag_and_an_end(own_redis: RedisServer) -> None:
    claims = [ONE, Claim("b", Budget(MICRO, Calendar.MONTH), MICRO), Claim("s", Concurrency(3), 1)]
    async with store_on(own_redis) as store:
        store.settle(await granted(store, "e-1", *claims), [2 * MICRO, MICRO, 1])
        await granted(store, "e-2", ONE, claims[2])
        await store.ping()
        await store.announce("replica-1")
    keys = own_redis.command("KEYS", "*")
    assert sorted(keys) == [
        b"{stillgate}:" + name for name in (b"m:b", b"probe", b"r:r", b"replicas", b"s:s", b"settled:e-1")
    ]
    assert all(own_redis.command("PTTL", key.decode()) > 0 for key in keys)


async def test_on_a_cluster_the_script_runs_where_its_slot_is(tmp_path: Path) -> None:
    cluster = ("--cluster-enabled", "yes", "--dir", str(tmp_path), "--cluster-port")
    buses = [free_port(), free_port()]
    with (
        running_redis(*cluster, str(buses[0]), "--cluster-config-file", "a.conf") as asked,
        running_redis(*cluster, str(buses[1]), "--cluster-config-file", "b.conf") as keeper,
    ):
        keeper.command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        asked.command("CLUSTER", "MEET", "127.0.0.1", keeper.port, buses[1])
        async with store_on(asked) as store:
            await until(lambda: _grants(store))
        assert keeper.command("DBSIZE") == 2


async def _grants(store: RedisStore) -> bool:
    try:
        return isinstance(await store.reserve("e-1", [ONE, Claim("s", Concurrency(9), 1)]), Granted)
    except StoreError:  # CLUSTERDOWN until the node has found itself whole
        return False


async def test_replicas_share_a_secret_and_know_their_number(redis_server: RedisServer, redis_prefix: str) -> None:
    now_us = [A_DAY_US]
    async with (
        store_on(redis_server, prefix=redis_prefix, now_us=lambda: now_us[0]) as first,
        store_on(redis_server, prefix=redis_prefix, now_us=lambda: now_us[0]) as second,
    ):
        secrets = await asyncio.gather(first.shared_secret("accounts"), second.shared_secret("accounts"))
        assert secrets[0] == secrets[1]
        assert len(secrets[0]) == 32
        assert await second.shared_secret("networks") != secrets[0]
        assert await first.announce("a") == 1
        now_us[0] += 10 * US_PER_SECOND
        assert await second.announce("b") == 2
        assert await second.announce("b") == 2
        now_us[0] += 10 * US_PER_SECOND
        assert await second.announce("b") == 1, "a replica that is silent for 15 s is gone"


UNFIT = {
    "no hex": ("SET", "z" * 64),
    "no text": ("SET", b"\xff" * 32),
    "too short": ("SET", "ab"),
    "too long": ("SET", "ab" * 33),
    "empty": ("SET", ""),
    "of another type": ("RPUSH", "ab" * 32),
}


@pytest.mark.parametrize("spoil", UNFIT.values(), ids=UNFIT)
async def test_a_secret_that_is_none_is_told_with_its_key_and_fails_nothing_else(
    redis_server: RedisServer, redis_prefix: str, spoil: tuple[str, Any]
) -> None:
    key = f"{redis_prefix}secret:accounts"
    redis_server.command(spoil[0], key, spoil[1])
    async with store_on(redis_server, prefix=redis_prefix) as store:
        under_way = asyncio.ensure_future(store.shared_secret("accounts"))
        await granted(store, "e-1", ONE)
        with pytest.raises(StoreError) as fault:
            await under_way
        assert key in str(fault.value)
        assert "64 hex digits" in str(fault.value)
        assert not spoil[1] or str(spoil[1]) not in str(fault.value).replace(key, "")
        assert store.is_up
        redis_server.command("DEL", key)
        assert len(await store.shared_secret("accounts")) == 32


async def test_a_secret_may_have_been_written_by_hand_in_capitals_and_with_an_end_of_line(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    redis_server.command("SET", f"{redis_prefix}secret:accounts", "AB" * 32 + "\n")
    async with store_on(redis_server, prefix=redis_prefix) as store:
        assert await store.shared_secret("accounts") == b"\xab" * 32


async def test_an_emptied_redis_starts_anew_and_settles_what_was_reserved_before(own_redis: RedisServer) -> None:
    async with store_on(own_redis) as store:
        held = await granted(store, "e-1", Claim("r", HUNDRED, 40 * MICRO), Claim("s", Concurrency(1), 1))
        own_redis.command("FLUSHALL")
        assert await remaining(store) == 100
        store.settle(held, [10 * MICRO, 1])
        assert await remaining(store) == 100, "a refund went above the capacity"


async def test_a_key_of_another_type_is_one_that_is_not_there_and_costs_nobody_else_anything(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    day, month = (Claim("b", Budget(9 * MICRO, calendar), MICRO) for calendar in (Calendar.DAY, Calendar.MONTH))
    slot = Claim("s", Concurrency(9), 1)
    spoilt = [f"{redis_prefix}{name}" for name in ("r:r", "d:b", "m:b", "s:s")]

    def spoil() -> None:
        for key in spoilt:
            redis_server.command("DEL", key)
            redis_server.command("RPUSH", key, "x")

    async with store_on(redis_server, prefix=redis_prefix) as store:
        spoil()
        assert [await remaining(store, claim) for claim in (ONE, day, month, slot)] == [100, 9 * MICRO, 9 * MICRO, 9]
        assert [redis_server.command("TYPE", key) for key in spoilt] == [b"list"] * 4, "a look changes nothing"
        held, _ = await asyncio.gather(
            granted(store, "e-1", ONE, day, month, slot), granted(store, "e-2", Claim("other", HUNDRED, MICRO))
        )
        assert [await remaining(store, claim) for claim in (ONE, day, month, slot)] == [99, 8 * MICRO, 8 * MICRO, 8]
        assert all(redis_server.command("PTTL", key) > 0 for key in spoilt)
        spoil()
        await store.renew([held])
        store.settle(held, [3 * MICRO, 3 * MICRO, 3 * MICRO, 1])
        assert [await remaining(store, claim) for claim in (ONE, day, month, slot)] == [98, 7 * MICRO, 7 * MICRO, 9]


async def test_replicas_are_counted_where_a_key_of_another_type_stood(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    redis_server.command("SET", f"{redis_prefix}replicas", "x")
    async with store_on(redis_server, prefix=redis_prefix) as store:
        assert [await store.announce(replica) for replica in ("a", "b")] == [1, 2]


async def test_what_a_user_may_not_read_is_no_key_that_is_not_there(own_redis: RedisServer) -> None:
    own_redis.command("ACL", "SETUSER", "writer", "on", ">right", "~*", "+@all", "-get")
    store = RedisStore(own_redis.url.replace("//", "//writer:right@"), timeout_seconds=PATIENT)
    with pytest.raises(StoreError):
        await store.reserve("e-1", [ONE])
    await store.close()


async def test_a_redis_that_forgot_the_script_is_told_again(own_redis: RedisServer) -> None:
    async with store_on(own_redis) as store:
        await granted(store, "e-1", ONE)
        own_redis.command("SCRIPT", "FLUSH")
        await asyncio.gather(*[granted(store, f"e-2-{number}", ONE) for number in range(3)])
        assert await remaining(store) == 96


async def test_a_redis_that_stalls_fails_a_call_in_time_and_late_grants_are_given_back(own_redis: RedisServer) -> None:
    faults: list[tuple[str, int]] = []
    async with store_on(own_redis, HASTY, on_fault=lambda kind, calls: faults.append((kind, calls))) as store:
        await granted(store, "e-1", ONE)
        own_redis.pause()
        for number in range(2):
            with pytest.raises(StoreError, match="in time"):
                await store.reserve(f"e-2-{number}", [Claim("r", HUNDRED, 9 * MICRO), Claim("s", Concurrency(9), 1)])
        assert not store.is_up
        assert faults == [("timeout", 1), ("timeout", 1)]
        own_redis.resume()
        await until(lambda: _stands_at(store, 99))
        await until(lambda: _stands_at(store, 9, Claim("s", Concurrency(9), 1)))
        assert store.is_up


async def _stands_at(store: RedisStore, expected: int, claim: Claim = ONE) -> bool:
    try:
        return await remaining(store, claim) == expected
    except StoreError:
        return False


async def test_a_settlement_that_failed_is_repeated_and_counts_once(own_redis: RedisServer) -> None:
    async with store_on(own_redis, HASTY) as store:
        held = [await granted(store, f"e-{number}", Claim("r", HUNDRED, 10 * MICRO)) for number in range(2)]
        own_redis.pause()
        store.settle(held[0], [MICRO])
        with pytest.raises(StoreError):
            await store.ping()
        store.settle_later(held[1], [2 * MICRO])
        own_redis.resume()
        await until(lambda: _stands_at(store, 97))
        await store.ping()
        assert await remaining(store) == 97
        assert store.settlements_dropped == 0


async def test_a_killed_redis_fails_calls_at_once_and_is_used_again_when_it_is_back(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with store_on(own_redis) as store:
        held = await granted(store, "e-1", Claim("r", HUNDRED, 10 * MICRO))
        own_redis.kill()
        for number in range(5):
            with pytest.raises(StoreError):
                await store.reserve(f"e-2-{number}", [ONE])
        store.settle(held, [30 * MICRO])
        own_redis.start()
        await granted(store, "e-3", ONE)
        await until(lambda: _stands_at(store, 79))
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"], "one line for each change of state"


async def test_a_wrong_password_is_a_fault_and_not_told_to_clients() -> None:
    with running_redis("--requirepass", "right") as server:
        async with store_on(server, password="wrong") as store:
            with pytest.raises(StoreError) as fault:
                await store.reserve("e-1", [ONE])
            assert "refused the login" in str(fault.value)
            assert "wrong" not in str(fault.value)
            assert str(server.port) not in str(fault.value)
        async with store_on(server) as store:
            with pytest.raises(StoreError, match="refused the login"):
                await store.ping()
        async with store_on(server, password="right") as store:
            await granted(store, "e-1", ONE)
        store = RedisStore(server.url.replace("//", "//default:right@"), timeout_seconds=PATIENT)
        await granted(store, "e-2", ONE)
        await store.close()


async def test_a_database_that_does_not_exist_and_a_user_without_rights_are_told(own_redis: RedisServer) -> None:
    own_redis.command("ACL", "SETUSER", "reader", "on", ">right", "~*", "+get")
    for url, told in (
        (own_redis.url.replace("/0", "/99"), "no such database"),
        (own_redis.url.replace("//", "//reader:right@"), "does not permit this user"),
    ):
        store = RedisStore(url, timeout_seconds=PATIENT)
        with pytest.raises(StoreError, match=told):
            await store.ping()
        await store.close()


REFUSING = pytest.mark.parametrize(
    ("break_it", "told", "mend_it"),
    [
        (("REPLICAOF", "127.0.0.1", "1"), "takes no writes", ("REPLICAOF", "NO", "ONE")),
        (("CONFIG", "SET", "maxmemory", "1"), "out of memory", ("CONFIG", "SET", "maxmemory", "0")),
    ],
    ids=["read-only replica", "out of memory"],
)


@REFUSING
async def test_a_redis_that_refuses_to_write_is_a_fault_until_it_writes_again(
    own_redis: RedisServer, break_it: tuple[str, ...], told: str, mend_it: tuple[str, ...]
) -> None:
    async with store_on(own_redis) as store:
        await granted(store, "e-1", ONE)
        own_redis.command(*break_it)
        for call in (store.reserve("e-2", [ONE]), store.ping()):
            with pytest.raises(StoreError, match=told):
                await call
        own_redis.command(*mend_it)
        await store.ping()
        assert await remaining(store) == 99


@REFUSING
async def test_a_redis_that_refuses_to_write_answers_nothing_that_it_could_answer_by_reading_or_freeing(
    own_redis: RedisServer, break_it: tuple[str, ...], told: str, mend_it: tuple[str, ...]
) -> None:
    slot, drained = Claim("s", Concurrency(9), 1), Claim("r", HUNDRED, 1_000 * MICRO)
    async with store_on(own_redis) as store:
        held = await granted(store, "e-1", ONE, slot)
        own_redis.command(*break_it)
        for call in (
            store.reserve("e-2", [drained]),
            store.reserve("e-3", [slot, ONE]),
            store.peek([ONE]),
            store.renew([held]),
            store.announce("replica-1"),
        ):
            with pytest.raises(StoreError, match=told):
                await call
        own_redis.command(*mend_it)
        assert await remaining(store) == 99
        assert await remaining(store, slot) == 8


async def test_a_refusal_is_an_answer_and_ends_no_connection(own_redis: RedisServer) -> None:
    async with store_on(own_redis) as store:
        await granted(store, "e-1", ONE)
        before = _connections(own_redis)
        own_redis.command("CONFIG", "SET", "maxmemory", "1")
        for number in range(20):
            calls = [store.reserve(f"e-{number}-{batch}", [ONE]) for batch in range(300)]  # more than travel at once
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(answer, StoreError) for answer in answers)
        own_redis.command("CONFIG", "SET", "maxmemory", "0")
        await granted(store, "e-2", ONE)
        assert _connections(own_redis) - before == 3, "more than those that looked and that set it"


def _connections(server: RedisServer) -> int:
    with Redis(port=server.port) as client:
        return int(client.info("stats")["total_connections_received"])


async def test_a_read_only_redis_is_asked_over_a_new_connection_for_its_name_may_lead_to_another_by_now(
    own_redis: RedisServer,
) -> None:
    async with store_on(own_redis) as store:
        await granted(store, "e-1", ONE)
        before = _connections(own_redis)
        own_redis.command("REPLICAOF", "127.0.0.1", "1")
        for _ in range(4):
            with pytest.raises(StoreError, match="takes no writes"):
                await store.ping()
        assert _connections(own_redis) - before == 2 + 3, "the two of this test, and one after each refusal"


async def test_a_settlement_that_a_full_redis_refused_is_delivered_once_it_writes_again(own_redis: RedisServer) -> None:
    async with store_on(own_redis) as store:
        held = [await granted(store, f"e-{number}", Claim("r", HUNDRED, 10 * MICRO)) for number in range(2)]
        own_redis.command("CONFIG", "SET", "maxmemory", "1")
        for _ in range(3):
            for reservation in held:
                store.settle(reservation, [MICRO])
            with pytest.raises(StoreError):
                await store.ping()
        own_redis.command("CONFIG", "SET", "maxmemory", "0")
        await store.ping()
        await until(lambda: _stands_at(store, 98))
        assert store.settlements_dropped == 0


async def test_a_redis_that_is_full_every_other_moment_fills_no_log(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with store_on(own_redis) as store:
        for _ in range(30):
            own_redis.command("CONFIG", "SET", "maxmemory", "1")
            with pytest.raises(StoreError):
                await store.ping()
            own_redis.command("CONFIG", "SET", "maxmemory", "0")
            await store.ping()
    assert 2 <= len(caplog.records) <= 12, "of 60 changes"
    assert "OutOfMemory" in caplog.records[0].getMessage()


STRANGE = {
    "nil": b"$-1\r\n",
    "a number": b":1\r\n",
    "an empty list": b"*0\r\n",
    "a word": b"+OK\r\n",
    "no list": b"$2\r\n\xc1\xc1\r\n",
    "no values": b"$1\r\n\x90\r\n",
    "a value too few": b"$2\r\n\x91\x01\r\n",
    "a value of another kind": b"$7\r\n\x96\x01\x01\x01\x01\xa0\x01\r\n",
    "a value too many": b"$8\r\n\x97\x01\x01\x01\x01\x01\x01\x01\r\n",
    "more refusals than questions": b"-ERR no\r\n" * 2,
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
async def test_answers_that_are_not_the_scripts_are_a_lost_store_and_one_line_in_the_log(
    answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answers: list[object] = []
    async with answering(answer) as port:
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout_seconds=PATIENT)
        for number in range(12):
            answers += await asyncio.gather(store.reserve(f"e-{number}", [ONE]), return_exceptions=True)
        await store.close()
    assert all(isinstance(each, StoreError) for each in answers)
    assert [record.name for record in caplog.records] == ["stillgate.store"]
    assert "not Redis" in caplog.text or "refused" in caplog.text


async def test_an_answer_to_nothing_ends_its_connection_and_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async with answering(b"$7\r\n\x96\x01\x01\x01\x01\x01\x01\r\n" + b":1\r\n") as port:
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout_seconds=PATIENT)
        assert isinstance(await store.reserve("e-0", [ONE]), Granted)
        answers = [await asyncio.gather(store.reserve(f"e-{n}", [ONE]), return_exceptions=True) for n in range(12)]
        await store.close()
    assert all(isinstance(each, StoreError | Granted) for (each,) in answers)
    assert {record.name for record in caplog.records} <= {"stillgate.store"}
    assert len(caplog.records) <= 6


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """The port of what answers each command so, whatever it is."""

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            for _ in range(int(line[1:])):
                size = await reader.readline()
                await reader.readexactly(int(size[1:]) + 2)
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1]


async def test_a_redis_that_still_loads_refuses(tmp_path: Path) -> None:
    slowly = ("--enable-debug-command", "yes", "--dir", str(tmp_path), "--key-load-delay", "1000")
    with running_redis(*slowly, "--loading-process-events-interval-bytes", "1024") as server:
        async with store_on(server) as store:
            await granted(store, "e-1", ONE)
            server.command("DEBUG", "POPULATE", 500)
            before = _connections(server)
            reloading = asyncio.create_task(asyncio.to_thread(server.command, "DEBUG", "RELOAD"))
            await until(lambda: _refuses(store))
            await reloading
            await until(lambda: _stands_at(store, 99))
            assert _connections(server) - before == 2


async def _refuses(store: RedisStore) -> bool:
    try:
        await store.ping()
    except StoreError as fault:
        return "still loading" in str(fault)
    return False


async def test_an_event_loop_that_stood_still_does_not_make_redis_late(own_redis: RedisServer) -> None:
    async with store_on(own_redis, HASTY) as store:
        await until(lambda: _stands_at(store, 100))
        under_way = await _sent(store.reserve("e-1", [ONE]))
        time.sleep(3 * HASTY)  # the answer is there meanwhile
        assert isinstance(await under_way, Granted)
        own_redis.pause()
        under_way = await _sent(store.reserve("e-2", [ONE]))
        time.sleep(3 * HASTY)
        own_redis.resume()  # the answer comes as soon as anybody looks
        assert isinstance(await under_way, Granted)


async def _sent(call: Coroutine[Any, Any, Admission]) -> asyncio.Future[Admission]:
    under_way = asyncio.ensure_future(call)
    for _ in range(4):
        await asyncio.sleep(0)
    return under_way


async def test_what_a_cancelled_call_was_granted_is_given_back(redis_server: RedisServer, redis_prefix: str) -> None:
    async with store_on(redis_server, prefix=redis_prefix) as store:
        await store.ping()
        calls = []
        for turns in range(8):  # cancelled before it is sent, under way, and when the answer is there
            calls.append(asyncio.ensure_future(store.reserve(f"e-{turns}", [ONE])))
            for _ in range(turns):
                await asyncio.sleep(0)
            calls[-1].cancel()
        await asyncio.wait(calls)
        assert calls[1].cancelled()
        kept = sum(not call.cancelled() for call in calls)
        await until(lambda: _stands_at(store, 100 - kept))


async def test_a_call_cancelled_between_its_answer_and_its_waking_gives_back_too(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    calls: list[asyncio.Future[Admission]] = []
    async with store_on(
        redis_server, prefix=redis_prefix, on_roundtrip=lambda *_: [call.cancel() for call in calls]
    ) as store:
        calls.append(asyncio.ensure_future(store.reserve("e-1", [ONE])))
        await asyncio.wait(calls)
        assert calls.pop().cancelled()
        await until(lambda: _stands_at(store, 100))


async def test_a_closed_store_fails_calls(redis_server: RedisServer, redis_prefix: str) -> None:
    async with store_on(redis_server, prefix=redis_prefix) as store:
        await granted(store, "e-1", ONE)
    with pytest.raises(StoreError, match="closed"):
        await store.reserve("e-2", [ONE])


async def test_a_call_that_cannot_be_written_fails_and_does_not_stop_the_next(
    redis_server: RedisServer, redis_prefix: str
) -> None:
    async with store_on(redis_server, prefix=redis_prefix) as store:
        with pytest.raises(StoreError):
            await store.reserve("\ud800", [ONE])
        await granted(store, "e-1", ONE)


def test_a_url_that_is_none_is_told_without_its_password() -> None:
    with pytest.raises(UsageError) as fault:
        RedisStore("http://user:hunter2@example.com")
    assert "hunter2" not in str(fault.value)
