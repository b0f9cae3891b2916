"""Any sequence of commands has the same answers from the memory store and from a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from proxy.admission.memory import MemoryStore
from proxy.admission.quota import EXACT, MICRO, Budget, Calendar, Concurrency, Limit, Rate
from proxy.admission.redis import RedisStore
from proxy.admission.store import LEASE_US, Admission, BucketStore, Claim, Granted, Reservation
from proxy.clock import VirtualClock
from tests.redis_server import RedisServer

START_US = 1_780_000_000_000_000
AGES_US = 10**18
runs = count()


whole_units = st.integers(1, 50).map(lambda units: units * MICRO)
any_amount = whole_units | st.integers(1, 10**7) | st.integers(1, 2**52)
periods_us = st.sampled_from([1_000_000, 60_000_000, 86_400_000_000]) | st.integers(1, 2**40)


def _countable(amount: int, period_us: int, capacity: int) -> Rate:
    """The rate, or the largest of its halves that can be counted exactly."""
    try:
        return Rate.of(amount, period_us, capacity)
    except ValueError:
        return _countable(-(-amount // 2), -(-period_us // 2), -(-capacity // 2))


spent_us = st.none() | st.integers(START_US - 2**44, START_US + 2**32)
"""Of some buckets it is known since when they fill, within the last half year; or from a clock that is ahead."""
rates = st.builds(
    lambda rate, since_us: replace(rate, spent_us=since_us),
    st.builds(_countable, any_amount, periods_us, any_amount),
    spent_us,
)
budgets = st.builds(Budget, whole_units | st.integers(1, EXACT - 1), st.sampled_from(Calendar))
slots = st.builds(Concurrency, st.integers(0, 4))
limits = st.tuples(rates, rates, budgets, budgets, slots)
costs = st.integers(0, 3).map(lambda units: units * MICRO) | st.integers(0, 10**7) | st.integers(0, 2**60)
draws = st.lists(st.tuples(costs, st.booleans()), min_size=5, max_size=5)
steps_us = (
    st.integers(0, 3_000_000)
    | st.integers(-30_000_000, 0)
    | st.sampled_from([1, LEASE_US, LEASE_US - 1, 60_000_000, 86_400_000_000, 31 * 86_400_000_000])
    | st.integers(0, 2**44)
)


async def _settle(store: BucketStore, reservation: Reservation, actual: list[int]) -> None:
    store.settle(reservation, actual)


class StoresAgree(RuleBasedStateMachine):
    """Five buckets of every kind; each command goes to both stores at the same virtual time."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock(START_US)
        self.loop = asyncio.Runner()
        # Forgetting a bucket must change no answer; that is another property's matter, so here nothing is forgotten.
        self.memory = MemoryStore(self.clock.wall_us, linger_us=AGES_US)
        self.redis = RedisStore(
            self.url, prefix=f"{{agree-{next(runs)}}}:", timeout_seconds=20, now_us=self.clock.wall_us
        )
        self.limits: list[Limit] = []
        self.reservations: list[Reservation] = []
        self.settled: dict[str, list[int]] = {}
        self.names = count()

    @initialize(limits=limits)
    def begin(self, limits: tuple[Limit, ...]) -> None:
        self.limits = list(limits)

    def claims(self, wanted: list[tuple[int, bool]], chosen: set[int]) -> list[Claim]:
        return [
            Claim(f"k{place}", self.limits[place], 1 if type(self.limits[place]) is Concurrency else cost, shadow)
            for place, (cost, shadow) in enumerate(wanted)
            if place in chosen
        ]

    @rule(wanted=draws, chosen=st.sets(st.integers(0, 4)))
    def reserve(self, wanted: list[tuple[int, bool]], chosen: set[int]) -> None:
        name, claims = f"e-{next(self.names)}", self.claims(wanted, chosen)
        answer: Admission = self.loop.run(self.memory.reserve(name, claims))
        assert self.loop.run(self.redis.reserve(name, claims)) == answer
        if isinstance(answer, Granted):
            self.reservations.append(answer.reservation)

    @precondition(lambda self: self.reservations)
    @rule(data=st.data(), actual=st.lists(costs, min_size=5, max_size=5))
    def settle(self, data: st.DataObject, actual: list[int]) -> None:
        """Once, or the same again."""
        reservation = data.draw(st.sampled_from(self.reservations))
        actual = self.settled.setdefault(reservation.id, actual[: len(reservation.claims)])
        for store in (self.memory, self.redis):
            self.loop.run(_settle(store, reservation, actual))

    @precondition(lambda self: self.reservations)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        some = data.draw(st.lists(st.sampled_from(self.reservations), unique_by=lambda held: held.id))
        for store in (self.memory, self.redis):
            self.loop.run(store.renew(some))

    @rule(wanted=draws)
    def peek(self, wanted: list[tuple[int, bool]]) -> None:
        claims = self.claims(wanted, {0, 1, 2, 3, 4})
        assert self.loop.run(self.redis.peek(claims)) == self.loop.run(self.memory.peek(claims))

    @rule(step_us=steps_us)
    def wait(self, step_us: int) -> None:
        self.clock.now_us = min(self.clock.now_us + step_us, START_US + 2**46)

    @rule(data=st.data(), place=st.integers(0, 4))
    def reload(self, data: st.DataObject, place: int) -> None:
        """The policy changes a limit, and the bucket keeps what it holds."""
        kinds: list[st.SearchStrategy[Limit]] = [rates, rates, budgets, budgets, slots]
        self.limits[place] = data.draw(kinds[place])

    def teardown(self) -> None:
        self.loop.run(self.redis.close())
        self.loop.close()


def test_memory_and_redis_agree_on_any_sequence_of_commands(redis_server: RedisServer) -> None:
    StoresAgree.url = redis_server.url
    run_state_machine_as_test(
        StoresAgree,
        settings=settings(
            max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@settings(max_examples=60)
@given(
    limits=st.tuples(rates, budgets, slots),
    schedule=st.lists(st.tuples(st.integers(0, 40), costs, st.integers(0, 2**38)), max_size=60),
)
def test_dropping_what_is_full_again_changes_no_answer(
    limits: tuple[Limit, Limit, Limit], schedule: list[tuple[int, int, int]]
) -> None:
    clock = VirtualClock(START_US)
    forgetful = MemoryStore(clock.wall_us, linger_us=0)
    mindful = MemoryStore(clock.wall_us, linger_us=AGES_US)
    with asyncio.Runner() as loop:
        for number, (account, cost, step_us) in enumerate(schedule):
            clock.now_us += step_us
            claims = [
                Claim(f"k{place}-{account}", limit, 1 if type(limit) is Concurrency else cost)
                for place, limit in enumerate(limits)
            ]
            answer = loop.run(mindful.reserve(f"e-{number}", claims))
            assert loop.run(forgetful.reserve(f"e-{number}", claims)) == answer
    assert forgetful.buckets <= mindful.buckets
