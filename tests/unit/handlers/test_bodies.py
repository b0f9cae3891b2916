"""Which body gives way where too many bytes of them wait."""

from __future__ import annotations

import pytest

from proxy.clock import VirtualClock
from proxy.handlers.bodies import Bodies

KIB, MIB = 2**10, 2**20


class Body:
    """One that is waited for."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.size = 0
        self.gave_way = False
        bodies.came(self)

    def feed(self, size: int) -> None:
        if not self.gave_way:
            self.size += size
            self.bodies.bytes += size

    def give_way(self) -> None:
        self.gave_way = True
        self.bodies.bytes -= self.size
        self.size = 0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(10**9)


@pytest.fixture
def bodies(clock: VirtualClock) -> Bodies:
    return Bodies(100 * MIB, clock)


def pass_seconds(bodies: Bodies, clock: VirtualClock, seconds: int, *paces: tuple[Body, int]) -> None:
    """Each body comes at its pace, in bytes a second; they are looked at every five."""
    for second in range(seconds):
        clock.now_us += 1_000_000
        for body, pace in paces:
            body.feed(pace)
        if second % 5 == 4:
            bodies.look()


def test_below_the_bound_nobody_gives_way(bodies: Bodies) -> None:
    body = Body(bodies)
    body.feed(100 * MIB)
    bodies.make_room()
    assert not body.gave_way


def test_those_that_were_sent_at_once_and_then_dribble_give_way_to_one_that_comes_steadily(
    bodies: Bodies, clock: VirtualClock
) -> None:
    steady = Body(bodies)
    pass_seconds(bodies, clock, 10, (steady, MIB))
    hoarded = [Body(bodies) for _ in range(3)]
    for body in hoarded:
        body.feed(29 * MIB)
    pass_seconds(bodies, clock, 15, (steady, MIB), *((body, 1) for body in hoarded))
    bodies.make_room()
    assert not steady.gave_way
    assert [body.gave_way for body in hoarded].count(True) == 1, "no more than have to"


def test_one_that_has_just_begun_is_measured_by_the_time_it_had(bodies: Bodies, clock: VirtualClock) -> None:
    hoarded = Body(bodies)
    hoarded.feed(90 * MIB)
    pass_seconds(bodies, clock, 12, (hoarded, KIB))
    new = Body(bodies)
    clock.now_us += 100_000
    new.feed(11 * MIB)
    bodies.make_room()
    assert (hoarded.gave_way, new.gave_way) == (True, False)


def test_those_that_hold_hardly_anything_are_left_alone_however_slow(bodies: Bodies, clock: VirtualClock) -> None:
    small = [Body(bodies) for _ in range(50)]
    for body in small:
        body.feed(100)
    large = Body(bodies)
    large.feed(100 * MIB)
    pass_seconds(bodies, clock, 10, (large, 20 * KIB))
    bodies.make_room()
    assert (large.gave_way, any(body.gave_way for body in small)) == (True, False)


def test_one_that_is_whole_by_now_stays_and_the_next_gives_way(bodies: Bodies, clock: VirtualClock) -> None:
    class Whole(Body):
        def give_way(self) -> None:
            """Its end has come, and whoever waits for it has not been told yet."""

    whole, coming = Whole(bodies), Body(bodies)
    whole.feed(90 * MIB)
    coming.feed(20 * MIB)
    pass_seconds(bodies, clock, 12)
    bodies.make_room()
    assert (whole.size, coming.gave_way) == (90 * MIB, True)


def test_what_nobody_waits_for_cannot_give_way(bodies: Bodies) -> None:
    body = Body(bodies)
    body.feed(200 * MIB)
    bodies.gone(body)
    bodies.make_room()
    assert not body.gave_way


def test_none_is_slow_for_the_time_before_it_came(bodies: Bodies, clock: VirtualClock) -> None:
    pass_seconds(bodies, clock, 10)
    older = Body(bodies)
    pass_seconds(bodies, clock, 4, (older, 10 * MIB))
    newer = Body(bodies)
    clock.now_us += 100_000
    newer.feed(61 * MIB)
    bodies.make_room()
    assert (older.gave_way, newer.gave_way) == (True, False)
