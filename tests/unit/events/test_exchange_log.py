"""The exchange log's file: order, rotation, and what happens when it cannot be written."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import UsageError
from proxy.events.log import MAX_WAITING, MOST_HELD_US, ExchangeLog, Rotation
from proxy.events.record import VERSION, Features, Line, PrincipalFeatures, RequestFeatures

WIDE = Rotation(max_bytes=10**9, max_age_us=10**15)


class Tally:
    """Counts what the log tells it."""

    def __init__(self) -> None:
        self.written = self.dropped = 0

    def wrote(self) -> None:
        self.written += 1

    def drop(self) -> None:
        self.dropped += 1


def opened(path: Path, rotation: Rotation = WIDE, tally: Tally | None = None) -> ExchangeLog:
    counts = tally or Tally()
    return ExchangeLog(path, rotation, lambda: 0, counts.wrote, counts.drop)


def line(name: str, ts: float = 0.0) -> Line:
    features = Features(VERSION, PrincipalFeatures("acct_1", "c"), RequestFeatures("opaque"))
    return Line(ts, name, "GET", "/v1/models", "203.0.113.7", features, None)


def begin(log: ExchangeLog, name: str, ts: float = 0.0) -> None:
    """An exchange that was admitted at once."""
    log.opened(name, partial(line, name, ts))


def ids(path: Path) -> list[str]:
    return [json.loads(text)["id"] for text in path.read_text().splitlines()]


@pytest.mark.parametrize("most", [MAX_WAITING, 2], ids=["all may wait", "the oldest stands without its answer"])
def test_lines_stand_in_order_of_arrival_whatever_ends_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("proxy.events.log.MAX_WAITING", most)
    tally = Tally()
    log = opened(tmp_path / "log", tally=tally)
    for name in "abc":
        begin(log, name)
    for name in "cba":
        log.ended(line(name))
    log.close()
    assert ids(tmp_path / "log") == ["a", "b", "c"]
    assert (tally.written, tally.dropped) == (3, 0)


def test_an_exchange_that_was_never_decided_has_no_line_to_lose_and_holds_up_nobody(tmp_path: Path) -> None:
    tally = Tally()
    log = opened(tmp_path / "log", tally=tally)
    begin(log, "lost")
    begin(log, "next")
    log.ended(line("next"))
    log.forget("lost")
    log.forget("next")
    log.close()
    assert ids(tmp_path / "log") == ["next"]
    assert tally.dropped == 0


def test_a_line_that_waits_for_an_earlier_exchange_is_not_lost_when_its_own_is_over(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    begin(log, "long")
    begin(log, "short")
    log.ended(line("short"))
    log.forget("short")
    log.ended(line("long"))
    log.forget("long")
    log.close()
    assert ids(tmp_path / "log") == ["long", "short"]


def test_closing_writes_what_has_ended_behind_one_that_is_still_open(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    begin(log, "open")
    begin(log, "done")
    log.ended(line("done"))
    log.close()
    assert ids(tmp_path / "log") == ["done"]


def test_an_exchange_that_stays_open_holds_the_others_back_for_ten_minutes_and_stands_without_its_answer(
    tmp_path: Path,
) -> None:
    now_us, tally = [0], Tally()
    log = ExchangeLog(tmp_path / "log", WIDE, lambda: now_us[0], tally.wrote, tally.drop)
    begin(log, "long")
    log.opened("undecided", lambda: None)
    for number in range(3):
        begin(log, f"e-{number}")
        log.ended(line(f"e-{number}"))
    assert (log.unwritten, tally.written) == (3, 0)
    now_us[0] = MOST_HELD_US + 1
    begin(log, "next")
    log.ended(line("next"))
    while log.unwritten:
        threading.Event().wait(0.001)
    log.ended(line("long", ts=9.0))
    log.forget("long")
    log.forget("undecided")
    log.close()
    assert ids(tmp_path / "log") == ["long", "e-0", "e-1", "e-2", "next"]
    assert (tally.written, tally.dropped) == (5, 1)


def test_numbers_of_files_put_aside_only_grow_whatever_was_carried_off(tmp_path: Path) -> None:
    for end in ("0001", "0003", "worker-0", "gz"):
        (tmp_path / f"log.{end}").touch()
    tally = Tally()
    log = opened(tmp_path / "log", Rotation(max_bytes=1, max_age_us=10**15), tally)
    for number in range(3):
        begin(log, f"e-{number}")
        log.ended(line(f"e-{number}"))
        while tally.written == number:
            threading.Event().wait(0.001)
        (tmp_path / "log.0004").unlink(missing_ok=True)
    log.close()
    assert ids(tmp_path / "log.0005") == ["e-1"]
    assert not (tmp_path / "log.0002").exists()


def test_a_file_is_put_aside_when_it_is_full_and_no_line_is_lost(tmp_path: Path) -> None:
    log = opened(tmp_path / "log", Rotation(max_bytes=400, max_age_us=10**15))
    names = [f"e-{number}" for number in range(20)]
    for name in names:
        begin(log, name)
        log.ended(line(name))
    log.close()
    parts = sorted(tmp_path.glob("log.*"))
    assert parts
    assert [name for part in [*parts, tmp_path / "log"] for name in ids(part)] == names


def test_a_file_is_put_aside_when_it_is_old_and_the_day_before_keeps_its_lines(tmp_path: Path) -> None:
    now_us, tally = [0], Tally()
    log = ExchangeLog(tmp_path / "log", Rotation(10**9, 1000), lambda: now_us[0], tally.wrote, tally.drop)
    for number, at_us in enumerate((0, 1000, 1001)):
        begin(log, f"e-{number}")
        written = tally.written
        now_us[0] = at_us
        log.ended(line(f"e-{number}"))
        while tally.written == written:
            threading.Event().wait(0.001)
    log.close()
    assert (ids(tmp_path / "log.0001"), ids(tmp_path / "log")) == (["e-0", "e-1"], ["e-2"])


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.rename(path.with_name("moved"))])
def test_a_file_that_was_removed_or_moved_away_is_begun_anew(tmp_path: Path, lose: Callable[[Path], object]) -> None:
    tally = Tally()
    log = opened(tmp_path / "log", tally=tally)
    for name in "ab":
        written = tally.written
        begin(log, name)
        log.ended(line(name))
        while tally.written == written:
            threading.Event().wait(0.001)
        if name == "a":
            lose(tmp_path / "log")
    log.close()
    assert ids(tmp_path / "log") == ["b"]


def test_a_file_that_cannot_be_put_aside_grows_on_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, tally = tmp_path / ("x" * 253), Tally()  # a number behind it would be too much for the disk
    minutes = count(0, 61_000_000)  # so that it is tried again at each look
    log = ExchangeLog(path, Rotation(1000, 10**15), minutes.__next__, tally.wrote, tally.drop)
    names = [f"e{number}" for number in range(20)]
    for name in names:
        begin(log, name)
        log.ended(line(name))
    log.close()
    assert ids(path) == names
    assert (tally.written, tally.dropped, len(caplog.records)) == (20, 0, 1)


def test_a_log_that_cannot_be_opened_is_told_before_serving_begins(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exchange-log .*missing/log: cannot be written"):
        opened(tmp_path / "missing" / "log")


class AlmostFull(io.FileIO):
    """A file on a disk with room for half of the first thing written, and then for everything again."""

    is_full = True

    def write(self, data: Any) -> int:
        data, self.is_full = data[: len(data) // 2] if self.is_full else data, False
        return super().write(data)


def test_a_line_that_the_disk_takes_half_of_leaves_nothing_behind(tmp_path: Path) -> None:
    tally = Tally()
    log = opened(tmp_path / "log", tally=tally)
    log._writer.close()
    log._writer._file = AlmostFull(tmp_path / "log", "ab")
    for name in "ab":
        begin(log, name)
        log.ended(line(name))
    log.close()
    assert (ids(tmp_path / "log"), tally.written, tally.dropped) == (["b"], 1, 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux' /dev/full, a disk that is always full")
def test_a_full_disk_drops_and_counts_and_never_raises() -> None:
    tally = Tally()
    log = opened(Path("/dev/full"), tally=tally)
    begin(log, "a")
    log.ended(line("a"))
    log.close()
    assert (tally.written, tally.dropped) == (0, 1)
