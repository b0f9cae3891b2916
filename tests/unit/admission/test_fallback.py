"""Admission while the shared store is lost, with a shared store that is lost when told to be, and with a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

import proxy.admission.fallback as fallback_module
from proxy.admission.fallback import BreakerState, ResilientStore, share_of
from proxy.admission.memory import MemoryStore
from proxy.admission.quota import MICRO, Budget, Calendar, Concurrency, Limit, Rate, capacity_of
from proxy.admission.redis import RedisStore
from proxy.admission.store import Admission, Claim, Denied, Granted, Level, Reservation, StoreFailure
from proxy.clock import US_PER_SECOND, VirtualClock
from proxy.errors import StoreError
from tests.redis_server import RedisServer

MINUTE_US = 60 * US_PER_SECOND
TWELVE_A_MINUTE = Rate.of(12 * MICRO, MINUTE_US, 12 * MICRO)
ONE = Claim("r", TWELVE_A_MINUTE, MICRO)


class Losable:
    """A shared store that is there or lost, as told."""

    def __init__(self, clock: VirtualClock) -> None:
        self.lost = False
        self.announced = 4
        self.calls = 0
        self.later: list[tuple[str, list[int]]] = []
        self._store = MemoryStore(clock.wall_us)

    def _reached(self) -> None:
        self.calls += 1
        if self.lost:
            raise StoreError("lost")

    async def reserve(self, reservation_id: str, claims: Sequence[Claim]) -> Admission:
        self._reached()
        return await self._store.reserve(reservation_id, claims)

    def settle(self, reservation: Reservation, actual: Sequence[int]) -> None:
        self._store.settle(reservation, actual)

    def settle_later(self, reservation: Reservation, actual: Sequence[int]) -> None:
        self.later.append((reservation.id, list(actual)))

    async def renew(self, reservations: Sequence[Reservation]) -> None:
        self._reached()
        await self._store.renew(reservations)

    async def peek(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        self._reached()
        return await self._store.peek(claims)

    async def ping(self) -> None:
        self._reached()

    async def announce(self, replica_id: str) -> int:
        self._reached()
        return self.announced

    async def close(self) -> None: ...


class Replica:
    """A resilient store whose shared store can be lost, in virtual time but for the probes."""

    def __init__(self, mode: StoreFailure, replicas: int = 1, probe_seconds: float = 60, jitter: float = 0.5) -> None:
        clock = VirtualClock(1_780_000_000_000_000)
        self.clock = clock
        self.shared = Losable(clock)
        self.decided_alone: list[str] = []
        self.store = ResilientStore(
            self.shared,
            MemoryStore(clock.wall_us),
            lambda: jitter,
            mode=mode,
            replicas=replicas,
            probe_seconds=probe_seconds,
            on_fallback=self.decided_alone.append,
        )
        self._asked = 0

    async def reserve(self, *claims: Claim) -> Admission:
        self._asked += 1
        return await self.store.reserve(f"e-{self._asked}", claims)

    async def granted(self, *claims: Claim) -> Granted:
        admission = await self.reserve(*claims)
        assert isinstance(admission, Granted)
        return admission

    async def lose(self) -> None:
        """Loses the shared store and opens the breaker, without touching a bucket."""
        self.shared.lost = True
        for _ in range(3):
            await self.store.renew([])
        assert self.store.state is BreakerState.OPEN


@asynccontextmanager
async def replica(
    mode: StoreFailure, replicas: int = 1, probe_seconds: float = 60, jitter: float = 0.5
) -> AsyncIterator[Replica]:
    one = Replica(mode, replicas, probe_seconds, jitter)
    yield one
    await one.store.close()


async def test_while_the_shared_store_answers_it_decides() -> None:
    async with replica(StoreFailure.LOCAL, replicas=4) as one:
        admission = await one.granted(ONE)
        assert (admission.levels[0].remaining, admission.without_store) == (11 * MICRO, None)
        assert one.decided_alone == []


async def test_a_request_whose_store_call_fails_is_decided_by_the_mode_and_the_third_fault_opens_the_breaker() -> None:
    async with replica(StoreFailure.LOCAL) as one:
        one.shared.lost = True
        for state in (BreakerState.CLOSED, BreakerState.CLOSED, BreakerState.OPEN):
            assert (await one.granted(ONE)).without_store == "local"
            assert one.store.state is state
        await one.granted(ONE)
        assert one.shared.calls == 3, "an open breaker still asked the lost store"
        assert one.decided_alone == ["local"] * 4


async def test_an_answer_between_faults_keeps_the_breaker_closed() -> None:
    async with replica(StoreFailure.LOCAL) as one:
        for lost in (True, True, False, True, True):
            one.shared.lost = lost
            await one.reserve(ONE)
        assert one.store.state is BreakerState.CLOSED


async def test_two_faults_open_the_breaker_where_nothing_was_answered_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fallback_module, "SECONDS_TO_OPEN", 0.01)
    async with replica(StoreFailure.LOCAL) as one:
        one.shared.lost = True
        await one.store.renew([])
        states = [one.store.state]
        await asyncio.sleep(0.02)
        await one.store.renew([])
        assert [*states, one.store.state] == [BreakerState.CLOSED, BreakerState.OPEN]


async def test_local_holds_a_replicas_share_of_every_limit() -> None:
    async with replica(StoreFailure.LOCAL, replicas=4) as one:
        await one.lose()
        assert [isinstance(await one.reserve(ONE), Granted) for _ in range(5)] == [True] * 3 + [False] * 2
        one.clock.now_us += 20 * US_PER_SECOND  # 12 a minute among four are one in 20 s
        assert [isinstance(await one.reserve(ONE), Granted) for _ in range(2)] == [True, False]
        budget = Claim("b", Budget(9 * MICRO, Calendar.DAY), MICRO)
        assert [isinstance(await one.reserve(budget), Granted) for _ in range(3)] == [True, True, False]
        slot = Claim("s", Concurrency(3), 1)
        assert [isinstance(await one.reserve(slot), Granted) for _ in range(2)] == [True, False]


async def test_local_delays_a_request_that_only_the_whole_bucket_holds_but_does_not_shut_it_out() -> None:
    async with replica(StoreFailure.LOCAL, replicas=4) as one:
        await one.lose()
        admission = await one.granted(Claim("r", TWELVE_A_MINUTE, 9 * MICRO))
        one.store.settle(admission.reservation, [6 * MICRO])
        (level,) = await one.store.peek([ONE])
        assert (level.remaining, level.retry_after_us) == (-3 * MICRO, 4 * 20 * US_PER_SECOND)
        denied = await one.reserve(Claim("r", TWELVE_A_MINUTE, 13 * MICRO))
        assert isinstance(denied, Denied)
        assert (denied.levels[0].retry_after_us, denied.without_store) == (None, "local")


async def test_allow_grants_everything_and_takes_nothing() -> None:
    async with replica(StoreFailure.ALLOW) as one:
        await one.lose()
        for _ in range(20):
            admission = await one.granted(ONE)
            assert admission.without_store == "allow"
            assert admission.levels == (Level(True, 12 * MICRO, 0, 0),)
            one.store.settle(admission.reservation, [5 * MICRO])
        assert await one.store.peek([ONE]) == (Level(True, 12 * MICRO, 0, 0),)
        assert one.shared.later == []


async def test_deny_fails_upward_until_the_mode_is_changed() -> None:
    async with replica(StoreFailure.DENY) as one:
        one.shared.lost = True
        for _ in range(5):
            with pytest.raises(StoreError):
                await one.reserve(ONE)
        with pytest.raises(StoreError):
            await one.store.peek([ONE])
        one.store.set_mode(StoreFailure.LOCAL)
        await one.granted(ONE)
        assert one.decided_alone == ["deny"] * 5 + ["local"]


async def test_a_reservation_is_settled_where_it_was_made() -> None:
    async with replica(StoreFailure.LOCAL, probe_seconds=0.01) as one:
        shared = await one.granted(Claim("r", TWELVE_A_MINUTE, 4 * MICRO))
        await one.lose()
        local = await one.granted(Claim("r", TWELVE_A_MINUTE, 6 * MICRO))
        one.store.settle(shared.reservation, [MICRO])
        assert one.shared.later == [("e-1", [MICRO])]
        one.store.settle(local.reservation, [2 * MICRO])
        assert (await one.store.peek([ONE]))[0].remaining == 10 * MICRO
        another = await one.granted(Claim("r", TWELVE_A_MINUTE, 6 * MICRO))
        one.shared.lost = False
        await _until_closed(one.store)
        one.store.settle(another.reservation, [0])
        assert (await one.store.peek([ONE]))[0].remaining == 8 * MICRO


async def test_slots_are_renewed_where_they_are_held() -> None:
    async with replica(StoreFailure.LOCAL, probe_seconds=0.01) as one:
        slot = Claim("s", Concurrency(1), 1)
        shared = await one.granted(slot)
        await one.lose()
        local = await one.granted(slot)
        one.clock.now_us += 10 * US_PER_SECOND
        await one.store.renew([shared.reservation, local.reservation])
        one.clock.now_us += 10 * US_PER_SECOND
        assert isinstance(await one.reserve(slot), Denied)
        one.shared.lost = False
        await _until_closed(one.store)
        assert isinstance(await one.reserve(slot), Granted), "a lease that could not be renewed was still held"


async def test_probes_go_on_until_the_shared_store_is_back() -> None:
    async with replica(StoreFailure.LOCAL, probe_seconds=0.001) as one:
        await one.lose()
        before = one.shared.calls
        while one.shared.calls < before + 3:
            await asyncio.sleep(0.001)
        one.shared.lost = False
        await _until_closed(one.store)
        assert (await one.granted(ONE)).without_store is None


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 1.5), (1.0, 2.5)])
async def test_replicas_that_lost_the_store_together_do_not_look_for_it_at_one_moment(
    monkeypatch: pytest.MonkeyPatch, jitter: float, pause: float
) -> None:
    pauses = _pauses(monkeypatch)
    async with replica(StoreFailure.LOCAL, probe_seconds=2.0, jitter=jitter) as one:
        await one.lose()
        assert pauses == [pause]


async def test_a_store_that_is_lost_again_at_once_is_asked_ever_more_seldom_but_not_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store that is full has room now and then, for a moment, as what it holds expires."""
    pauses = _pauses(monkeypatch)
    async with replica(StoreFailure.LOCAL, probe_seconds=1.0) as one:
        for _ in range(8):
            await one.lose()
            one.shared.lost = False
            await _until_closed(one.store)
        assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 32.0, 32.0]


async def test_a_store_that_stayed_is_looked_for_as_soon_as_ever_when_it_is_lost_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = _pauses(monkeypatch)
    monkeypatch.setattr(fallback_module, "RELAPSE_SECONDS", 0.0)
    async with replica(StoreFailure.LOCAL, probe_seconds=1.0) as one:
        for _ in range(3):
            await one.lose()
            one.shared.lost = False
            await _until_closed(one.store)
        assert pauses == [1.0] * 3


def _pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each wait was meant to be; none of them is waited for."""
    loop, pauses = asyncio.get_running_loop(), list[float]()

    def call_later(delay: float, call: Callable[..., object], *args: object) -> asyncio.Handle:
        if delay >= 1.0:  # those between two looks at the state are shorter
            pauses.append(delay)
        return loop.call_soon(call, *args)

    monkeypatch.setattr(loop, "call_later", call_later)
    return pauses


async def test_the_number_of_replicas_is_the_last_one_known() -> None:
    async with replica(StoreFailure.LOCAL) as one:
        assert await one.store.announce("a") == 4
        one.shared.lost = True
        assert await one.store.announce("a") == 4


async def test_replicas_are_at_least_those_that_it_was_started_with() -> None:
    async with replica(StoreFailure.LOCAL, replicas=8) as one:
        assert one.store.replicas == 8
        assert await one.store.announce("a") == 8
        one.shared.announced = 9
        assert await one.store.announce("a") == 9


async def test_a_shared_store_that_came_back_empty_makes_nobody_think_that_it_is_alone() -> None:
    """Until the others have announced themselves again, which each does within a lease."""
    async with replica(StoreFailure.LOCAL) as one:
        assert await one.store.announce("a") == 4
        one.shared.announced = 1
        assert [await one.store.announce("a") for _ in range(3)] == [4, 4, 1]


async def _until_closed(store: ResilientStore) -> None:
    async with asyncio.timeout(20):
        while store.state is not BreakerState.CLOSED:
            await asyncio.sleep(0.001)


async def test_with_a_stalled_redis_the_first_requests_wait_once_and_the_others_not_at_all(
    own_redis: RedisServer,
) -> None:
    clock = VirtualClock(1_780_000_000_000_000)
    faults: list[str] = []
    redis = RedisStore(own_redis.url, timeout_seconds=0.1, on_fault=lambda kind, calls: faults.extend([kind] * calls))
    store = ResilientStore(redis, MemoryStore(clock.wall_us), lambda: 0.5, probe_seconds=0.05)
    try:
        await store.reserve("e-0", [ONE])
        own_redis.pause()
        first = await asyncio.gather(*[store.reserve(f"e-1-{number}", [ONE]) for number in range(5)])
        assert faults == ["timeout"] * 5
        assert store.state is not BreakerState.CLOSED
        next_one = store.reserve("e-2", [ONE])
        with pytest.raises(StopIteration) as decided:  # without a turn of the event loop
            next_one.send(None)
        assert {one.without_store for one in [*first, decided.value.value]} == {"local"}
        own_redis.resume()
        await _until_closed(store)
        assert (await store.reserve("e-3", [ONE])).without_store is None
    finally:
        await store.close()


async def test_a_full_redis_is_lost_for_as_long_as_it_refuses_to_write(own_redis: RedisServer) -> None:
    """Also for accounts whose denial Redis could tell by reading, and where slots are counted, which frees memory."""
    clock = VirtualClock(1_780_000_000_000_000)
    redis = RedisStore(own_redis.url, timeout_seconds=20.0)
    store = ResilientStore(redis, MemoryStore(clock.wall_us), lambda: 0.5, probe_seconds=0.001)
    slot, too_much = Claim("s", Concurrency(9), 1), Claim("r", TWELVE_A_MINUTE, 13 * MICRO)
    try:
        await store.reserve("e-0", [slot, ONE])
        own_redis.command("CONFIG", "SET", "maxmemory", "1")
        modes = [(await store.reserve(f"e-1-{number}", [slot, too_much])).without_store for number in range(3)]
        assert (modes, store.state) == (["local"] * 3, BreakerState.OPEN)
        for number in range(20):
            assert (await store.reserve(f"e-2-{number}", [slot, too_much])).without_store == "local"
            await asyncio.sleep(0.002)  # for a probe
        own_redis.command("CONFIG", "SET", "maxmemory", "0")
        await _until_closed(store)
        assert (await store.reserve("e-3", [slot, ONE])).without_store is None
    finally:
        await store.close()


limits = st.one_of(
    st.builds(Rate, st.integers(1, 10**12), st.integers(1, 10**6), st.integers(1, 10**6)),
    st.builds(Budget, st.integers(1, 10**12), st.just(Calendar.DAY)),
    st.builds(Concurrency, st.integers(0, 100)),
)


@given(limits, st.integers(1, 50))
def test_the_shares_of_all_replicas_are_no_more_than_the_whole_but_for_one_unit_each(
    limit: Limit, replicas: int
) -> None:
    whole, unit = capacity_of(limit), 1 if isinstance(limit, Concurrency) else MICRO
    share = capacity_of(share_of(Claim("k", limit, 1), replicas).limit)
    assert share * replicas <= whole or share == min(whole, unit)
    assert share >= min(whole, unit)


@given(st.integers(1, 10**9), st.integers(1, 50), st.integers(0, 10**9))
def test_a_cost_that_the_whole_can_grant_its_share_can_grant(capacity: int, replicas: int, cost: int) -> None:
    claim = share_of(Claim("k", Rate(capacity, 1, 60), cost), replicas)
    assert (claim.cost <= capacity_of(claim.limit)) == (cost <= capacity)
