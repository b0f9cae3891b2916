"""Owns the load: does one job after the other, as asked on standard input, and answers on standard output.

`python -m tests.bench.load`. The window of a measurement is opened and closed here, so that counts and CPU time are of
the same moments.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from array import array
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count, cycle
from time import perf_counter_ns

import msgspec
import uvloop

from tests.bench.accounting import CpuTime, memory_bytes
from tests.bench.client import Client
from tests.bench.failures import BenchError
from tests.bench.figures import quantiles
from tests.bench.jobs import Closed, Hold, Job, Open, Result, Streams, Traffic
from tests.bench.pacing import Alarm
from tests.bench.wire import ANSWER, Request, agent_requests, plain_requests, stream_path, stream_size

_PATIENCE_SECONDS = 30.0
"""For what is under way at the end of a window to end; it is a failure if it does not."""
_CONNECTING = 64
"""Connections that are opened at once; a listener's backlog may be 128."""
_ACCEPT_SECONDS = 0.3
"""For a proxy to take the connections that its kernel has accepted."""
_SERIALS = count()


class _Load:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.result = Result()
        self.failures: Counter[str] = Counter()
        self.ending = False
        self.latencies, self.first_latencies = array("q"), array("q")
        self._requests: Iterator[Request] = cycle(_requests(job.traffic))
        self._clients: list[Client] = []
        self._under_way = 0
        self._idle: deque[Client] = deque()
        self._due: deque[int] = deque()
        self._measured_from_ns = 0

    async def run(self) -> Result:
        match self.job.mode:
            case Closed(in_flight):
                await self._connect(in_flight, again=True)
                await self._measure()
            case Open(rate, connections):
                await self._connect(connections, again=False)
                await asyncio.sleep(_ACCEPT_SECONDS)
                await self._measure_open(rate)
            case Streams(number):
                await self._connect(number, again=False)
                self._begin_all()
                await self._measure()
            case Hold(number):
                await self._hold(number)
        for client in self._clients:
            client.abort()
        self.result.failures = dict(self.failures)
        return self.result

    async def _connect(self, number: int, *, again: bool) -> None:
        """Opens connections; with `again`, each asks as soon as it can, and anew after each answer."""
        loop, size = asyncio.get_running_loop(), _answer_size(self.job.traffic)
        ended = self._ended_again if again else self._ended
        for start in range(0, number, _CONNECTING):
            opened = await asyncio.gather(
                *[
                    loop.create_connection(lambda: Client(ended, size), "127.0.0.1", self.job.port)
                    for _ in range(min(_CONNECTING, number - start))
                ]
            )
            for _, client in opened:
                self._clients.append(client)
                if again:
                    self._ask(client)
                else:
                    self._idle.append(client)

    async def _measure(self) -> None:
        await asyncio.sleep(self.job.warm_s)
        async with self._window():
            await asyncio.sleep(self.job.measure_s)
        await self._finish()

    async def _measure_open(self, rate: float) -> None:
        rng, next_ns = random.Random(3), perf_counter_ns()
        self._measured_from_ns = next_ns + int(self.job.warm_s * 1e9)
        end_ns = self._measured_from_ns + int(self.job.measure_s * 1e9)
        over = asyncio.Event()

        def ring() -> None:
            nonlocal next_ns
            now_ns = perf_counter_ns()
            while next_ns <= now_ns:
                self._due.append(next_ns)
                next_ns += int(rng.expovariate(rate) * 1e9)
            self._ask_due()
            if next_ns < end_ns:
                alarm.set(next_ns)
            else:
                over.set()

        alarm = Alarm(ring)
        try:
            async with self._window():
                alarm.set(next_ns)
                await over.wait()
            await self._finish()
        finally:
            alarm.close()
        if self.latencies:
            self.result.latencies_us = quantiles("", self.latencies) | quantiles("first ", self.first_latencies)
        else:
            self.failures["nothing was measured"] += 1

    async def _hold(self, number: int) -> None:
        before = memory_bytes(self.job.pids)
        async with asyncio.timeout(_PATIENCE_SECONDS + number / 100):
            while len(self._clients) < number:
                await self._connect(min(_CONNECTING, number - len(self._clients)), again=False)
                self._begin_all()
                while not all(client.received for client in self._clients[-_CONNECTING:]) and not self.failures:
                    await asyncio.sleep(0.002)
        await asyncio.sleep(self.job.measure_s)
        self.result.memory_bytes = memory_bytes(self.job.pids) - before
        self.result.exchanges = self._under_way

    @asynccontextmanager
    async def _window(self) -> AsyncIterator[None]:
        """Counts what the block sees: exchanges ended, events received, CPU and wall time."""
        result, cpu = self.result, CpuTime(self.job.pids)
        exchanges, events, reads = result.exchanges_in_all, self._events(), self._reads()
        cpu_ns, wall_ns = cpu.read_ns(), perf_counter_ns()
        yield
        result.cpu_ns = cpu.read_ns() - cpu_ns
        result.wall_ns = perf_counter_ns() - wall_ns
        result.exchanges = result.exchanges_in_all - exchanges
        result.events = self._events() - events
        result.reads = self._reads() - reads

    async def _finish(self) -> None:
        self.ending = True
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while self._under_way:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            self.failures[f"no answer within {_PATIENCE_SECONDS:.0f} s"] += self._under_way

    def _events(self) -> int:
        return sum(client.events for client in self._clients)

    def _reads(self) -> int:
        return sum(client.reads for client in self._clients)

    def _begin_all(self) -> None:
        while self._idle:
            self._ask(self._idle.popleft())

    def _ask(self, client: Client, due_ns: int = 0) -> None:
        before, after = next(self._requests)
        self._under_way += 1
        client.send(b"%b%012d%b" % (before, next(_SERIALS), after), due_ns)

    def _ask_due(self) -> None:
        while self._due and self._idle:
            self._ask(self._idle.popleft(), self._due.popleft())

    def _ended_again(self, client: Client, fault: str) -> None:
        self._count(fault)
        if not fault and not self.ending:
            self._ask(client)

    def _ended(self, client: Client, fault: str) -> None:
        self._count(fault)
        if fault:
            return
        if client.due_ns >= self._measured_from_ns:
            self.latencies.append(perf_counter_ns() - client.due_ns)
            self.first_latencies.append(client.first_byte_ns - client.due_ns)
        self._idle.append(client)
        self._ask_due()

    def _count(self, fault: str) -> None:
        self._under_way -= 1
        self.result.exchanges_in_all += 1
        if fault:
            self.failures[fault] += 1


def _requests(traffic: Traffic) -> tuple[Request, ...]:
    if traffic.kind == "agent":
        return agent_requests()
    if traffic.kind == "plain":
        return plain_requests()
    return plain_requests(stream_path(traffic.deltas, traffic.gap_ms), stream=True)


def _answer_size(traffic: Traffic) -> int:
    return stream_size(traffic.deltas)[1] if traffic.kind == "stream" else len(ANSWER)


async def _do(line: bytes) -> Result:
    return await _Load(msgspec.json.decode(line, type=Job)).run()


def main() -> None:
    """Serves jobs until standard input ends."""
    gc.disable()
    for line in sys.stdin.buffer:
        gc.collect()
        try:
            result = uvloop.run(_do(line))
        except (OSError, TimeoutError, BenchError) as fault:
            result = Result(failures={f"{type(fault).__name__}: {fault}": 1})
        sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
