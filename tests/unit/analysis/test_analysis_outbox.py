"""Events of a replica wait in order and in bounds until they are delivered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.outbox import Outbox
from proxy.analysis.wire import events_of
from proxy.events.content import Content
from proxy.events.event import Answered, Asked, Event
from tests.unit.analysis.pool_analyst import asked

HASHES = st.integers(0, 2**60 - 1)
CONTENTS = st.builds(
    Content,
    pieces=st.lists(HASHES, max_size=40).map(tuple),
    asked=HASHES,
    continues=HASHES,
    signatures=st.lists(HASHES, max_size=3).map(tuple),
)
MOMENTS = st.integers(0, 2**52)
EVENTS = st.one_of(
    st.builds(
        Asked,
        moment_us=MOMENTS,
        account=st.text(max_size=8),
        network=st.text(max_size=8),
        client=st.text(max_size=8),
        action=st.sampled_from(["allow", "throttle", "block"]),
        created_us=st.none() | MOMENTS,
        verified=st.booleans(),
        content=st.none() | CONTENTS,
    ),
    st.builds(
        Answered,
        moment_us=MOMENTS,
        account=st.text(max_size=8),
        status=st.none() | st.integers(100, 599),
        signatures=st.lists(HASHES, max_size=3).map(tuple),
    ),
)


def drained(outbox: Outbox) -> list[Event]:
    events: list[Event] = []
    while (batch := outbox.batch()) is not None:
        read = events_of(batch.data)
        assert len(read) == batch.count
        events += read
        outbox.delivered()
    return events


@given(events=st.lists(EVENTS, max_size=30), size=st.integers(1, 7))
def test_events_leave_whole_in_order_and_once(events: list[Event], size: int) -> None:
    outbox = Outbox(batch=size)
    assert all(outbox.add(event) for event in events)
    assert len(outbox) == len(events)
    assert drained(outbox) == events
    assert len(outbox) == 0


@given(st.lists(st.booleans(), max_size=60))
def test_what_waits_is_bounded_and_the_oldest_goes_first(steps: list[bool]) -> None:
    outbox, kept, delivered, under_way = Outbox(most=5, batch=3), list[Event](), list[Event](), list[Event]()
    for moment, is_add in enumerate(steps):
        if is_add:
            event = asked("a", moment)
            assert outbox.add(event) == (len(kept) < 5)
            kept = [*kept, event][-5:]
        elif (batch := outbox.batch()) is not None:
            under_way, kept = kept[:3], kept[3:]
            assert events_of(batch.data) == under_way
            delivered += under_way
            outbox.delivered()
        assert len(outbox) == len(kept)


def test_a_batch_that_was_not_delivered_is_the_same_batch_again() -> None:
    outbox = Outbox(batch=2)
    for moment in range(2):
        outbox.add(asked("a", moment))
    first = outbox.batch()
    outbox.add(asked("a", 2))
    assert outbox.batch() == first
    outbox.delivered()
    second = outbox.batch()
    assert first is not None
    assert second is not None
    assert second.serial > first.serial


def test_an_event_that_cannot_be_written_costs_itself_and_nothing_else() -> None:
    outbox = Outbox()
    outbox.add(asked("a", 1))
    assert not outbox.add(asked("a", 2, network="\ud800"))
    assert not outbox.add(asked("a", 3, asn=2**70))
    outbox.add(asked("a", 4))
    assert [event.moment_us for event in drained(outbox)] == [1, 4]
