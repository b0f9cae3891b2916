"""The memory store's own: it never suspends, and it stays small."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from proxy.admission.memory import MemoryStore
from proxy.admission.quota import MICRO, Budget, Calendar, Concurrency, Rate
from proxy.admission.store import LEASE_US, Claim, Denied, Granted
from proxy.clock import US_PER_SECOND, VirtualClock

START_US = 1_780_000_000_000_000
TEN_A_MINUTE = Rate.of(10 * MICRO, 60 * US_PER_SECOND, 10 * MICRO)
T = TypeVar("T")


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that does not suspend."""
    try:
        call.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise AssertionError("it suspended")


def take(store: MemoryStore, key: str, units: int = 1) -> Granted | Denied:
    return at_once(store.reserve(f"e-{key}", [Claim(key, TEN_A_MINUTE, units * MICRO)]))


def remaining(store: MemoryStore, key: str) -> int:
    (level,) = at_once(store.peek([Claim(key, TEN_A_MINUTE, MICRO)]))
    return level.remaining // MICRO


def test_no_call_ever_suspends() -> None:
    store = MemoryStore(VirtualClock(START_US).wall_us)
    claims = [Claim("r", TEN_A_MINUTE, MICRO), Claim("s", Concurrency(1), 1)]
    admission = at_once(store.reserve("e-1", claims))
    assert isinstance(admission, Granted)
    at_once(store.renew([admission.reservation]))
    store.settle(admission.reservation, [0, 1])
    assert [level.remaining for level in at_once(store.peek(claims))] == [10 * MICRO, 1]
    at_once(store.close())


def test_buckets_that_are_full_again_make_room_for_new_ones() -> None:
    clock = VirtualClock(START_US)
    store = MemoryStore(clock.wall_us, linger_us=60 * US_PER_SECOND)
    for number in range(10_000):
        take(store, f"k{number}")
        clock.now_us += US_PER_SECOND
    # Each is full after 6 s and lingers for 60; a sweep of two for each new one keeps at most about twice the living.
    assert store.buckets < 200
    assert store.evicted == 0


def test_budgets_of_past_days_and_slots_long_free_are_dropped_too() -> None:
    clock = VirtualClock(START_US)
    store = MemoryStore(clock.wall_us)
    for day in range(20):
        for number in range(50):
            name = f"{day}-{number}"
            claims = [Claim(name, Budget(MICRO, Calendar.DAY), MICRO), Claim(name, Concurrency(1), 1)]
            assert isinstance(at_once(store.reserve(name, claims)), Granted)
        clock.now_us += 86_400 * US_PER_SECOND
    assert store.buckets <= 300


def test_a_bucket_lingers_so_that_a_clock_which_steps_back_finds_it() -> None:
    clock = VirtualClock(START_US)
    store = MemoryStore(clock.wall_us, linger_us=60 * US_PER_SECOND)
    take(store, "drained", 10)
    clock.now_us += 61 * US_PER_SECOND
    for number in range(10):
        take(store, f"k{number}")
    clock.now_us -= 59 * US_PER_SECOND
    assert remaining(store, "drained") == 0


def test_a_flood_of_invented_keys_evicts_itself_and_not_who_has_drawn_on_a_bucket() -> None:
    store = MemoryStore(VirtualClock(START_US).wall_us, max_buckets=1_000)
    for number in range(100):
        take(store, f"proven{number}", 9)
    for number in range(20_000):
        take(store, f"invented{number}")
    assert store.buckets <= 1_000
    assert store.evicted >= 19_000
    assert sum(remaining(store, f"proven{number}") == 1 for number in range(100)) == 100


def test_of_what_gives_way_only_that_counts_with_which_something_is_lost() -> None:
    store = MemoryStore(VirtualClock(START_US).wall_us, max_buckets=10)
    for number in range(100):
        admission = take(store, f"k{number}")
        assert isinstance(admission, Granted)
        store.settle(admission.reservation, [0])
    assert (store.buckets, store.evicted) == (10, 0)


def test_a_slot_taken_before_a_clock_stepped_back_keeps_no_later_one_beyond_its_lease() -> None:
    clock = VirtualClock(START_US)
    store = MemoryStore(clock.wall_us)
    slot = Claim("s", Concurrency(2), 1)
    at_once(store.reserve("before", [slot]))
    clock.now_us -= 10 * US_PER_SECOND
    at_once(store.reserve("after", [slot]))
    assert isinstance(at_once(store.reserve("third", [slot])), Denied)
    clock.now_us += LEASE_US
    assert [level.remaining for level in at_once(store.peek([slot]))] == [1]


def test_a_slot_that_is_held_is_never_evicted() -> None:
    store = MemoryStore(VirtualClock(START_US).wall_us, max_buckets=10)
    for number in range(50):
        assert isinstance(at_once(store.reserve(f"e-{number}", [Claim(f"s{number}", Concurrency(1), 1)])), Granted)
    for number in range(50):
        assert isinstance(at_once(store.reserve(f"f-{number}", [Claim(f"s{number}", Concurrency(1), 1)])), Denied)
