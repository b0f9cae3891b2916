"""The analyst in a serving process fails no exchange, is fed beside them, and its state is always a whole one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.in_process import SLICE, ServingAnalyst, feed
from proxy.analysis.state_file import StateFile
from proxy.detection import LocalDetection
from proxy.events.event import Asked
from proxy.quiet import Reads
from proxy.verdict.analyst import Analyst
from tests.unit.analysis.pool_analyst import asked


def indigestible(moment_us: int) -> Asked:
    nonsense: Any = "nonsense"
    return Asked(moment_us, "a", "203.0.113.0/24", "client", "allow", content=nonsense)


def test_an_event_that_the_analyst_cannot_digest_is_told_of_once_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    analyst = ServingAnalyst()
    detection = LocalDetection(analyst)
    for moment_us in (1, 2):
        detection.note(indigestible(moment_us))
    detection.note(asked("a", 3))
    assert detection.snapshot(1_000_000).match("a", None) is None
    assert (analyst.observed, analyst.last_us, analyst.faults) == (3, 3, 2)
    assert caplog.text.count("the analyst failed") == 1


def test_a_judgement_that_fails_leaves_what_was_found_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise ZeroDivisionError

    def fail_on_the_way(*_: object) -> Iterator[None]:
        yield
        raise ZeroDivisionError

    analyst = ServingAnalyst()
    before = analyst.verdicts()
    judged: list[float] = []
    analyst.watch(iter((1.0, 3.5, 7.0, 7.25)).__next__, judged.append)
    monkeypatch.setattr(Analyst, "judging", fail_on_the_way)
    monkeypatch.setattr(Analyst, "verdicts", fail)
    monkeypatch.setattr(Analyst, "campaigns", fail)
    assert len(list(analyst.judging(1))) == 1
    assert analyst.verdicts() is before
    assert analyst.campaigns() is before
    assert analyst.faults == 3
    assert judged == [2.75]


async def test_events_are_taken_in_while_nobody_asks_with_pauses_for_others() -> None:
    analyst = ServingAnalyst()
    detection = LocalDetection(analyst)
    for number in range(5 * SLICE):
        detection.note(asked("a", number))
    steps, fed = [], asyncio.Event()
    feeding = asyncio.ensure_future(feed(detection, fed.set, Reads()))
    while not fed.is_set():
        await asyncio.sleep(0)
        steps.append(analyst.observed)
    feeding.cancel()
    assert steps[-1] == 5 * SLICE
    assert max(now - before for before, now in zip([0, *steps], steps, strict=False)) <= SLICE


async def test_exchanges_that_were_read_of_just_now_go_first_but_not_for_ever() -> None:
    analyst, reads, fed = ServingAnalyst(), Reads(), asyncio.Event()
    detection = LocalDetection(analyst)
    for number in range(2 * SLICE):
        detection.note(asked("a", number))
    feeding = asyncio.ensure_future(feed(detection, fed.set, reads))
    turns_by_slice: dict[int, int] = {}
    while not fed.is_set():
        reads.count += 1
        await asyncio.sleep(0)
        turns_by_slice[analyst.observed] = turns_by_slice.get(analyst.observed, 0) + 1
    feeding.cancel()
    assert turns_by_slice[SLICE] > 2


async def test_where_many_wait_more_are_taken_in_at_once() -> None:
    analyst, fed = ServingAnalyst(), asyncio.Event()
    detection = LocalDetection(analyst)
    for number in range(100 * SLICE):
        detection.note(asked("a", number))
    feeding = asyncio.ensure_future(feed(detection, fed.set, Reads()))
    turns = 0
    while not fed.is_set():
        await asyncio.sleep(0)
        turns += 1
    feeding.cancel()
    assert analyst.observed == 100 * SLICE
    assert turns < 100


@given(states=st.lists(st.binary(max_size=100), min_size=1, max_size=5))
def test_the_state_that_was_written_last_is_the_one_that_is_read(
    tmp_path_factory: pytest.TempPathFactory, states: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("state")
    file = StateFile(folder / "state")
    assert file.read() is None
    for state in states:
        file.write(state)
        assert file.read() == state
    assert [path.name for path in folder.iterdir()] == ["state"]


def test_a_write_that_fails_leaves_the_state_as_it_was(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state")
    file.write(b"before")
    (tmp_path / "state.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        file.write(b"after")
    assert file.read() == b"before"


def test_only_its_owner_reads_a_state(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state")
    file.write(b"names of accounts")
    assert file.path.stat().st_mode & 0o077 == 0
