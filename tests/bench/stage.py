"""Owns what an experiment works with: upstream, load and contestants, each of them started when asked for first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.failures import BenchError
from tests.bench.jobs import Closed, Hold, Job, Open, Result, Streams, Traffic
from tests.bench.processes import Child, LoadGenerator, free_port, start


@dataclass(frozen=True, slots=True)
class Times:
    """How long and how large a run is. `streams` are those that are open for their memory."""

    rounds: int
    warm_s: float
    measure_s: float
    latency_s: float
    streams: int
    replay: tuple[str, ...]
    """Arguments of `simulate` for the log that is replayed."""
    accounts: int
    """That an analyst is told of for the memory that they take; 0: none."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where: proxies apart from load, upstream and Redis where there are two cores."""

    load: frozenset[int]
    proxy: frozenset[int]
    both: tuple[int, ...]
    """For two workers, one each; apart from the load where there are four."""

    @classmethod
    def here(cls) -> Cores:
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return cls(frozenset(cores), frozenset(cores), (cores[0], cores[0]))
        return cls(frozenset(cores[:1]), frozenset(cores[1:2]), tuple(cores[-2:]))


@dataclass(frozen=True, slots=True)
class Contestant:
    """A proxy under test: its port, its admin port and that of its Redis, where it has them."""

    child: Child
    port: int
    admin: int | None = None
    redis: int | None = None


class Stage:
    """Everything that runs. `stack` ends it."""

    def __init__(self, stack: ExitStack, folder: Path, times: Times) -> None:
        self.times = times
        self.folder = folder
        self.cores = Cores.here()
        self.half_loads: dict[str, float] = {}
        """Requests a second at half load, by kind of traffic; found once."""
        self.account_costs: dict[str, float] = {}
        """What an account takes; found once."""
        self.missing: dict[str, str] = {}
        """Why a contestant is not here, by its name."""
        self._stack = stack
        self._contestants: dict[str, Contestant] = {}
        self._redis: dict[str, int] = {}
        self.upstream = free_port()
        self.start_child("upstream", [sys.executable, "-m", "tests.bench.upstream", str(self.upstream)], self.upstream)
        self._load = LoadGenerator([sys.executable, "-m", "tests.bench.load"], set(self.cores.load), folder)
        stack.callback(self._load.stop)

    def contestant(self, name: str, open_it: Callable[[Stage, ExitStack], Contestant]) -> Contestant:
        """The one called `name`, started when it is asked for first. PeerMissingError where it cannot be had."""
        if name not in self._contestants:
            self._contestants[name] = open_it(self, self._stack)
        return self._contestants[name]

    def redis(self, name: str, open_it: Callable[[Stage, ExitStack, str], int]) -> int:
        """The port of a Redis that is kept for the run."""
        if name not in self._redis:
            self._redis[name] = open_it(self, self._stack, name)
        return self._redis[name]

    def measure(
        self,
        contestant: Contestant | None,
        traffic: Traffic,
        mode: Closed | Open | Streams | Hold,
        *,
        warm_s: float | None = None,
        measure_s: float | None = None,
    ) -> Result:
        """One job against a contestant, or against the upstream itself. BenchError where any of it failed."""
        job = Job(
            port=self.upstream if contestant is None else contestant.port,
            traffic=traffic,
            mode=mode,
            warm_s=self.times.warm_s if warm_s is None else warm_s,
            measure_s=self.times.measure_s if measure_s is None else measure_s,
            pids=[] if contestant is None else contestant.child.pids(),
        )
        return self._load.do(job)

    def start_child(self, name: str, command: list[str], port: int, stack: ExitStack | None = None) -> Child:
        """A helper beside the load."""
        child = Child(name, command, set(self.cores.load), self.folder)
        return start(stack or self._stack, child, port)


def run_pinned(command: list[str], cores: frozenset[int], output: Path) -> int:
    """Runs a program to its end; its CPU time in nanoseconds, of its children too. BenchError where it fails."""
    with output.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            os.sched_setaffinity(process.pid, cores)
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchError(f"{command[:4]} ended with {process.returncode}:\n{output.read_text()[-2000:]}")
    return int((usage.ru_utime + usage.ru_stime) * 1e9)
