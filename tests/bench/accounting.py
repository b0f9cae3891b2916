"""Owns what the kernel says of processes: their CPU time and their memory, children included.

CPU time is the process's own clock (`clock_getcpuclockid`): user and system time of all its threads, those that have
ended included, in nanoseconds. Memory is the proportional set size: what a process has for itself, and its share of
what it has with others. Linux only.
"""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

from tests.bench.failures import BenchError

_LIBC = ctypes.CDLL(None, use_errno=True)


def process_tree(pid: int, proc: Path = Path("/proc")) -> list[int]:
    """The process and all that descend from it, parents first."""
    tree = [pid]
    for member in tree:
        for children in sorted(proc.glob(f"{member}/task/*/children")):
            tree += map(int, children.read_text().split())
    return tree


class CpuTime:
    """The CPU time of several processes together. BenchError where one has ended: what it used would be lost."""

    def __init__(self, pids: list[int]) -> None:
        self._clocks = {pid: _clock_of(pid) for pid in pids}

    def read_ns(self) -> int:
        total = 0
        for pid, clock in self._clocks.items():
            try:
                total += time.clock_gettime_ns(clock)
            except OSError as fault:
                raise BenchError(f"process {pid} ended while it was measured") from fault
        return total


def memory_bytes(pids: list[int], proc: Path = Path("/proc")) -> int:
    """The processes' proportional set size."""
    return sum(_proportional_bytes((proc / str(pid) / "smaps_rollup").read_text()) for pid in pids)


def _proportional_bytes(rollup: str) -> int:
    for line in rollup.splitlines():
        name, _, value = line.partition(":")
        if name == "Pss":
            return int(value.split()[0]) * 1024
    raise BenchError("the kernel tells no proportional set size")


def _clock_of(pid: int) -> int:
    clock = ctypes.c_int()
    if _LIBC.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise BenchError(f"process {pid} has no CPU clock: it has ended")
    return clock.value
