"""What several processes use together, told as one process would tell it of itself."""

from __future__ import annotations

import os
import subprocess
import sys

from prometheus_client import CollectorRegistry, ProcessCollector

from proxy.process_metrics import ProcessGroup

BUSY = "x = sum(range(3_000_000)); print(x, flush=True); input()"


def told(*pids: int) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(ProcessGroup(pids))
    return {sample.name: sample.value for family in registry.collect() for sample in family.samples}


def started() -> subprocess.Popen[str]:
    """A child that has used some CPU time, and waits."""
    child = subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def test_a_group_is_the_sum_of_its_processes_and_as_old_as_the_oldest() -> None:
    with started() as child:
        alone, other, both = told(os.getpid()), told(child.pid), told(os.getpid(), child.pid)
        child.communicate("\n")
    alone_registry = CollectorRegistry()
    ProcessCollector(registry=alone_registry)
    assert both.keys() == {sample.name for family in alone_registry.collect() for sample in family.samples}
    assert both["process_resident_memory_bytes"] > max(
        alone["process_resident_memory_bytes"], other["process_resident_memory_bytes"]
    )
    assert both["process_open_fds"] >= other["process_open_fds"] + 3
    assert both["process_start_time_seconds"] == alone["process_start_time_seconds"]


def test_what_a_child_has_used_stays_in_the_sum_when_it_is_gone() -> None:
    with started() as child:
        before = told(os.getpid(), child.pid)["process_cpu_seconds_total"]
        child.communicate("\n")
    assert told(os.getpid(), child.pid)["process_cpu_seconds_total"] >= before
    assert told(os.getpid())["process_cpu_seconds_total"] >= before
