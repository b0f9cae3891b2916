"""What the kernel says of processes, read by the benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench.accounting import CpuTime, memory_bytes, process_tree
from tests.bench.failures import BenchError


def test_cpu_time_of_a_process_is_what_it_says_itself() -> None:
    clock = CpuTime([os.getpid()])
    before_ns = time.process_time_ns()
    assert before_ns <= clock.read_ns() <= time.process_time_ns()


def test_cpu_time_of_several_processes_is_their_sum() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    own, childs, both = CpuTime([os.getpid()]), CpuTime([child.pid]), CpuTime([os.getpid(), child.pid])
    before_ns = own.read_ns() + childs.read_ns()
    assert before_ns <= both.read_ns() <= own.read_ns() + childs.read_ns()
    child.communicate(b"\n")


def test_a_process_that_ends_while_it_is_measured_is_no_measurement() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    clock = CpuTime([child.pid])
    child.communicate(b"\n")
    with pytest.raises(BenchError, match="ended while it was measured"):
        clock.read_ns()
    with pytest.raises(BenchError, match="has ended"):
        CpuTime([child.pid])


def test_a_process_tree_holds_children_of_every_thread_and_theirs(tmp_path: Path) -> None:
    for task, children in {"1/task/1": "2 3 ", "1/task/9": "4 ", "2/task/2": "", "3/task/3": "5 "}.items():
        folder = tmp_path / task
        folder.mkdir(parents=True)
        (folder / "children").write_text(children)
    assert process_tree(1, tmp_path) == [1, 2, 3, 4, 5]


def test_memory_is_the_proportional_set_size_of_all(tmp_path: Path) -> None:
    for pid, kib in ((1, 1000), (2, 24)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "smaps_rollup").write_text(
            f"5500-7fff ---p 00000000 00:00 0  [rollup]\nRss:  9999 kB\nPss:  {kib} kB\nPss_Dirty: 5 kB\n"
        )
    assert memory_bytes([1, 2], tmp_path) == 1024 * 1024


def test_the_memory_of_this_process_is_known() -> None:
    assert memory_bytes([os.getpid()]) > 1024 * 1024
