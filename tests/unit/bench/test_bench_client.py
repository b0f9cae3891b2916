"""Nothing that a proxy refuses, cuts or garbles passes as a measurement."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.bench.failures import BenchError
from tests.bench.processes import Child
from tests.bench.wire import ANSWER, PLAIN_ANSWER, STREAM_HEAD
from tests.unit.bench.answers import read


def test_a_whole_answer_ends_well() -> None:
    assert read([PLAIN_ANSWER], len(ANSWER), lost=True).ends == [""]


def test_a_refusal_is_a_fault() -> None:
    assert read([PLAIN_ANSWER.replace(b"200 OK", b"429 No")], len(ANSWER)).ends == ["status 429"]


def test_an_answer_of_another_length_is_a_fault() -> None:
    assert read([PLAIN_ANSWER], 5).ends == [f"an answer of {len(ANSWER)} bytes instead of 5"]


@pytest.mark.parametrize("sent", [b"", PLAIN_ANSWER[:-1], STREAM_HEAD])
def test_an_answer_that_is_cut_is_a_fault(sent: bytes) -> None:
    assert read([sent] if sent else [], len(ANSWER), lost=True).ends == ["the connection ended within an answer"]


def test_an_answer_that_is_no_http_is_a_fault() -> None:
    (fault,) = read([b"SSH-2.0-OpenSSH_9.2\r\n"], 1).ends
    assert fault.startswith("no HTTP")


def test_a_process_that_does_not_start_is_told_with_its_last_words_and_leaves_nothing(tmp_path: Path) -> None:
    child = Child(
        "peer", [sys.executable, "-c", "raise SystemExit('no such option')"], os.sched_getaffinity(0), tmp_path
    )
    with pytest.raises(BenchError, match=r"(?s)peer ended with 1:.*no such option"):
        child.wait_until(lambda: False)
    child.stop()
    assert child.process.returncode == 1


def test_a_process_that_does_not_end_when_asked_is_ended_with_its_children(tmp_path: Path) -> None:
    deaf = "import signal, subprocess, sys; signal.signal(15, signal.SIG_IGN); print(flush=True)"
    inner = f"[sys.executable, '-c', {deaf + '; signal.pause()'!r}]"
    child = Child("deaf", [sys.executable, "-c", f"{deaf}; subprocess.run({inner})"], os.sched_getaffinity(0), tmp_path)
    said = tmp_path / "deaf.log"
    child.wait_until(lambda: said.read_text() == "\n\n")
    pids = child.pids()
    child.stop(patience_seconds=0.1)
    assert len(pids) == 2
    while any(_is_alive(pid) for pid in pids):  # a kill takes a moment
        time.sleep(0.001)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
