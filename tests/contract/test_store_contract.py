"""What every BucketStore does, said once and asked of the memory store and of a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from proxy.admission.memory import MemoryStore
from proxy.admission.quota import EXACT, MICRO, Budget, Calendar, Concurrency, Limit, Rate
from proxy.admission.redis import RedisStore
from proxy.admission.store import LEASE_US, BucketStore, Claim, Denied, Granted, Level, Reservation
from proxy.clock import US_PER_SECOND, VirtualClock
from tests.redis_server import RedisServer

MINUTE_US = 60 * US_PER_SECOND
TEN_A_MINUTE = Rate.of(10 * MICRO, MINUTE_US, 10 * MICRO)
THREE_A_DAY = Budget(3 * MICRO, Calendar.DAY)
TWO_SLOTS = Concurrency(2)


@dataclass
class Bench:
    """A store under test in virtual time."""

    store: BucketStore
    clock: VirtualClock
    reserved: int = 0

    async def reserve(self, *claims: Claim) -> Granted | Denied:
        self.reserved += 1
        return await self.store.reserve(f"e-{self.reserved}", claims)

    async def granted(self, *claims: Claim) -> Reservation:
        admission = await self.reserve(*claims)
        assert isinstance(admission, Granted)
        return admission.reservation

    async def level(self, key: str, limit: Limit, cost: int = 0) -> Level:
        (level,) = await self.store.peek([Claim(key, limit, cost)])
        return level


@pytest.fixture(params=["memory", "redis"])
async def bench(request: pytest.FixtureRequest, redis_prefix: str) -> AsyncIterator[Bench]:
    clock = VirtualClock(_us(2026, 11, 21, 12))
    store: BucketStore
    if request.param == "memory":
        store = MemoryStore(clock.wall_us)
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        store = RedisStore(server.url, prefix=redis_prefix, timeout_seconds=10, now_us=clock.wall_us)
    yield Bench(store, clock)
    await store.close()


def _us(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * US_PER_SECOND


async def test_a_bucket_nobody_has_drawn_on_is_full(bench: Bench) -> None:
    assert await bench.level("r", TEN_A_MINUTE) == Level(True, 10 * MICRO, 0, 0)
    assert await bench.level("b", THREE_A_DAY) == Level(True, 3 * MICRO, _us(2026, 11, 22) - bench.clock.now_us, 0)
    assert await bench.level("s", TWO_SLOTS) == Level(True, 2, 0, 0)


async def test_a_grant_takes_every_claim_and_tells_what_remains(bench: Bench) -> None:
    admission = await bench.reserve(
        Claim("r", TEN_A_MINUTE, 4 * MICRO), Claim("b", THREE_A_DAY, MICRO), Claim("s", TWO_SLOTS, 1)
    )
    assert isinstance(admission, Granted)
    assert [level.remaining for level in admission.levels] == [6 * MICRO, 2 * MICRO, 1]
    assert [level.retry_after_us for level in admission.levels] == [0, 0, 0]
    assert admission.levels[0].reset_after_us == 4 * MINUTE_US // 10
    assert admission.reservation.taken == (True, True, True)
    assert [await bench.level("r", TEN_A_MINUTE), await bench.level("b", THREE_A_DAY)] == list(admission.levels[:2])


async def test_a_denied_request_changes_no_bucket(bench: Bench) -> None:
    claims = [Claim("r", TEN_A_MINUTE, MICRO), Claim("s", TWO_SLOTS, 1), Claim("b", THREE_A_DAY, 3 * MICRO)]
    await bench.granted(*claims)
    before = await bench.store.peek(claims)
    admission = await bench.reserve(*claims)
    assert isinstance(admission, Denied)
    assert [level.granted for level in admission.levels] == [True, True, False]
    assert admission.levels == before
    assert await bench.store.peek(claims) == before


async def test_retry_after_is_the_least_wait_that_helps(bench: Bench) -> None:
    thirds = Rate.of(7 * MICRO, 3 * US_PER_SECOND, 10 * MICRO)
    await bench.granted(Claim("r", thirds, 10 * MICRO))
    refused = await bench.level("r", thirds, MICRO)
    assert refused.retry_after_us == 428_572  # 3 / 7 of a second, rounded up
    bench.clock.now_us += refused.retry_after_us - 1
    assert (await bench.level("r", thirds, MICRO)).retry_after_us == 1
    bench.clock.now_us += 1
    assert (await bench.level("r", thirds, MICRO)).granted


async def test_reset_after_is_when_the_bucket_is_full(bench: Bench) -> None:
    await bench.granted(Claim("r", TEN_A_MINUTE, 7 * MICRO))
    level = await bench.level("r", TEN_A_MINUTE)
    bench.clock.now_us += level.reset_after_us - 1
    assert (await bench.level("r", TEN_A_MINUTE)).remaining == 10 * MICRO - 1
    bench.clock.now_us += 1
    assert (await bench.level("r", TEN_A_MINUTE)).remaining == 10 * MICRO


async def test_a_cost_above_the_capacity_can_never_pass(bench: Bench) -> None:
    claims = [
        Claim("r", TEN_A_MINUTE, 11 * MICRO),
        Claim("b", THREE_A_DAY, EXACT * 10**9),
        Claim("s", Concurrency(0), 1),
    ]
    admission = await bench.reserve(*claims)
    assert isinstance(admission, Denied)
    assert [level.retry_after_us for level in admission.levels] == [None, None, None]


async def test_a_refusing_shadow_claim_refuses_nobody_and_is_not_charged(bench: Bench) -> None:
    shadow = Claim("shadowed", TEN_A_MINUTE, 11 * MICRO, shadow=True)
    admission = await bench.reserve(Claim("r", TEN_A_MINUTE, MICRO), shadow)
    assert isinstance(admission, Granted)
    assert admission.reservation.taken == (True, False)
    assert not admission.levels[1].granted
    bench.store.settle(admission.reservation, [MICRO, 5 * MICRO])
    assert (await bench.level("shadowed", TEN_A_MINUTE)).remaining == 10 * MICRO


async def test_a_shadow_claim_that_grants_is_charged_like_any_other(bench: Bench) -> None:
    await bench.granted(Claim("shadowed", TEN_A_MINUTE, 3 * MICRO, shadow=True))
    assert (await bench.level("shadowed", TEN_A_MINUTE)).remaining == 7 * MICRO


async def test_settling_gives_back_what_was_not_used(bench: Bench) -> None:
    held = await bench.granted(Claim("r", TEN_A_MINUTE, 8 * MICRO), Claim("b", THREE_A_DAY, 3 * MICRO))
    bench.store.settle(held, [2 * MICRO, MICRO])
    assert (await bench.level("r", TEN_A_MINUTE)).remaining == 8 * MICRO
    assert (await bench.level("b", THREE_A_DAY)).remaining == 2 * MICRO


async def test_settling_above_the_reservation_leaves_debt_that_refilling_pays(bench: Bench) -> None:
    held = await bench.granted(Claim("r", TEN_A_MINUTE, MICRO), Claim("b", THREE_A_DAY, MICRO))
    bench.store.settle(held, [25 * MICRO, 5 * MICRO])
    assert await bench.level("b", THREE_A_DAY) == Level(
        False, -2 * MICRO, *[_us(2026, 11, 22) - bench.clock.now_us] * 2
    )
    level = await bench.level("r", TEN_A_MINUTE)
    assert (level.granted, level.remaining, level.retry_after_us) == (False, -15 * MICRO, 15 * MINUTE_US // 10)
    bench.clock.now_us += 15 * MINUTE_US // 10
    assert (await bench.level("r", TEN_A_MINUTE)).granted


async def test_a_refund_never_overfills_a_bucket(bench: Bench) -> None:
    held = await bench.granted(Claim("r", TEN_A_MINUTE, 8 * MICRO))
    bench.clock.now_us += MINUTE_US
    bench.store.settle(held, [0])
    assert await bench.level("r", TEN_A_MINUTE) == Level(True, 10 * MICRO, 0, 0)


async def test_a_settlement_that_is_repeated_counts_once(bench: Bench) -> None:
    held = await bench.granted(Claim("r", TEN_A_MINUTE, 4 * MICRO), Claim("s", TWO_SLOTS, 1))
    for _ in range(3):
        bench.store.settle(held, [MICRO, 1])
    assert (await bench.level("r", TEN_A_MINUTE)).remaining == 9 * MICRO


async def test_a_debt_beyond_counting_is_held_at_the_most_that_counts(bench: Bench) -> None:
    first, second = [await bench.granted(Claim("r", TEN_A_MINUTE, 0)) for _ in range(2)]
    bench.store.settle(first, [EXACT * EXACT])
    bench.store.settle(second, [EXACT * EXACT])
    assert (await bench.level("r", TEN_A_MINUTE)).remaining == 10 * MICRO - (EXACT - 1)


async def test_a_slot_is_free_when_its_exchange_settles(bench: Bench) -> None:
    first = await bench.granted(Claim("s", TWO_SLOTS, 1))
    await bench.granted(Claim("s", TWO_SLOTS, 1))
    assert isinstance(await bench.reserve(Claim("s", TWO_SLOTS, 1)), Denied)
    bench.store.settle(first, [1])
    await bench.granted(Claim("s", TWO_SLOTS, 1))
    assert isinstance(await bench.reserve(Claim("s", TWO_SLOTS, 1)), Denied)


async def test_slots_of_a_holder_that_is_gone_are_free_within_the_lease(bench: Bench) -> None:
    for _ in range(2):
        await bench.granted(Claim("s", TWO_SLOTS, 1))
    bench.clock.now_us += LEASE_US - 1
    assert not (await bench.level("s", TWO_SLOTS)).granted
    bench.clock.now_us += 1
    assert (await bench.level("s", TWO_SLOTS)).remaining == 2


async def test_renewing_holds_a_slot_as_long_as_its_exchange_lasts(bench: Bench) -> None:
    renewed, forgotten = [await bench.granted(Claim("s", TWO_SLOTS, 1)) for _ in range(2)]
    for _ in range(9):
        bench.clock.now_us += LEASE_US // 3
        await bench.store.renew([renewed])
    await bench.store.renew([forgotten])
    assert (await bench.level("s", TWO_SLOTS)).remaining == 1, "a lease that was over was revived"
    bench.store.settle(renewed, [1])
    await bench.store.renew([renewed])
    assert (await bench.level("s", TWO_SLOTS)).remaining == 2


async def test_a_budget_is_whole_again_when_its_day_is_over(bench: Bench) -> None:
    await bench.granted(Claim("b", THREE_A_DAY, 3 * MICRO))
    bench.clock.now_us = _us(2026, 11, 22) - 1
    refused = await bench.level("b", THREE_A_DAY, MICRO)
    assert (refused.granted, refused.retry_after_us, refused.reset_after_us) == (False, 1, 1)
    bench.clock.now_us += 1
    assert (await bench.level("b", THREE_A_DAY)).remaining == 3 * MICRO


@pytest.mark.parametrize(
    ("last", "following"),
    [
        ((2027, 2, 28), (2027, 3, 1)),
        ((2028, 2, 29), (2028, 3, 1)),
        ((2026, 12, 31), (2027, 1, 1)),
        ((2100, 2, 28), (2100, 3, 1)),
    ],
)
async def test_a_monthly_budget_follows_the_calendar(
    bench: Bench, last: tuple[int, int, int], following: tuple[int, int, int]
) -> None:
    limit = Budget(3 * MICRO, Calendar.MONTH)
    bench.clock.now_us = _us(*last[:2], 1)
    admission = await bench.reserve(Claim("b", limit, 3 * MICRO))
    assert admission.levels[0].reset_after_us == _us(*following) - bench.clock.now_us
    bench.clock.now_us = _us(*last, 23)
    assert not (await bench.level("b", limit, 1)).granted
    bench.clock.now_us = _us(*following)
    assert (await bench.level("b", limit, 1)).granted


async def test_a_budget_whose_period_is_over_is_not_corrected(bench: Bench) -> None:
    held = await bench.granted(Claim("b", THREE_A_DAY, MICRO))
    bench.clock.now_us = _us(2026, 11, 22, 1)
    await bench.granted(Claim("b", THREE_A_DAY, MICRO))
    bench.store.settle(held, [3 * MICRO])
    assert (await bench.level("b", THREE_A_DAY)).remaining == 2 * MICRO


async def test_a_clock_that_steps_back_refills_nothing_and_no_time_refills_twice(bench: Bench) -> None:
    await bench.granted(Claim("r", TEN_A_MINUTE, 10 * MICRO), Claim("b", THREE_A_DAY, 3 * MICRO))
    drained_at = bench.clock.now_us
    bench.clock.now_us = drained_at - 30 * US_PER_SECOND
    assert await bench.level("r", TEN_A_MINUTE, MICRO) == Level(False, 0, 90 * US_PER_SECOND, 36 * US_PER_SECOND)
    bench.clock.now_us = drained_at
    assert (await bench.level("r", TEN_A_MINUTE)).remaining == 0
    bench.clock.now_us += 6 * US_PER_SECOND
    assert (await bench.level("r", TEN_A_MINUTE)).remaining == MICRO


async def test_time_in_which_a_bucket_was_full_does_not_refill_it_later(bench: Bench) -> None:
    held = await bench.granted(Claim("r", TEN_A_MINUTE, MICRO))
    bench.store.settle(held, [0])
    bench.clock.now_us -= 30 * US_PER_SECOND
    await bench.granted(Claim("r", TEN_A_MINUTE, 10 * MICRO))
    bench.clock.now_us += 30 * US_PER_SECOND
    assert (await bench.level("r", TEN_A_MINUTE)).remaining == 0


async def test_a_clock_that_steps_back_over_midnight_does_not_bring_yesterdays_budget_back(bench: Bench) -> None:
    bench.clock.now_us = _us(2026, 11, 22)
    await bench.granted(Claim("b", THREE_A_DAY, 3 * MICRO))
    bench.clock.now_us -= 10 * US_PER_SECOND
    level = await bench.level("b", THREE_A_DAY, MICRO)
    assert (level.granted, level.retry_after_us) == (False, _us(2026, 11, 23) - bench.clock.now_us)


async def test_a_bucket_keeps_what_it_holds_when_its_limit_changes(bench: Bench) -> None:
    await bench.granted(Claim("r", TEN_A_MINUTE, 4 * MICRO), Claim("b", THREE_A_DAY, MICRO))
    wider = Rate.of(60 * MICRO, MINUTE_US, 60 * MICRO)
    narrower = Rate.of(5 * MICRO, MINUTE_US, 5 * MICRO)
    assert (await bench.level("r", wider)).remaining == 6 * MICRO
    assert (await bench.level("r", narrower)).remaining == 5 * MICRO
    assert (await bench.level("b", Budget(10 * MICRO, Calendar.DAY))).remaining == 9 * MICRO


async def test_what_is_left_over_of_a_refill_is_worth_nothing_under_another_rate(bench: Bench) -> None:
    slow = Rate.of(1, 10**9, 10)  # a micro-unit in 1,000 s
    await bench.granted(Claim("r", slow, 10))
    bench.clock.now_us += 2 * 10**9 - 1
    await bench.granted(Claim("r", slow, 1))
    bench.clock.now_us += 1
    assert (await bench.level("r", Rate.of(1, 1, 10))).remaining == 1


async def test_a_key_whose_kind_of_limit_changes_starts_anew(bench: Bench) -> None:
    await bench.granted(Claim("k", THREE_A_DAY, 3 * MICRO))
    await bench.granted(Claim("k", TEN_A_MINUTE, 10 * MICRO))
    await bench.granted(Claim("k", Budget(3 * MICRO, Calendar.MONTH), 3 * MICRO))
    await bench.granted(Claim("k", TWO_SLOTS, 1))


async def test_peeking_says_what_reserving_would_and_changes_nothing(bench: Bench) -> None:
    claims = [Claim("r", TEN_A_MINUTE, 6 * MICRO), Claim("b", THREE_A_DAY, 2 * MICRO), Claim("s", Concurrency(1), 1)]
    assert [level.granted for level in await bench.store.peek(claims)] == [True] * 3
    assert await bench.store.peek(claims) == await bench.store.peek(claims)
    await bench.granted(*claims)
    peeked = await bench.store.peek(claims)
    assert (await bench.reserve(*claims)).levels == peeked
    assert [level.granted for level in peeked] == [False] * 3


async def test_an_exchange_without_claims_is_granted(bench: Bench) -> None:
    held = await bench.granted()
    bench.store.settle(held, [])
    assert await bench.store.peek([]) == ()


async def test_a_thousand_at_once_against_a_hundred_grant_exactly_a_hundred(bench: Bench) -> None:
    limit = Rate.of(100 * MICRO, 86_400 * US_PER_SECOND, 100 * MICRO)
    answers = await asyncio.gather(*[bench.reserve(Claim("r", limit, MICRO)) for _ in range(1_000)])
    assert sum(isinstance(answer, Granted) for answer in answers) == 100
