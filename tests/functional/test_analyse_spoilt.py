"""What a stranger or another version has left in Redis ends no analyser: it would end each that takes its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from proxy.analysis.analyser import Analyser
from proxy.analysis.keys import Keys
from proxy.analysis.lease import Lease
from proxy.analysis.process import MetricsWatcher
from proxy.analysis.wire import Checkpoint, encode_checkpoint, encode_event, joined
from proxy.clock import unique_id
from proxy.metrics.analysis import AnalyserMetrics
from tests.functional.analysing import CLOCK, analyser, analyst_of, linked, seconds, turns
from tests.redis_server import RedisServer
from tests.unit.analysis.pool_analyst import PoolAnalysts, asked

Spoil = Callable[[RedisServer, Keys], object]


def append(server: RedisServer, keys: Keys, total: str, batch: bytes) -> None:
    server.command("XADD", keys.stream, "*", "e", total, "b", "1", "d", batch)  # type: ignore[arg-type]


SPOILT: dict[str, Spoil] = {
    "an entry of no events": lambda server, keys: server.command("XADD", keys.stream, "*", "a", "b"),
    "a batch that is none": lambda server, keys: append(server, keys, "1", b"\xff" * 9),
    "a count that is none": lambda server, keys: append(server, keys, "many", b""),
    "a count beyond all bounds": lambda server, keys: append(server, keys, "9" * 400, b""),
    "totals that are none": lambda server, keys: server.command("HSET", keys.totals, "events", "many"),
    "a campaign of no name": lambda server, keys: server.command("HSET", keys.records, b"\xff", "x"),  # type: ignore[arg-type]
    "a word on no name": lambda server, keys: (
        server.command("HSET", keys.words, b"\xff", "x"),  # type: ignore[arg-type]
        server.command("SET", keys.words_version, "v-1"),
    ),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_an_analyser_goes_on_leads_and_publishes_behind_what_it_cannot_read(
    redis_server: RedisServer, redis_prefix: str, spoil: Spoil
) -> None:
    keys = Keys(redis_prefix)
    append(redis_server, keys, "1", joined([encode_event(asked("before", CLOCK.wall_us()))]))
    spoil(redis_server, keys)
    append(redis_server, keys, "3", joined([encode_event(asked("behind", CLOCK.wall_us()))]))
    watcher = MetricsWatcher(AnalyserMetrics(CollectorRegistry()), CLOCK)
    async with linked(redis_server.url) as link:
        lease = Lease(link, keys, unique_id("a-"), seconds)
        work = Analyser(link, keys, PoolAnalysts(), lease, watcher, seconds=seconds, most_state_bytes=2**20)
        await lease.ask()
        await turns(work, lambda: len(analyst_of(work).seen) == 2 and work.is_leading)
        assert [event.account for event in analyst_of(work).seen] == ["before", "behind"]
        await work.hand_over()


@pytest.mark.parametrize("place", ["", "$", "nowhere", "1", "1-x", "-1-0", "1-0\n", "1-" + "9" * 20, "\u0661-0"])
async def test_an_analyser_whose_saved_state_names_no_place_in_the_stream_begins_anew_and_says_so_once(
    redis_server: RedisServer, redis_prefix: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys = Keys(redis_prefix)
    redis_server.command("SET", keys.checkpoint, encode_checkpoint(Checkpoint(b"", place, 7)))  # type: ignore[arg-type]
    append(redis_server, keys, "1", joined([encode_event(asked("first", CLOCK.wall_us()))]))
    async with linked(redis_server.url) as link:
        work = analyser(link, keys)
        await work.lease.ask()
        await work.run(lambda: bool(analyst_of(work).seen) and work.is_leading)
        assert [event.account for event in analyst_of(work).seen] == ["first"]
        await work.hand_over()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "the saved state names no place in the stream: starting without it"
    ]
