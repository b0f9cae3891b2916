"""Owns what several processes use of the machine, told as one process tells it of itself: `process_*`."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator

from prometheus_client import Metric, ProcessCollector
from prometheus_client.registry import Collector

_START = "process_start_time_seconds"
_CPU = "process_cpu_seconds_total"


class ProcessGroup(Collector):
    """This process and children of it, as they are at the moment it is made: sums, and when the oldest began.

    What children used that have ended counts on, since a sum that falls looks like a restart. So nobody may wait for a
    child while this is made: its time would count twice.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._families: dict[str, Metric] = {}
        self._values = {_CPU: ended.ru_utime + ended.ru_stime}
        for pid in pids:
            for family in _told_of(pid):
                self._add(family)

    def collect(self) -> Iterator[Metric]:
        for family in self._families.values():
            (sample,) = family.samples
            family.samples = [sample._replace(value=self._values[sample.name])]
            yield family

    def _add(self, family: Metric) -> None:
        (sample,) = family.samples
        name = sample.name
        self._families.setdefault(name, family)
        before = self._values.get(name)
        if name == _START:
            self._values[name] = sample.value if before is None else min(before, sample.value)
        else:
            self._values[name] = sample.value + (before or 0.0)


def _told_of(pid: int) -> Iterable[Metric]:
    """Nothing of one that is gone, or where there is no /proc."""
    return ProcessCollector(pid=lambda: pid, registry=None).collect()
